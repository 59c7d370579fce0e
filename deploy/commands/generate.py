"""p2es generate: a recording in, a 12-lead record out, offline."""

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from deploy.context import settings_of
from deploy.settings import calibration_files
from stream.messages import GRID_FS_HZ

__all__ = ["command"]


def command(
    context: typer.Context,
    record: Annotated[Path, typer.Argument(help="WFDB, EDF, CSV, Polar Sensor Logger text, or a recorded session")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder for NAME.hea, NAME.dat and NAME.json")],
    channel: Annotated[str | None, typer.Option(help="PPG channel; PLETH or PPG when left out")] = None,
    fs: Annotated[float | None, typer.Option(help="rate in Hz of a CSV without a time column", min=0)] = None,
    patient: Annotated[str | None, typer.Option(help="patient id; the file's name when left out")] = None,
    age: Annotated[float | None, typer.Option(min=0, max=120, help="years; overrides the header")] = None,
    sex: Annotated[str | None, typer.Option(help="F or M; overrides the header")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="file of p2es calibrate; the patient's in the settings when left out")
    ] = None,
) -> None:
    """Estimate the 12-lead ECG of a recording through the same windows as live.

    Writes a WFDB record at 128 Hz in mV, NaN where the model abstains, and beside it a JSON with heart rate, quality
    and confidence per second, beats, and what was abstained and why. Estimated from PPG. Not for diagnosis."""
    from deploy.generate import generate  # torch takes seconds to load, and other commands do not need it
    from deploy.replaying import overridden
    from inference.engine import Engine
    from ingest.recordings import read_recording

    settings = settings_of(context)
    if sex not in (None, "F", "M"):
        raise typer.BadParameter("--sex is F or M")
    recording = read_recording(record, channel, fs)
    person = overridden(recording, age, sex)
    name = patient or recording.name
    file = calibration or calibration_files(settings).get(name)
    engine = Engine.load(settings.infer.engine, {name: file} if file else None)
    total = recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1
    with tqdm(total=total // GRID_FS_HZ, unit="s", desc=recording.name, leave=False) as bar:
        path = generate(
            recording,
            out,
            engine,
            name,
            person,
            lambda done: bar.update(done // GRID_FS_HZ - bar.n),
        )
    typer.echo(f"{path}.hea {path}.dat {path}.json")

"""p2es generate: a recording in, a 12-lead record out, offline."""

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from deploy.context import settings_of
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
) -> None:
    """Estimate the 12-lead ECG of a recording through the same windows as live.

    Writes a WFDB record at 128 Hz in mV, NaN where the model abstains, and beside it a JSON with heart rate, quality
    and confidence per second, beats, and what was abstained and why. Estimated from PPG. Not for diagnosis."""
    from deploy.generate import generate  # torch takes seconds to load, and other commands do not need it
    from deploy.replaying import overridden
    from inference.engine import Engine
    from ingest.recordings import read_recording

    if sex not in (None, "F", "M"):
        raise typer.BadParameter("--sex is F or M")
    recording = read_recording(record, channel, fs)
    person = overridden(recording, age, sex)
    engine = Engine.load(settings_of(context).infer.engine)
    total = recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1
    with tqdm(total=total // GRID_FS_HZ, unit="s", desc=recording.name, leave=False) as bar:
        path = generate(
            recording,
            out,
            engine,
            patient or recording.name,
            person,
            lambda done: bar.update(done // GRID_FS_HZ - bar.n),
        )
    typer.echo(f"{path}.hea {path}.dat {path}.json")

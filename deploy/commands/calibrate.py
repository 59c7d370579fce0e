"""p2es calibrate: a person's own ECG beside their PPG into a file that makes their estimates theirs."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(
    context: typer.Context,
    record: Annotated[Path, typer.Argument(help="PPG and ECG at once: WFDB, EDF or a recorded session")],
    patient: Annotated[str, typer.Option(help="id of the patient it is of")],
    out: Annotated[Path, typer.Option("-o", "--out", help="file to write (.json), or a folder for PATIENT.json")],
    channel: Annotated[str | None, typer.Option(help="PPG channel; PLETH or PPG when left out")] = None,
    from_s: Annotated[float, typer.Option("--from", help="where the stretch begins, in s", min=0)] = 0.0,
    seconds: Annotated[float, typer.Option(help="length of the stretch; 30 to 60 are enough")] = 60.0,
) -> None:
    """Measure a person's pulse delay and own beat from 30 s or more of their ECG, any leads, beside their PPG.

    Refuses a recording whose ECG and PPG do not belong together. Name the file in the settings
    (patients.ID.calibration) or give it to `generate --calibration`. Not for diagnosis."""
    from deploy.calibrate import calibrate  # torch takes seconds to load, and other commands do not need it
    from inference.engine import Engine
    from inference.personal.calibration import write_calibration
    from ingest.recordings import read_recording
    from sinks.wfdb_writer import safe_name

    recording = read_recording(record, channel)
    one = calibrate(recording, Engine.load(settings_of(context).infer.engine), patient, from_s, seconds)
    path = out if out.suffix == ".json" else out / f"{safe_name(patient)}.json"
    write_calibration(one, path)
    leads = ", ".join(one.leads) or "no lead (only the delay)"
    typer.echo(
        f"{path}: delay {one.delay_s:.3f} s (spread {one.quality.spread_ms:.0f} ms), own beat in {leads}; "
        f"{one.quality.f1:.0%} of {one.quality.ecg_beats} beats match, agreement "
        f"{one.quality.agreement:.2f}, by chance {one.quality.chance:.2f}"
    )

"""p2es replay: a recorded session as if its wearable were here."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["command", "speed_factor"]


def command(
    context: typer.Context,
    record: Annotated[Path, typer.Argument(help="WFDB, EDF, CSV, Polar Sensor Logger text, or a recorded session")],
    channel: Annotated[str | None, typer.Option(help="PPG channel; the usual names when left out")] = None,
    fs: Annotated[float | None, typer.Option(help="rate in Hz of a CSV without a time column", min=0)] = None,
    patient: Annotated[str | None, typer.Option(help="patient id; the file's name when left out")] = None,
    device: Annotated[str | None, typer.Option(help="device id; replay-NAME when left out")] = None,
    age: Annotated[float | None, typer.Option(min=0, max=120, help="years; overrides the header")] = None,
    sex: Annotated[str | None, typer.Option(help="F or M; overrides the header")] = None,
    speed: Annotated[str, typer.Option(help="1 is real time, 20 twenty times, max as fast as it goes")] = "1",
    shift: Annotated[str, typer.Option(help="original or now: the times of the samples")] = "original",
    seconds: Annotated[float | None, typer.Option(min=1, help="only the first so many")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="start again at the end, each round a session")] = False,
    faults: Annotated[
        str | None,
        typer.Option(
            help="rehearse a bad day: drop, duplicate, reorder, late, gap (probabilities), gap_s, drift_ppm, "
            "noise, seed; as drop=0.01,late=0.01,seed=7. Give it a --device of its own"
        ),
    ] = None,
) -> None:
    """Send a recording into ppg.chunks (and its ECG into ecg.reference), paced like a live device.

    Killed and started again it sends the same chunks, which are dropped as duplicates."""
    from deploy.replaying import Replay, run_replay
    from ingest.faults import parse_faults
    from ingest.recordings import first_seconds, read_recording  # wfdb takes a second to load

    factor = speed_factor(speed)
    if shift not in ("original", "now"):
        raise typer.BadParameter("original or now", param_hint="--shift")
    if sex not in (None, "F", "M"):
        raise typer.BadParameter("F or M", param_hint="--sex")
    recording = read_recording(record, channel, fs)
    if seconds is not None:
        recording = first_seconds(recording, seconds)
    wanted = Replay(recording, patient, device, age, sex, factor, shift, loop, parse_faults(faults) if faults else None)
    run_stage(lambda stop: run_replay(wanted, settings_of(context).kafka, stop))


def speed_factor(speed: str) -> float:
    """What --speed means: a number above 0, or max."""
    try:
        factor = float("inf") if speed == "max" else float(speed)
    except ValueError:
        factor = 0.0
    if not factor > 0:
        raise typer.BadParameter("a number above 0, or max", param_hint="--speed")
    return factor

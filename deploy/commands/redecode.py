"""p2es redecode: raw frames through today's decoder."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(
    context: typer.Context,
    session: Annotated[Path, typer.Argument(help="session folder with raw frames, or one of its raw files alone")],
    out: Annotated[Path, typer.Option("-o", "--out", help="folder for the new PATIENT/SESSION folder")],
) -> None:
    """Decode the raw frames of a session again, after a mend of a decoder, into a new session folder.

    `p2es replay` sends it through the chain again."""
    from deploy.redecode import redecode
    from ingest.raw_files import raw_name
    from sinks.recorder.process import Recorder, probe
    from stream.kafka import MOTION, NUMERICS, PPG_CHUNKS

    done = redecode(session)
    probe(out)
    recorder = Recorder(replace(settings_of(context).record, folder=out))
    for topic, message, _ in done.messages:
        if topic in (PPG_CHUNKS, MOTION, NUMERICS):
            recorder.take(message)
    recorder.close()
    if done.first_file:
        typer.echo(f"from {raw_name(done.first_file)} on: what the session sent before is not there")
    line = done.pipeline
    samples = sum(len(message.samples) for topic, message, _ in done.messages if topic == PPG_CHUNKS)
    typer.echo(f"{line.frames} frames, {line.bad_frames} of them unreadable: {samples} samples, {len(line.gaps)} gaps")
    for gap in line.gaps:
        typer.echo(f"gap of {(gap.stop_ns - gap.start_ns) / 1e9:.3f} s after {gap.start_ns}")

"""The raw frames of a session through today's decoders: the same messages as live, or better ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.devices.driver import Started
from ingest.devices.registry import driver_named
from ingest.errors import BadRecording
from ingest.pipeline import Frame, Identity, Out, Pipeline
from ingest.raw_log import read_raw

__all__ = ["Redecoded", "redecode"]


@dataclass(frozen=True, slots=True)
class Redecoded:
    """messages in their order; pipeline: what it counted; first_file: of the session's raw files, the number of the
    first that was there."""

    messages: list[Out]
    pipeline: Pipeline
    first_file: int


def redecode(path: Path) -> Redecoded:
    """path: of a raw log's folder, or of one of its files alone. Raises BadRecording, UnknownDriver."""
    lines = read_raw(path)
    try:
        head = next(lines)
        pipeline = Pipeline(Identity(**head["identity"]), driver_named(head["driver"]))
        first_file = head.get("file", 0)
        messages: list[Out] = []
        last_ns = 0
        for line in lines:
            last_ns = line.get("at", last_ns)
            if "hex" in line:
                messages += pipeline.take(Frame(line["at"], line["gen"], line["from"], bytes.fromhex(line["hex"])))
            elif "started" in line:
                pipeline.begin(Started(**line["started"]))
            elif "broken" in line:
                messages += pipeline.break_off()
            elif "ended" in line:
                messages += pipeline.end(line["at"])
                return Redecoded(messages, pipeline, first_file)
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise BadRecording(f"{path}: not a whole raw log ({error})") from error
    # a collector that was killed wrote no end
    return Redecoded(messages + pipeline.end(last_ns), pipeline, first_file)

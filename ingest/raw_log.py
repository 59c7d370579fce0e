"""Every notification of a session as it came, in a text file beside the session's recording, so that a better decoder
can be run over it again (`p2es redecode`). One JSON object a line; the first says whose frames they are.

{"raw": 1, "driver": ..., "identity": {...}}              once
{"at": ns, "gen": 2, "started": {...}}                      a connection streams
{"at": ns, "gen": 2, "from": CHARACTERISTIC, "hex": ...}   a notification
{"at": ns, "gap": [start_ns, stop_ns]}                     no samples between these two, whose times they are
{"at": ns, "gen": 2, "broken": why}                        the connection is over
{"at": ns, "gen": 2, "ended": true}                        the session is over"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingest.chunker import Gap
from ingest.devices.driver import Started
from ingest.errors import BadRecording
from ingest.pipeline import Frame, Identity

__all__ = ["RAW_NAME", "RawLog", "read_raw"]

log = logging.getLogger(__name__)
RAW_NAME = "raw.jsonl"


class RawLog:
    """Appends to one file. A disk that takes no more ends the log, with one line, and never the collecting."""

    def __init__(self, folder: Path, driver: str, identity: Identity) -> None:
        self._path = folder / RAW_NAME
        self._file = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a")
        except OSError as error:
            self._give_up(error)
        self._write(json.dumps({"raw": 1, "driver": driver, "identity": asdict(identity)}))

    def started(self, at_ns: int, generation: int, started: Started) -> None:
        """A connection streams."""
        self._write(json.dumps({"at": at_ns, "gen": generation, "started": asdict(started)}))

    def frame(self, frame: Frame) -> None:
        """A notification."""
        self._write(  # by hand: this is the line that is written thousands of times a second
            f'{{"at": {frame.arrived_ns}, "gen": {frame.generation}, "from": "{frame.characteristic}", '
            f'"hex": "{frame.data.hex()}"}}'
        )

    def gaps(self, at_ns: int, found: list[Gap]) -> None:
        """Stretches without samples, which have just ended."""
        for one in found:
            self._write(json.dumps({"at": at_ns, "gap": [one.start_ns, one.stop_ns]}))

    def broken(self, at_ns: int, generation: int, why: str) -> None:
        """The connection is over."""
        self._write(json.dumps({"at": at_ns, "gen": generation, "broken": why}))

    def ended(self, at_ns: int, generation: int) -> None:
        """The session is over."""
        self._write(json.dumps({"at": at_ns, "gen": generation, "ended": True}))

    def flush(self) -> None:
        """Give what was written to the system: a killed process loses nothing of it."""
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Flush and let the file go."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: str) -> None:
        if self._file is not None:
            try:
                self._file.write(line + "\n")
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.error("raw frames are not kept any more: %s: %s", self._path, error.strerror)
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                return  # what it still held is what could not be written


def read_raw(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log, from its file or its folder; a last one that was cut off is left out.

    Raises BadRecording when it is not there or is none."""
    file = path / RAW_NAME if path.is_dir() else path
    try:
        with file.open() as lines:
            for number, line in enumerate(lines):
                try:
                    found = json.loads(line)
                except ValueError as error:
                    if not line.endswith("\n"):
                        return
                    raise BadRecording(f"{file}: line {number + 1} is not one of a raw log ({error})") from error
                if number == 0 and not (isinstance(found, dict) and found.get("raw") == 1):
                    raise BadRecording(f"{file}: not a log of raw frames (p2es collect and p2es record write them)")
                yield found
    except OSError as error:
        raise BadRecording(f"{file}: {error.strerror}; raw frames are kept by p2es collect and p2es record") from error

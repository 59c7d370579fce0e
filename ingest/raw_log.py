"""Every notification of a session as it came, in text files beside the session's recording (`raw_files.py`), so that a
better decoder can be run over it again (`p2es redecode`). One JSON object a line; the first says whose frames they are.

{"raw": 1, "driver": ..., "identity": {...}}              once
{"at": ns, "gen": 2, "started": {...}}                      a connection streams
{"at": ns, "gen": 2, "from": CHARACTERISTIC, "hex": ...}   a notification
{"at": ns, "gap": [start_ns, stop_ns]}                     no samples between these two, whose times they are
{"at": ns, "gen": 2, "broken": why}                        the connection is over
{"at": ns, "gen": 2, "ended": true}                        the session is over

A file that goes on from another begins with the same first line, and in it "file", its number, and "streams", the line
of the connection that streams, or null: what came before it may be deleted."""

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
from ingest.raw_files import RAW_NAME, RawFiles, raw_files, raw_name

__all__ = ["RawLog", "read_raw"]

log = logging.getLogger(__name__)


class RawLog:
    """Appends to a file, and to the next when it is full. A disk that takes no more ends the log, with one line, and
    never the collecting. folder: of the session. limit_bytes: of all raw logs of the device, 0 for no limit."""

    def __init__(self, folder: Path, driver: str, identity: Identity, limit_bytes: int = 0) -> None:
        self._folder, self._number = folder, 0
        self._head = {"raw": 1, "driver": driver, "identity": asdict(identity)}
        self._streams: dict[str, Any] | None = None
        self._path = folder / RAW_NAME
        self._file = None
        self._bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = RawFiles(folder, identity.device, limit_bytes)
            self._begin(self._head)
        except OSError as error:
            self._give_up(error)

    def started(self, at_ns: int, generation: int, started: Started) -> None:
        """A connection streams."""
        line = {"at": at_ns, "gen": generation, "started": asdict(started)}
        self._write(json.dumps(line))
        self._streams = line

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
        self._streams = None

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
                if self._bytes + len(line) >= self._files.file_bytes:
                    self._file.close()  # whole before the next is begun
                    self._files.add(self._path, self._bytes)
                    self._number += 1
                    self._begin(self._head | {"file": self._number, "streams": self._streams})
                self._put(line)
            except OSError as error:
                self._give_up(error)

    def _begin(self, head: dict[str, Any]) -> None:
        """A file. Raises OSError."""
        self._path = self._folder / raw_name(self._number)
        for path in self._files.make_room():
            log.info("%s is deleted: the device's raw frames reached collect.raw_mb", path)
        self._file = self._path.open("a")
        self._bytes = 0
        self._put(json.dumps(head))

    def _put(self, line: str) -> None:
        assert self._file is not None
        self._file.write(line + "\n")
        self._bytes += len(line) + 1  # all of it is ASCII

    def _give_up(self, error: OSError) -> None:
        log.error("raw frames are not kept any more: %s: %s", error.filename or self._path, error.strerror)
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                return  # what it still held is what could not be written


def read_raw(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log, from its folder or one of its files; a last one that was cut off is left out. When the first
    files were deleted, the first line has the number of the first that is left ("file").

    Raises BadRecording when it is not there, is none, or misses a file in the middle."""
    number = None
    for file in _files_of(path):
        lines = _lines(file)
        head = next(lines, None)
        if head is None:
            continue  # killed before its first line was whole
        if number is None:
            yield head
            if head.get("streams"):
                yield head["streams"]
        elif head.get("file") != number + 1:
            raise BadRecording(f"{path}: {raw_name(number + 1)} is missing; give the files that are there one by one")
        number = head.get("file", 0)
        yield from lines


def _files_of(path: Path) -> list[Path]:
    try:
        return (raw_files(path) or [path / RAW_NAME]) if path.is_dir() else [path]
    except OSError as error:
        raise _unreadable(path, error) from error


def _lines(file: Path) -> Iterator[dict[str, Any]]:
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
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: OSError) -> BadRecording:
    return BadRecording(f"{path}: {error.strerror}; raw frames are kept by p2es collect and p2es record")

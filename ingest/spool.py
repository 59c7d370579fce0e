"""Messages kept on the disk while the broker is away: in order, bounded, the oldest given up first, safe after a kill.

A segment is a file of records: length, checksum, number, then topic, key and message. It is deleted when all of it was
sent; after a crash the messages of one segment may be sent again, under the same session and number as before."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import BadSpool
from ingest.metrics import SPOOL_BYTES, SPOOL_DROPPED

__all__ = ["Entry", "Spool", "probe_spool"]

log = logging.getLogger(__name__)
_HEADER = struct.Struct("<IIQ")
_SEGMENT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One message, encoded."""

    topic: str
    key: str
    value: bytes


class Spool:
    """One folder, used by one process. limit_bytes: of all segments. Raises BadSpool when it cannot be used."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit = folder, limit_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, limit_bytes // 8)  # what is given up at once
        self._lock = _locked(folder)
        self._segments: dict[Path, list[tuple[int, Entry]]] = {}  # all but the last are closed
        self._open = False
        self._next = 0
        self.bytes = 0
        self.dropped = 0
        for path in sorted(folder.glob("*.spool")):
            found, size = _read(path)
            self._segments[path] = found
            self.bytes += size
            self._next = max(self._next, *(number + 1 for number, _ in found), 0) if found else self._next
        SPOOL_BYTES.set(self.bytes)

    def __len__(self) -> int:
        return sum(map(len, self._segments.values()))

    def append(self, entries: Iterable[Entry]) -> int:
        """Keep messages, the oldest ones given up when there is no room. Returns the number of the last one."""
        for entry in entries:
            number, self._next = self._next, self._next + 1
            record = _record(number, entry)
            while self._segments and self.bytes + len(record) > self._limit:
                self._give_up()
            self._write(number, entry, record)
        SPOOL_BYTES.set(self.bytes)
        return self._next - 1

    def oldest(self, sent: int = -1) -> list[Entry]:
        """The messages of the oldest segment that are numbered after `sent`; empty when nothing is kept."""
        while self._segments:
            path = next(iter(self._segments))
            if len(self._segments) == 1:
                self._open = False  # what comes now goes to a segment of its own
            waiting = [entry for number, entry in self._segments[path] if number > sent]
            if waiting:
                return waiting
            self.done(waiting)
        return []

    def done(self, entries: list[Entry]) -> None:
        """What `oldest` gave was sent. Nothing happens when it was given up meanwhile."""
        path = next(iter(self._segments), None)
        if path is not None and (not entries or self._segments[path][-1][1] is entries[-1]):
            self._remove(path)
            SPOOL_BYTES.set(self.bytes)

    def close(self) -> None:
        """Let another process use the folder."""
        os.close(self._lock)

    def _write(self, number: int, entry: Entry, record: bytes) -> None:
        while True:
            path = self._current(number)
            try:
                _add(path, record)
            except OSError as error:
                if len(self._segments) > 1:
                    self._give_up()  # makes room on a full disk
                    continue
                log.error("the spool in %s cannot be written: %s", self._folder, error.strerror)
                self._count_dropped(1)
                return
            self._segments.setdefault(path, []).append((number, entry))
            self.bytes += len(record)
            return

    def _current(self, number: int) -> Path:
        newest = next(reversed(self._segments), None)
        if newest is not None and self._open and newest.stat().st_size < self._segment_bytes:
            return newest
        self._open = True
        return self._folder / f"{number:016d}.spool"

    def _give_up(self) -> None:
        path = next(iter(self._segments))
        self._count_dropped(len(self._segments[path]))
        self._remove(path)

    def _remove(self, path: Path) -> None:
        if len(self._segments) == 1:
            self._open = False
        self.bytes -= sum(_HEADER.size + len(_body(entry)) for _, entry in self._segments.pop(path))
        path.unlink(missing_ok=True)

    def _count_dropped(self, messages: int) -> None:
        if not self.dropped:
            log.warning("the spool is full: the oldest messages are given up")
        self.dropped += messages
        SPOOL_DROPPED.inc(messages)


def _add(path: Path, record: bytes) -> None:
    """Append all of a record or nothing: what came after half of one could not be read."""
    with path.open("ab", buffering=0) as file:  # a buffer would try again to write what the disk did not take
        before = file.tell()
        if (file.write(record) or 0) < len(record):
            file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def probe_spool(folder: Path) -> bool:
    """Whether a collector uses the folder now. Raises BadSpool when none could."""
    try:
        os.close(_locked(folder))
    except _InUse:
        return True
    return False


class _InUse(BadSpool):
    pass


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise BadSpool(f"the spool {folder} cannot be used: {error.strerror}; set collect.spool_folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise _InUse(
            f"the spool {folder} is in use by another p2es: set collect.spool_folder to one of its own"
        ) from error
    return lock


def _body(entry: Entry) -> bytes:
    return b"\0".join((entry.topic.encode(), entry.key.encode(), entry.value))


def _record(number: int, entry: Entry) -> bytes:
    body = _body(entry)
    return _HEADER.pack(len(body), zlib.crc32(body), number) + body


def _read(path: Path) -> tuple[list[tuple[int, Entry]], int]:
    """The whole records of a segment and their size; what a crash cut off at its end is left out."""
    data, at, found = path.read_bytes(), 0, []
    while at + _HEADER.size <= len(data):
        length, checksum, number = _HEADER.unpack_from(data, at)
        body = data[at + _HEADER.size : at + _HEADER.size + length]
        if len(body) < length or zlib.crc32(body) != checksum:
            log.warning("%s: %d bytes at the end are not whole and are left out", path, len(data) - at)
            break
        topic, key, value = body.split(b"\0", 2)
        found.append((number, Entry(topic.decode(), key.decode(), value)))
        at += _HEADER.size + length
    return found, at

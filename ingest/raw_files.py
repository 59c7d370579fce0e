"""The files raw logs lie in: raw.jsonl, raw.1.jsonl, raw.2.jsonl ... in a session's folder, in the order they were
written. None is ever renamed or written to again, so that a process killed at any moment leaves whole files and at most
one last line that was cut off. Of one device the oldest are deleted first, over all its sessions."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path

__all__ = ["RAW_NAME", "RawFiles", "raw_files", "raw_name"]

RAW_NAME = "raw.jsonl"
_NAME = re.compile(r"raw(?:\.([1-9][0-9]*))?\.jsonl")
_LONGEST_HEAD = 65_536
_FILE_BYTES = 10_000_000  # five hours of a Verity Sense


class RawFiles:
    """What is kept of one device. session: the folder of the running session; its neighbours, and those of other
    patients beside them, hold the earlier ones. limit_bytes: of all files together, 0 for no limit."""

    def __init__(self, session: Path, device: str, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.file_bytes = min(_FILE_BYTES, limit_bytes // 8) if limit_bytes else _FILE_BYTES
        self._kept = deque(_earlier(session, device) if limit_bytes else ())
        self._bytes = sum(size for _, size in self._kept)

    def add(self, path: Path, size: int) -> None:
        """A file that is full."""
        self._kept.append((path, size))
        self._bytes += size

    def make_room(self) -> list[Path]:
        """Delete the oldest until another file fits, before it is begun. Returns what was deleted. Raises OSError."""
        deleted = []
        while self._limit and self._kept and self._bytes + self.file_bytes > self._limit:
            path, size = self._kept[0]
            path.unlink(missing_ok=True)
            self._kept.popleft()
            self._bytes -= size
            deleted.append(path)
        return deleted


def raw_name(number: int) -> str:
    """Of the file so far from a session's first one."""
    return f"raw.{number}.jsonl" if number else RAW_NAME


def raw_files(session: Path) -> list[Path]:
    """Of one session, in the order they were written."""
    found = {int(name[1] or 0): path for path in session.iterdir() if (name := _NAME.fullmatch(path.name))}
    return [found[number] for number in sorted(found)]


def _earlier(session: Path, device: str) -> list[tuple[Path, int]]:
    """Of the device's earlier sessions, with their sizes, the oldest first: a session's name begins with its time."""
    folders = {path.parent.resolve() for path in session.parent.parent.glob("*/*/raw*.jsonl")}
    found = []
    for folder in sorted(folders, key=lambda one: one.name):
        files = raw_files(folder)
        if next(filter(None, map(_device, files)), None) == device:
            found += [(path, path.stat().st_size) for path in files]
    return found


def _device(path: Path) -> str | None:
    """Whose frames a file holds; None when it does not say, being cut off before its first line was whole."""
    try:
        with path.open() as lines:
            return json.loads(lines.readline(_LONGEST_HEAD))["identity"]["device"]
    except (OSError, ValueError, KeyError, TypeError):
        return None

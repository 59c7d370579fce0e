"""A WFDB record that grows at any place: what is written again lies on the same bytes, holes are WFDB's invalid mark.

The header is replaced after the data are on the disk, so a reader sees a valid record at any moment, and a crash leaves
at worst samples that the header does not count yet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sinks.errors import Rejected
from sinks.wfdb_writer import INVALID, Column, header_text, replace_file

__all__ = ["SignalFile"]

_LONGEST_HOLE_S = 7 * 86_400
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class _Layout:
    dtype: np.dtype
    invalid: int
    row_bytes: int


class SignalFile:
    """path without extension; form: WFDB format, 16 or 32. An existing file is gone on with."""

    def __init__(
        self, path: Path, columns: tuple[Column, ...], fs_hz: float, form: str, comments: tuple[str, ...] = ()
    ) -> None:
        self.path, self.columns, self.fs_hz, self.form, self.comments = path, columns, fs_hz, form, comments
        dtype = np.dtype("<i2" if form == "16" else "<i4")
        self._layout = _Layout(dtype, INVALID[form], dtype.itemsize * len(columns))
        self._file = os.open(path.with_suffix(".dat"), os.O_RDWR | os.O_CREAT, 0o640)
        self.samples = os.fstat(self._file).st_size // self._layout.row_bytes
        self._dirty = False

    def put(self, index: int, rows: np.ndarray) -> None:
        """Write (n, columns) stored values at sample `index`. Raises Rejected when that would leave an absurd hole."""
        if index - self.samples > _LONGEST_HOLE_S * self.fs_hz:
            raise Rejected(f"{index - self.samples} samples after the end of what was recorded: its time is wrong")
        if index < 0:
            self._move(-index)
            index = 0
        while self.samples < index:
            self._fill(self.samples, min(index - self.samples, _BLOCK))
        self._write(index, np.ascontiguousarray(rows, self._layout.dtype).tobytes())
        self.samples = max(self.samples, index + len(rows))
        self._dirty = True

    def flush(self) -> None:
        """On the disk when this returns: first the samples, then the header that counts them."""
        if not self._dirty:
            return
        os.fsync(self._file)
        text = header_text(self.path.name, self.columns, self.fs_hz, self.samples, self.form, self.comments)
        replace_file(self.path.with_suffix(".hea"), text.encode())
        self._dirty = False

    def close(self) -> None:
        """Flush and let the file go."""
        self.flush()
        os.close(self._file)

    def _fill(self, index: int, n: int) -> None:
        rows = np.full((n, len(self.columns)), self._layout.invalid, self._layout.dtype)
        self._write(index, rows.tobytes())
        self.samples = index + n

    def _write(self, index: int, content: bytes) -> None:
        at = index * self._layout.row_bytes
        while content:
            done = os.pwrite(self._file, content, at)
            content, at = content[done:], at + done

    def _move(self, by: int) -> None:
        """Earlier samples came later: make room before the first."""
        if by > _LONGEST_HOLE_S * self.fs_hz:
            raise Rejected(f"{by} samples before the start of what was recorded: its time is wrong")
        size = self.samples * self._layout.row_bytes
        content = os.pread(self._file, size, 0)
        kept, self.samples = self.samples, 0
        while self.samples < by:
            self._fill(self.samples, min(by - self.samples, _BLOCK))
        self._write(by, content)
        self.samples = by + kept

"""Accelerometer samples on their way into the chunks of the PPG beside which they were taken. Pure.

A chunk holds one run of evenly spaced samples, none later than its own last: what is newer, or lies behind a gap, waits
for the next chunk."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from stream.messages import UNKNOWN_MG, PpgChunk

__all__ = ["Acceleration", "Beside"]

_MIN_FS_HZ, _MAX_FS_HZ = 20.0, 1000.0  # what windows take (stream.windows)
_PATIENCE_NS = 10_000_000_000  # older than the PPG by more it is of no use to any window
_UNEVEN = 0.25
_LARGEST_MG = -UNKNOWN_MG - 1
_MG = {"mg": 1.0, "g": 1000.0}


@dataclass(frozen=True, slots=True, eq=False)
class Acceleration:
    """A run of samples, evenly apart. values: (k, 3) int16, mg."""

    t0_ns: int
    fs_hz: float
    values: np.ndarray

    def time_ns(self, row: int) -> int:
        """Of one row, which need not be there yet."""
        return self.t0_ns + round(row * 1e9 / self.fs_hz)


@dataclass(slots=True)
class Beside:
    """What waits, oldest first."""

    _fs_hz: float | None = None
    _waiting: deque[Acceleration] = field(default_factory=deque)

    def expect(self, fs_hz: float | None) -> None:
        """From now on chunks tell of an accelerometer, whether or not anything comes of it; None: there is none. At a
        rate that windows do not take it is as good as none."""
        self._fs_hz = fs_hz if fs_hz is not None and _taken(fs_hz) else None

    def push(self, t0_ns: int, fs_hz: float, unit: str, values: np.ndarray) -> None:
        """Samples (k, 3) that came. At a rate that windows do not take, or in an unknown unit, they are left out."""
        if unit in _MG and _taken(fs_hz) and values.ndim == 2 and values.shape[1] == 3:
            mg = np.clip(np.rint(_MG[unit] * values), -_LARGEST_MG, _LARGEST_MG).astype(np.int16)
            self._waiting.append(Acceleration(t0_ns, fs_hz, mg))
        self._forget(t0_ns)  # of a light that has stopped nothing fetches it

    def on(self, chunk: PpgChunk) -> PpgChunk:
        """The chunk with what waits for it; with the rate alone where samples are awaited and none are here."""
        if not len(chunk.samples):
            return chunk
        run = self._until(chunk.t0_ns + round((len(chunk.samples) - 1) * 1e9 / chunk.fs_hz))
        if run is None:
            return replace(chunk, motion_fs_hz=self._fs_hz)
        return replace(chunk, motion_t0_ns=run.t0_ns, motion_fs_hz=run.fs_hz, motion_mg=run.values)

    def _until(self, stop_ns: int) -> Acceleration | None:
        """The oldest run that ends at or before `stop_ns`."""
        self._forget(stop_ns)
        waiting = self._waiting
        run: Acceleration | None = None
        while waiting:
            one = waiting[0]
            known = 0 if one.t0_ns > stop_ns else int((stop_ns - one.t0_ns) * 1e-9 * one.fs_hz + 1e-6) + 1
            period_ns = 1e9 / one.fs_hz
            if known <= 0 or (run and abs(one.t0_ns - run.time_ns(len(run.values))) > _UNEVEN * period_ns):
                break
            waiting.popleft()
            rows = one.values[:known]
            run = replace(run, values=np.concatenate([run.values, rows])) if run else replace(one, values=rows)
            if known < len(one.values):
                waiting.appendleft(Acceleration(one.time_ns(known), one.fs_hz, one.values[known:]))
                break
        return run

    def _forget(self, now_ns: int) -> None:
        waiting = self._waiting
        while waiting and waiting[0].time_ns(len(waiting[0].values)) < now_ns - _PATIENCE_NS:
            waiting.popleft()


def _taken(fs_hz: float) -> bool:
    """Whether windows take acceleration at this rate."""
    return _MIN_FS_HZ <= fs_hz <= _MAX_FS_HZ

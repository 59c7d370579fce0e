"""Timed samples cut into the pieces that are sent: a quarter of a second, never across a gap or back in time. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ingest.align import Timed

__all__ = ["Chunker", "Gap", "Piece"]

PIECE_S = 0.25
_UNEVEN = 0.25
_GAPS_KEPT = 1000  # a session may go on for months
_GAP_PERIODS = 1.5  # as windows see it (stream.windows)


@dataclass(frozen=True, slots=True)
class Gap:
    """No samples after `start_ns` (the last one's time) and before `stop_ns` (the next one's), UTC."""

    start_ns: int
    stop_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Contiguous samples. values: (n, channels) int64; the rest as in Timed."""

    t0_ns: int
    fs_hz: float
    values: np.ndarray
    offset_ns: int | None
    drift_ppm: float | None
    residual_ns: int
    arrived_ns: int


@dataclass(slots=True)
class Chunker:
    """Of one stream of one session. gaps: the newest, gap_count: of all. overlapping: samples left out because the time
    they had was taken."""

    gaps: deque[Gap] = field(default_factory=lambda: deque(maxlen=_GAPS_KEPT))
    gap_count: int = 0
    overlapping: int = 0
    last_ns: int | None = None  # time of the newest sample taken
    _times: list[np.ndarray] = field(default_factory=list)
    _values: list[np.ndarray] = field(default_factory=list)
    _pending: int = 0
    _newest: Timed | None = None

    def push(self, timed: Timed) -> list[Piece]:
        """Take samples in the order of time; gives the pieces that are full."""
        period = 1e9 / timed.fs_hz
        times = timed.t0_ns + np.rint(np.arange(len(timed.values)) * period).astype(np.int64)
        kept = np.ones(len(times), bool) if timed.valid is None else timed.valid.astype(bool)
        if self.last_ns is not None:
            new = times > self.last_ns + 0.5 * period
            self.overlapping += int((kept & ~new).sum())
            kept = kept & new
        times, values = times[kept], timed.values[kept]
        pieces = []
        for part in _contiguous(times, _GAP_PERIODS * period):
            if self.last_ns is not None:
                step = times[part.start] - self.last_ns
                if step > _GAP_PERIODS * period:
                    self.gaps.append(Gap(self.last_ns, int(times[part.start])))
                    self.gap_count += 1
            if self._pending and abs(times[part.start] - self._due_ns(period)) > _UNEVEN * period:
                pieces += self.flush()  # in a piece, samples are evenly apart
            self._times.append(times[part])
            self._values.append(values[part])
            self._pending += part.stop - part.start
            self.last_ns = int(times[part.stop - 1])
            self._newest = timed
            size = max(1, round(PIECE_S * timed.fs_hz))
            while self._pending >= size:
                pieces.append(self._cut(size))
        return pieces

    def flush(self) -> list[Piece]:
        """The last piece, however short."""
        return [self._cut(self._pending)] if self._pending else []

    def _due_ns(self, period: float) -> float:
        """When the next sample of the piece comes, by its first: by its last, blocks a little off would add up."""
        return next(int(each[0]) for each in self._times if len(each)) + self._pending * period

    def _cut(self, size: int) -> Piece:
        assert self._newest is not None
        times, values = np.concatenate(self._times), np.concatenate(self._values)
        self._times, self._values, self._pending = [times[size:]], [values[size:]], self._pending - size
        known = self._newest
        return Piece(
            t0_ns=int(times[0]),
            fs_hz=known.fs_hz,
            values=values[:size],
            offset_ns=known.offset_ns,
            drift_ppm=known.drift_ppm,
            residual_ns=known.residual_ns,
            arrived_ns=known.arrived_ns,
        )


def _contiguous(times: np.ndarray, limit_ns: float) -> Iterator[slice]:
    if len(times):
        edges = [0, *(np.flatnonzero(np.diff(times) > limit_ns) + 1).tolist(), len(times)]
        yield from (slice(a, b) for a, b in pairwise(edges))

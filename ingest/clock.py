"""A device's clock against ours: when a sample was taken, from when its notification arrived.

A notification can only be late, never early, so the true line lies along the lower edge of arrival minus device time.
The edge's slope is the drift (Moon, Skelly and Towsley, INFOCOM 1999). What is given out follows that line without
jumping and never leaves the limit on the rate, so that intervals between beats stay what they were. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["STAMPED_PPM", "DeviceClock"]

STAMPED_PPM = 200.0  # crystals are within 100; a device that counts samples only may be further off its nominal rate
_BUCKET_NS, _BUCKETS = 2_000_000_000, 300  # the earliest arrival of every 2 s, for 10 min
_FIT_BUCKETS = 4
_FOLLOW_NS = 10_000_000_000  # a difference is taken out over so long
_EARLY_NS = 8_000_000  # earlier than the line by more: the line was wrong, and is moved at once
_LATE_NS, _LATE_FRAMES, _LATE_SPAN_NS = 150_000_000, 20, 15_000_000_000  # all so late so long: something was lost
_ABSURD_NS = 10_000_000_000


@dataclass(slots=True)
class DeviceClock:
    """Feed `observe` with each notification, `settle` after the first few, then ask `to_utc`. limit_ppm: of the rate.

    All times in ns; device times count from any epoch."""

    limit_ppm: float = STAMPED_PPM
    residual_ns: int = 0  # how much later than the earliest possible the last notification came
    _origin: tuple[int, int] | None = None  # device time and difference that the rest is relative to
    _edge: dict[int, tuple[int, int]] = field(default_factory=dict)  # bucket -> (x, r), the least r in it
    _fitted: int = -1
    _line: tuple[float, float] = (0.0, 0.0)  # r = height + slope * x
    _given: tuple[int, float, float] | None = None  # x, r and slope of what is given out
    _late: tuple[int, int] | None = None  # since when, and for how many notifications, all have been late

    def observe(self, device_ns: int, arrival_ns: int) -> bool:
        """One notification: the device time of its newest sample and when it arrived, UTC.

        Returns False when the clock cannot go on from here (device restarted, samples lost): begin a new one."""
        if self._origin is None:
            self._origin = (device_ns, arrival_ns - device_ns)
        x, r = device_ns - self._origin[0], arrival_ns - device_ns - self._origin[1]
        if self._given is not None and not self._plausible(x, r):
            return False
        bucket = x // _BUCKET_NS
        if bucket not in self._edge or r < self._edge[bucket][1]:
            self._edge[bucket] = (x, r)
            if len(self._edge) > _BUCKETS:
                del self._edge[min(self._edge)]
            if bucket == self._fitted:
                self._fitted = -1  # a new least one: look again
        if bucket != self._fitted:
            self._line, self._fitted = self._fit(), bucket
        if self._given is not None:
            self._follow(x, r)
        return True

    @property
    def is_settled(self) -> bool:
        """Whether times are given out."""
        return self._given is not None

    def settle(self) -> None:
        """Enough was seen: begin to give out times, on the line as it is known now."""
        assert self._origin is not None
        self._given = (0, *self._line)

    def to_utc(self, device_ns: int) -> int:
        """UTC ns of a device time not before the last observed one (after `settle`: of any). Only when settled."""
        assert self._origin is not None
        assert self._given is not None
        x0, r0, slope = self._given
        x = device_ns - self._origin[0]
        return device_ns + self._origin[1] + round(r0 + slope * (x - x0))

    @property
    def offset_ns(self) -> int | None:
        """UTC minus device time, as given out now."""
        if self._origin is None or self._given is None:
            return None
        return self._origin[1] + round(self._given[1])

    @property
    def drift_ppm(self) -> float:
        """How much longer a device second is than ours, as given out now."""
        return 0.0 if self._given is None else self._given[2] * 1e6

    def _plausible(self, x: int, r: int) -> bool:
        assert self._given is not None
        x0, r0, slope = self._given
        self.residual_ns = residual = round(r - (r0 + slope * (x - x0)))
        if x < x0 - _BUCKET_NS or abs(residual) > _ABSURD_NS:
            return False
        if residual < _LATE_NS:
            self._late = None
            return True
        since, frames = self._late or (x, 0)
        self._late = (since, frames + 1)
        return not (frames + 1 >= _LATE_FRAMES and x - since >= _LATE_SPAN_NS)

    def _fit(self) -> tuple[float, float]:
        """The line along the lower edge: of all below the points the one that lies nearest to them."""
        points = [self._edge[bucket] for bucket in sorted(self._edge)]
        slope = 0.0
        if len(points) >= _FIT_BUCKETS:
            hull = _lower_hull(points)
            middle = sum(x for x, _ in points) / len(points)
            for (x1, r1), (x2, r2) in pairwise(hull):
                slope = (r2 - r1) / (x2 - x1)
                if x2 >= middle:
                    break
            limit = self.limit_ppm * 1e-6
            slope = min(max(slope, -limit), limit)
        return min(r - slope * x for x, r in points), slope

    def _follow(self, x: int, r: int) -> None:
        assert self._given is not None
        x0, r0, slope = self._given
        now = r0 + slope * (x - x0)
        height, goal_slope = self._line
        if r < now - _EARLY_NS:
            now = height + goal_slope * x
        ahead = height + goal_slope * (x + _FOLLOW_NS) - now
        limit = self.limit_ppm * 1e-6
        self._given = (x, now, min(max(ahead / _FOLLOW_NS, -limit), limit))


def _lower_hull(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of points sorted by x (Andrew's monotone chain)."""
    hull: list[tuple[int, int]] = []
    for x, r in points:
        while len(hull) >= 2:
            (x1, r1), (x2, r2) = hull[-2:]
            if (x2 - x1) * (r - r1) > (r2 - r1) * (x - x1):
                break
            hull.pop()
        hull.append((x, r))
    return hull

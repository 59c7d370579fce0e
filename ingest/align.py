"""One stream of one connection on our clock: blocks as the device sent them in, timed samples out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ingest.clock import STAMPED_PPM, DeviceClock
from ingest.devices.driver import Block, StreamFormat
from ingest.timeline import Placed, Timeline

__all__ = ["Aligner", "Timed"]

_COUNTED_PPM = 10_000.0  # a device that only counts may run a percent off its nominal rate
_HOLD_NS, _HOLD_BLOCKS = 3_000_000_000, 5  # looked at before the first time is given out
_PATIENCE_NS = 8_000_000_000  # a device that sends little is not held back longer


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """Samples with the time of the first (UTC ns) and their rate. values, valid: as in Block. offset_ns: UTC minus
    device time; drift_ppm: how much longer a device second is than ours; residual_ns: how much later than the earliest
    possible they came; arrived_ns: UTC."""

    t0_ns: int
    fs_hz: float
    values: np.ndarray
    valid: np.ndarray | None
    offset_ns: int | None
    drift_ppm: float | None
    residual_ns: int
    arrived_ns: int


@dataclass(slots=True)
class Aligner:
    """Blocks are held until the clock is known (3 s), then given out as they come. fs_hz: announced rate."""

    format: StreamFormat
    fs_hz: float
    resets: int = 0  # how often the device's clock began anew
    drift_ppm: float = 0.0
    measured_hz: float | None = None
    _timeline: Timeline = field(init=False)
    _clock: DeviceClock = field(init=False)
    _held: list[tuple[Block, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._begin()

    def push(self, block: Block, arrived_ns: int) -> list[Timed]:
        """Take one block, which arrived at `arrived_ns` (UTC)."""
        if not len(block.values):
            return []
        if self._clock.is_settled:
            return self._take(block, arrived_ns)
        self._held.append((block, arrived_ns))
        span_ns = arrived_ns - self._held[0][1]
        enough = (span_ns >= _HOLD_NS and len(self._held) >= _HOLD_BLOCKS) or span_ns >= _PATIENCE_NS
        return self._release() if enough else []

    def flush(self) -> list[Timed]:
        """What is held back: nothing more will come over this connection."""
        return self._release() if self._held else []

    def _begin(self) -> None:
        self._timeline = Timeline(self.format, self.fs_hz)
        self._clock = DeviceClock()

    def _release(self) -> list[Timed]:
        held, self._held = self._held, []
        self._timeline.learn([one for one, _ in held])
        placed: list[tuple[Block, Placed, int]] = []
        for block, at in held:
            place = self._timeline.place(block)
            if place is None:
                continue
            if place.is_reset:
                placed.clear()  # of a clock that is gone, and too few to tell its times
                self._clock = DeviceClock()
                self.resets += 1
            self._clock.limit_ppm = _COUNTED_PPM if block.first_ns is None and block.last_ns is None else STAMPED_PPM
            self._clock.observe(_newest_ns(block, place), at)
            placed.append((block, place, at))
        if placed:
            self._clock.settle()
        return [self._timed(block, place, at) for block, place, at in placed]

    def _take(self, block: Block, arrived_ns: int) -> list[Timed]:
        place = self._timeline.place(block)
        if place is None:
            return []
        # timed before the clock looks at it, so that what follows on the last block in the device's time does in ours
        timed = self._timed(block, place, arrived_ns)
        if not place.is_reset and self._clock.observe(_newest_ns(block, place), arrived_ns):
            return [replace(timed, residual_ns=self._clock.residual_ns)]
        self.resets += 1
        self._begin()
        return self.push(block, arrived_ns)

    def _timed(self, block: Block, place: Placed, arrived_ns: int) -> Timed:
        self.drift_ppm = self._clock.drift_ppm
        self.measured_hz = 1e9 / (self._timeline.mean_period_ns * (1 + 1e-6 * self.drift_ppm))
        return Timed(
            self._clock.to_utc(place.first_ns),
            self.measured_hz,
            block.values,
            block.valid,
            self._clock.offset_ns,
            self.drift_ppm,
            self._clock.residual_ns,
            arrived_ns,
        )


def _newest_ns(block: Block, place: Placed) -> int:
    return place.first_ns + round((len(block.values) - 1) * place.period_ns)

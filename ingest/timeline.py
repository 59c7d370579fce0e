"""The device time of every sample: from the stamps of the frames where there are any, else by counting. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.devices.driver import Block, StreamFormat

__all__ = ["Placed", "Timeline"]

_SAME_RATE = 0.02  # frames whose rates agree so well were not lost in between
_RESET_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Placed:
    """first_ns: device time of the first sample. period_ns: to the next. missing_ns: between the sample before and the
    first, over what one period would be. is_reset: the device's clock was set anew; times before do not compare."""

    first_ns: int
    period_ns: float
    missing_ns: int = 0
    is_reset: bool = False


@dataclass(slots=True)
class Timeline:
    """Of one stream of one connection. fs_hz: announced or usual rate, used until the stamps tell a better one."""

    format: StreamFormat
    fs_hz: float
    _last_ns: int | None = None  # device time of the newest sample placed
    _counter: int | None = None
    _index: int = 0
    _steady_ns: int = 0  # time and samples of all frames that followed on the one before
    _steady: int = 0

    def learn(self, blocks: list[Block]) -> None:
        """Take the rate from the first frames instead of believing what was announced: it may be far off (a Verity
        Sense before firmware 2.1.0 says 135 Hz and sends 55)."""
        stamped = [one for one in blocks if one.last_ns is not None and len(one.values)]
        rates = [
            len(b.values) / (b.last_ns - a.last_ns)
            for a, b in pairwise(stamped)
            if a.last_ns is not None and b.last_ns is not None and b.last_ns > a.last_ns
        ]
        if len(rates) < 2:
            return
        middle = median(rates)
        if sum(abs(one / middle - 1) < _SAME_RATE for one in rates) > len(rates) / 2:
            self.fs_hz = middle * 1e9

    def place(self, block: Block) -> Placed | None:
        """Where a block belongs; None for one that was there already. Blocks come in the order they arrived."""
        placed = self._placed(block)
        if placed is not None:
            last = placed.first_ns + round((len(block.values) - 1) * placed.period_ns)
            self._last_ns = last if block.last_ns is None else block.last_ns
        return placed

    def _placed(self, block: Block) -> Placed | None:
        if block.last_ns is not None:
            return self._by_last(block.last_ns, len(block.values))
        if block.first_ns is not None:
            if block.period_ns is not None:
                self.fs_hz = 1e9 / block.period_ns
            return self._by_first(block.first_ns, block.period_ns is None)
        return self._by_count(block)

    def _by_last(self, stamp: int, samples: int) -> Placed | None:
        period = self.mean_period_ns
        before, span = self._last_ns, samples * period
        if before is None:
            return Placed(round(stamp - (samples - 1) * period), period)
        step = stamp - before
        if -_RESET_NS < step < 0.5 * period:
            return None  # the same frame again
        if step < 0:
            self._steady_ns = self._steady = 0
            return Placed(round(stamp - (samples - 1) * period), period, is_reset=True)
        if abs(step - span) <= 0.5 * span:
            self._steady_ns, self._steady = self._steady_ns + step, self._steady + samples
            return Placed(before + round(step / samples), step / samples)
        first = round(stamp - (samples - 1) * period)
        if first <= before:
            return Placed(before + round(step / samples), step / samples)
        return Placed(first, period, max(0, round(first - before - period)))

    def _by_first(self, stamp: int, is_lone: bool) -> Placed | None:
        before, period = self._last_ns, self.mean_period_ns
        if before is None:
            return Placed(stamp, period)
        step = stamp - before
        if -_RESET_NS < step <= 0:
            return None
        if step < 0:
            return Placed(stamp, period, is_reset=True)
        if is_lone and step < 1.5 * period:
            period = float(step)
        return Placed(stamp, period, round(step - period) if step > 1.5 * period else 0)

    def _by_count(self, block: Block) -> Placed | None:
        lost = 0
        modulus = self.format.counter_modulus
        if block.counter is not None and modulus is not None:
            if self._counter is not None:
                ahead = (block.counter - self._counter) % modulus
                if ahead == 0 or ahead > modulus // 2:
                    return None
                lost = (ahead - 1) * (self.format.samples_per_count or len(block.values))
            self._counter = block.counter
        period = 1e9 / self.fs_hz
        self._index += lost
        first = round(self._index * period)
        self._index += len(block.values)
        return Placed(first, period, round(lost * period))

    @property
    def mean_period_ns(self) -> float:
        """The best that is known of the time between two samples, on the device's clock."""
        return self._steady_ns / self._steady if self._steady else 1e9 / self.fs_hz

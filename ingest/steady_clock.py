"""UTC that does not run back: for the arrival of samples, whatever is done to the system's clock meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["SteadyClock"]

_STEP_NS = 500_000_000


@dataclass(slots=True)
class SteadyClock:
    """UTC at the start plus what passed since by the monotonic clock."""

    wall: Callable[[], int] = time.time_ns
    monotonic: Callable[[], int] = time.monotonic_ns
    _ahead_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._ahead_ns = self.wall() - self.monotonic()

    def now_ns(self) -> int:
        """UTC, ns."""
        return self.monotonic() + self._ahead_ns

    def follow(self) -> int:
        """When the system's clock was set forward, go with it. Returns the step in ns, 0 when there was none worth it.

        A clock that was set back is not followed: time would be given out twice. The next start takes it."""
        step = self.wall() - self.monotonic() - self._ahead_ns
        if step < _STEP_NS:
            return 0
        self._ahead_ns += step
        return step

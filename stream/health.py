"""Whether this process is alive and ready, for whoever asks over HTTP (deploy/health.py).

Alive: the main loop came round lately. Ready: everything that was announced as needed is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Health", "health"]

_SILENT_S = 60.0  # longer than any wait a healthy loop makes


@dataclass(slots=True)
class Health:
    """One for each process: `health` below."""

    clock: Callable[[], float] = time.monotonic
    needs: dict[str, bool] = field(default_factory=dict)
    beaten_s: float | None = None

    def beat(self) -> None:
        """The main loop came round."""
        self.beaten_s = self.clock()

    def set(self, need: str, is_there: bool) -> None:
        """Announce something that is needed to work, and whether it is there."""
        self.needs[need] = is_there

    def missing(self) -> list[str]:
        """What is needed and not there; before anything was announced, the start itself."""
        return [need for need, there in self.needs.items() if not there] if self.needs else ["start"]

    def is_alive(self) -> bool:
        """False when the main loop has stood still for a minute."""
        return self.beaten_s is None or self.clock() - self.beaten_s < _SILENT_S


health = Health()

"""Settings of the window process. Light to import: who only reads settings must not wait for scipy or faust."""

from dataclasses import dataclass

__all__ = ["WindowSettings"]


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """flush_after_s: a device silent for so long is given up, and what it still owes is sent."""

    flush_after_s: float = 600.0

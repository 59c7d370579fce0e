"""A pause is light at rest: where no beat was found though the light goes on pulsing, beats were missed."""

from __future__ import annotations

import numpy as np

from stream.messages import GRID_FS_HZ

__all__ = ["at_rest"]

_AFTER_S, _BEFORE_S = 1.2, 0.2  # of either end: a beat's own pulse, what the high-pass leaves of it, and the next one
_MOST = 0.75  # 5-95 % spread of a normalised pulse at rest; one that beats has 2 to 3


def at_rest(pulse: np.ndarray, start: float, stop: float) -> bool:
    """Whether the pulse (n,), normalised and at ECG time, rests between two beats, or a beat and the edge of what is
    seen. start, stop: their grid places."""
    part = pulse[max(0, int(start + _AFTER_S * GRID_FS_HZ)) : max(0, int(stop - _BEFORE_S * GRID_FS_HZ))]
    return bool(len(part) and np.diff(np.percentile(part, (5, 95)))[0] < _MOST)

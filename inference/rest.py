"""A pause is light at rest among beats that are sure: where the light goes on pulsing, or the beats that were found are
hardly believed themselves, beats were missed."""

from __future__ import annotations

import numpy as np

from inference.beat_head import Beats
from stream.messages import GRID_FS_HZ

__all__ = ["at_rest", "is_pause"]

_AFTER_S, _BEFORE_S = 1.2, 0.2  # of either end: a beat's own pulse, what the high-pass leaves of it, and the next one
_MOST = 0.75  # 5-95 % spread of a normalised pulse at rest; one that beats has 2 to 3
# so many beats of such a confidence are in view; the last before a pause and the first after it seldom are.
# Development part of CinC 2015: false pauses fall from 0.96 to 0.08 an hour
_BELIEVED, _SURE = 2, 0.8


def at_rest(pulse: np.ndarray, start: float, stop: float) -> bool:
    """Whether the pulse (n,), normalised and at ECG time, rests between two beats, or a beat and the edge of what is
    seen. start, stop: their grid places."""
    part = pulse[max(0, int(start + _AFTER_S * GRID_FS_HZ)) : max(0, int(stop - _BEFORE_S * GRID_FS_HZ))]
    return bool(len(part) and np.diff(np.percentile(part, (5, 95)))[0] < _MOST)


def is_pause(pulse: np.ndarray, beats: Beats, view: tuple[float, float], silence: tuple[float, float]) -> bool:
    """Whether a silence is the heart's own. view, silence: grid places [first, last) of what was seen and of the part
    without a beat. Where no beat is in view at all, only the light is asked."""
    inside = (beats.index >= view[0]) & (beats.index < view[1])
    sure = not inside.any() or (beats.confidence[inside] >= _SURE).sum() >= _BELIEVED
    return bool(sure and at_rest(pulse, *silence))

"""Atrial fibrillation from R peaks alone: the rule in use, and measures of the literature. Pure numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from inference.rhythm import irregularity

__all__ = [
    "MEASURES",
    "change_share",
    "coefficient_of_entropy",
    "in_ten_seconds",
    "in_use",
    "intervals_of",
    "roundness",
]

_LONGEST_S = 3.0
_FEWEST = 5  # intervals, and changes: as many as a slow heart shows in 10 s
_TOLERANCE_S, _MATCHES = 0.03, 5


def intervals_of(beats_s: np.ndarray) -> np.ndarray:
    """Intervals in s between R peaks (b,), without those that are a hole."""
    intervals = np.diff(beats_s)
    return intervals[intervals <= _LONGEST_S]


def in_use(beats_s: np.ndarray) -> float:
    """The irregularity of `inference.rhythm` with as many changes as it asks of half a minute; NaN with fewer."""
    return irregularity(beats_s, _before_each(beats_s))


def in_ten_seconds(beats_s: np.ndarray) -> float:
    """The same measure from as few beats as 10 s hold."""
    return irregularity(beats_s, _before_each(beats_s), _FEWEST)


def _before_each(beats_s: np.ndarray) -> np.ndarray:
    intervals = np.diff(beats_s, prepend=np.nan)
    return np.where(intervals <= _LONGEST_S, intervals, np.nan)


def change_share(beats_s: np.ndarray) -> float:
    """Root mean square of the changes between intervals over their mean."""
    intervals = intervals_of(beats_s)
    if len(intervals) < _FEWEST:
        return float("nan")
    return float(np.sqrt(np.mean(np.diff(intervals) ** 2)) / intervals.mean())


def roundness(beats_s: np.ndarray) -> float:
    """SD1 / SD2 of the Poincare plot: spread between neighbours over spread along them, 1 without any order."""
    intervals = intervals_of(beats_s)
    if len(intervals) < _FEWEST:
        return float("nan")
    along = np.std(intervals[1:] + intervals[:-1])
    return float(np.std(np.diff(intervals)) / along) if along > 0 else float("nan")


def coefficient_of_entropy(beats_s: np.ndarray) -> float:
    """Sample entropy for very short series (Lake and Moorman 2011): of two intervals given one, made independent of the
    tolerance, which starts at 30 ms and widens until 5 pairs match, and of the mean interval."""
    intervals = intervals_of(beats_s)
    if len(intervals) < _FEWEST:
        return float("nan")
    apart = np.abs(intervals[:, None] - intervals[None])
    first, second = np.triu_indices(len(intervals) - 1, 1)
    one, both = apart[first, second], np.maximum(apart[first, second], apart[first + 1, second + 1])
    tolerance = max(_TOLERANCE_S, float(np.sort(both)[_MATCHES - 1]))
    entropy = np.log((one <= tolerance).sum() / (both <= tolerance).sum())
    return float(entropy + np.log(2 * tolerance) - np.log(intervals.mean()))


MEASURES: Mapping[str, Callable[[np.ndarray], float]] = {
    "median change over the median": in_ten_seconds,
    "RMS of changes over the mean": change_share,
    "coefficient of sample entropy": coefficient_of_entropy,
    "Poincare, SD1 / SD2": roundness,
}

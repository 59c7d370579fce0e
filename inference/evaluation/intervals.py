"""How sure a figure is: 95 % intervals of means over people and of shares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["bootstrap", "limits", "resamples", "wilson"]

_RESAMPLES = 1000
_Z = 1.959964


def bootstrap(values: np.ndarray, subjects: Sequence[str], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means (k,) of the columns of values (records, k), NaN left out, their limits (k, 2) from resampling subjects (a
    person's recordings stay together), and how many records had a value (k,)."""
    people = {subject: np.flatnonzero(np.array(subjects) == subject) for subject in dict.fromkeys(subjects)}
    # sums and counts per subject: a resample is then a sum over subjects
    known = np.isfinite(values)
    sums = np.stack([np.where(known[index], values[index], 0).sum(0) for index in people.values()])
    counts = np.stack([known[index].sum(0) for index in people.values()])
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(people), (_RESAMPLES, len(people)))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums.sum(0) / counts.sum(0)
        resampled = sums[drawn].sum(1) / counts[drawn].sum(1)
    return means, np.array([limits(column) for column in resampled.T]), counts.sum(0)


def limits(column: np.ndarray) -> tuple[float, float]:
    """95 % of what resampling gave (r,), NaN left out; (nan, nan) of nothing."""
    known = column[np.isfinite(column)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def resamples(subjects: Sequence[str], seed: int = 0) -> np.ndarray:
    """(1000, records): how often each recording counts when as many subjects are drawn again, with all of theirs. For
    figures that are not means; what is a sum over recordings is then one matrix product."""
    places = {subject: place for place, subject in enumerate(dict.fromkeys(subjects))}
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(places), (_RESAMPLES, len(places)))
    times = np.stack([np.bincount(row, minlength=len(places)) for row in drawn])
    return times[:, [places[subject] for subject in subjects]].astype(float)


def wilson(hits: int, asked: int) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927); (nan, nan) of nothing."""
    if not asked:
        return math.nan, math.nan
    share, z2 = hits / asked, _Z**2
    centre = share + z2 / (2 * asked)
    half = _Z * math.sqrt(share * (1 - share) / asked + z2 / (4 * asked**2))
    return max(0.0, (centre - half) / (1 + z2 / asked)), min(1.0, (centre + half) / (1 + z2 / asked))

"""A few plain numbers of a recording: who it is, how the heart beats, how large the leads are. Pure numpy."""

from __future__ import annotations

import numpy as np

from inference.diagnosis.irregular import change_share, in_ten_seconds, intervals_of
from stream.messages import Demographics

__all__ = ["person_columns", "plain_columns", "rhythm_columns"]


def person_columns(person: Demographics) -> np.ndarray:
    """(3,): age in years, its square, sex (1 female, 0 male); NaN where unknown."""
    age = np.nan if person.age_years is None else person.age_years
    return np.array([age, age**2, {"F": 1.0, "M": 0.0}.get(person.sex or "", np.nan)])


def rhythm_columns(beats_s: np.ndarray) -> np.ndarray:
    """(4,) of R peaks (b,) in s: rate in 1/min, SD of the intervals in s, and two measures of irregularity; NaN with
    too few beats."""
    intervals = intervals_of(beats_s)
    if len(intervals) < 3:
        return np.full(4, np.nan)
    return np.array([60 / intervals.mean(), intervals.std(), change_share(beats_s), in_ten_seconds(beats_s)])


def plain_columns(person: Demographics, rhythm: np.ndarray, beat_mv: np.ndarray) -> np.ndarray:
    """(3 + 4 + leads,): person, rhythm (4,), and each lead's height from peak to peak in the median beat (leads, m) in
    mV."""
    return np.concatenate([person_columns(person), rhythm, np.ptp(beat_mv, axis=1)])

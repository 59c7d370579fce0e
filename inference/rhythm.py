"""Rhythm from beat times: what a finding means, its limit and where that comes from, in one table. Pure numpy.

Two horizons. What fits into the beats one window sees is found there and travels in `EcgSegment.findings`, so that the
engine stays a function of one segment. An irregular rhythm needs half a minute: the alert process, which keeps beats
anyway, looks for it. Nothing here sees a P wave or the width of a QRS: every name says "like" where a reader of an ECG
would want one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = [
    "ECTOPIC",
    "EXTREME_BRADYCARDIA",
    "EXTREME_TACHYCARDIA",
    "FAST_RUN",
    "IRREGULAR",
    "IRREGULAR_S",
    "IRREGULAR_SPARSE_S",
    "BRADYCARDIA",
    "PAUSE",
    "RULES",
    "SINUS_LIKE",
    "TACHYCARDIA",
    "Rule",
    "in_view",
    "irregularity",
    "irregularity_until",
    "linked_changes",
    "longest_silence",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """limit: in unit. beats: how many in a row the rule asks for (0: none in particular). live: reported in use, not
    only judged."""

    limit: float
    unit: str
    beats: int
    live: bool
    says: str
    source: str


BRADYCARDIA, TACHYCARDIA, PAUSE = "bradycardia", "tachycardia", "pause"
EXTREME_BRADYCARDIA, EXTREME_TACHYCARDIA = "extreme bradycardia", "extreme tachycardia"
SINUS_LIKE, ECTOPIC, IRREGULAR, FAST_RUN = "sinus-like", "ectopic-like beats", "irregular", "fast run"
IRREGULAR_S, IRREGULAR_SPARSE_S = 30, 60
_CINC = "alarm definitions of the PhysioNet/CinC Challenge 2015"

RULES: Mapping[str, Rule] = {
    BRADYCARDIA: Rule(50, "/min", 5, True, "mean rate of 5 beats below", "usual adult bedside limit, as in the alerts"),
    TACHYCARDIA: Rule(100, "/min", 9, True, "mean rate of 9 steady beats above", "adult resting rates"),
    EXTREME_BRADYCARDIA: Rule(
        43, "/min", 4, True, "mean rate of 4 beats below", f"{_CINC}: 5 below 40; changed on the development part"
    ),
    EXTREME_TACHYCARDIA: Rule(
        130, "/min", 9, True, "mean rate of 9 steady beats above", f"{_CINC}: 17 above 140; changed likewise"
    ),
    PAUSE: Rule(
        4, "s", 0, True, "no beat among sure ones on a live sensor whose light rests, for", f"asystole: {_CINC}"
    ),
    SINUS_LIKE: Rule(
        0.2, "of the median", 6, True, "50-100/min, no interval further from the median than", "adult resting rates"
    ),
    ECTOPIC: Rule(
        0.8, "of the median", 6, True, "an interval, the next longer than 1.1, shorter than", "prematurity of 20 %"
    ),
    FAST_RUN: Rule(
        100,
        "/min",
        5,
        False,
        "mean rate of 5 steady beats above",
        f"the rate, and nothing else, of ventricular tachycardia: {_CINC}",
    ),
    IRREGULAR: Rule(
        0.06,
        "of the median",
        0,
        True,
        "median change between intervals over 30 s (60 where beats are few) above",
        "development part",
    ),
}
_SINUS_BPM = (50.0, 100.0)
_LONGER = 1.1
_MIN_CHANGES, _MIN_CHANGES_SPARSE = 15, 7
_SLACK_S = 0.1
_SHORTEST = 0.5  # of a slow run's mean interval: the least its shortest may be
_SURE = 0.7  # mean confidence of a run; development part: false slow rates 1.4 to 0.8 an hour, none lost
_STEADY = 0.2  # mean change between neighbours, over the mean interval: a dicrotic wave read as a beat alternates


def in_view(
    beats_s: np.ndarray,
    start_s: float,
    stop_s: float,
    rules: Mapping[str, Rule] = RULES,
    confidence: np.ndarray | None = None,
) -> tuple[str, ...]:
    """Findings of the beats (b,) in [start_s, stop_s), all of which was seen and believed; without a beat, none: a
    sensor that gives no pulse is a technical matter. confidence: (b,) of each beat, 1 when left out; a slow or a fast
    run of beats that are hardly believed is none."""
    inside = (beats_s >= start_s) & (beats_s < stop_s)
    beats_s = beats_s[inside]
    if not len(beats_s):
        return ()
    sure = np.ones(len(beats_s)) if confidence is None else confidence[inside]
    intervals = np.diff(beats_s)
    silent_from_s, silent_to_s = longest_silence(beats_s, start_s, stop_s)
    found = {
        BRADYCARDIA: _slow(intervals, sure, rules[BRADYCARDIA]),
        EXTREME_BRADYCARDIA: _slow(intervals, sure, rules[EXTREME_BRADYCARDIA]),
        TACHYCARDIA: _fast(intervals, sure, rules[TACHYCARDIA]),
        EXTREME_TACHYCARDIA: _fast(intervals, sure, rules[EXTREME_TACHYCARDIA]),
        FAST_RUN: _fast(intervals, sure, rules[FAST_RUN]),
        PAUSE: silent_to_s - silent_from_s >= rules[PAUSE].limit,
        SINUS_LIKE: _sinus(intervals, rules[SINUS_LIKE]),
        ECTOPIC: _ectopic(intervals, rules[ECTOPIC]),
    }
    return tuple(name for name, present in found.items() if present)


def longest_silence(beats: np.ndarray, first: float, last: float) -> tuple[float, float]:
    """The longest part of [first, last) without a beat. beats: (b,) in the same unit, in order."""
    places = np.concatenate([[first], beats[(beats >= first) & (beats < last)], [last]])
    longest = int(np.argmax(np.diff(places)))
    return float(places[longest]), float(places[longest + 1])


def _slow(intervals: np.ndarray, sure: np.ndarray, rule: Rule) -> bool:
    """A run of intervals much alike: one pause among usual beats, or beats missed, is no slow rhythm."""
    runs = _believed_runs(intervals, sure, rule.beats)
    mean = runs.mean(1)
    return bool(((60 / mean < rule.limit) & (runs.min(1) >= _SHORTEST * mean)).any())


def _fast(intervals: np.ndarray, sure: np.ndarray, rule: Rule) -> bool:
    """A steady run."""
    runs = _believed_runs(intervals, sure, rule.beats)
    mean = runs.mean(1)
    steady = np.abs(np.diff(runs, axis=1)).mean(1) <= _STEADY * mean
    return bool(((60 / mean > rule.limit) & steady).any())


def _believed_runs(intervals: np.ndarray, sure: np.ndarray, beats: int) -> np.ndarray:
    """(k, beats - 1) intervals of each run of so many beats in a row that is believed."""
    # rows by their places: numpy's sliding views cost two fifths of all rules together
    rows = np.arange(max(0, len(sure) - beats + 1))[:, None] + np.arange(beats)
    return intervals[rows[sure[rows].mean(1) >= _SURE, :-1]]


def _sinus(intervals: np.ndarray, rule: Rule) -> bool:
    if len(intervals) < rule.beats - 1:
        return False
    usual = float(np.median(intervals))
    calm = np.abs(intervals - usual).max() <= rule.limit * usual
    return bool(calm and _SINUS_BPM[0] <= 60 / usual <= _SINUS_BPM[1])


def _ectopic(intervals: np.ndarray, rule: Rule) -> bool:
    if len(intervals) < rule.beats - 1:
        return False
    usual = float(np.median(intervals))
    early, late = intervals[:-1] < rule.limit * usual, intervals[1:] > _LONGER * usual
    return bool((early & late).any())


def linked_changes(beats_s: np.ndarray, intervals_s: np.ndarray, apart: int = 1) -> np.ndarray:
    """Changes (c,) in s from one interval to the one `apart` beats later, between beats that follow each other.
    intervals_s: (b,) the one that ends with each beat, NaN where unknown; a beat nobody announced breaks the chain."""
    if len(beats_s) <= apart:
        return np.zeros(0)
    follows = np.abs(np.diff(beats_s) - intervals_s[1:]) <= _SLACK_S
    linked = sliding_window_view(follows, apart).all(1)
    changes = intervals_s[apart:] - intervals_s[:-apart]
    return changes[linked & np.isfinite(changes)]


def irregularity(beats_s: np.ndarray, intervals_s: np.ndarray, fewest: int = _MIN_CHANGES) -> float:
    """Median change between intervals over the median interval, of neighbours or of every second one, whichever is
    less: large only when most of them change, so a single early beat or a missed one does not count, nor does a rhythm
    of long and short in turn (bigeminy, or a dicrotic wave read as a beat). NaN with fewer changes than asked for."""
    next_one, one_after = (linked_changes(beats_s, intervals_s, apart) for apart in (1, 2))
    if min(len(next_one), len(one_after) + 4) < fewest:
        return float("nan")
    least = min(np.median(np.abs(next_one)), np.median(np.abs(one_after)))
    return float(least / np.nanmedian(intervals_s))


def irregularity_until(beats_s: np.ndarray, intervals_s: np.ndarray, stop_s: float, since_s: float = -np.inf) -> float:
    """Irregularity of the beats (b,) in the IRREGULAR_S before stop_s; where a slow heart or abstained stretches leave
    too few changes there, of those in the last IRREGULAR_SPARSE_S. NaN where that is not enough either. since_s: when
    watching began; few beats tell nothing before IRREGULAR_S of it."""

    def over(span_s: float, fewest: int) -> float:
        inside = (beats_s >= stop_s - span_s) & (beats_s < stop_s)
        return irregularity(beats_s[inside], intervals_s[inside], fewest)

    recent = over(IRREGULAR_S, _MIN_CHANGES)
    if np.isnan(recent) and stop_s - since_s >= IRREGULAR_S:
        return over(IRREGULAR_SPARSE_S, _MIN_CHANGES_SPARSE)
    return recent

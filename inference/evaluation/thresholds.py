"""When to abstain: chosen on the calibration part, never on test subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from inference.datasets.windows import windows_of
from inference.evaluation.beats import best_lag, core, count
from inference.evaluation.cases import Case
from inference.evaluation.streamed import Infers, Streamed, stream_record
from stream.messages import GRID_FS_HZ

__all__ = ["WANTED_F1", "Thresholds", "choose_thresholds"]

WANTED_F1 = {"bidmc": 0.97, "cinc2015": 0.88}  # at 50 ms, after the recording's lag, over what is not abstained
_OTHER_F1 = 0.9
_MARGIN = 0.005  # what was chosen on a part looks better on it than on the next
_QUALITIES = (0.5, 0.6)  # at 0.1 nearly every trial of 1/f noise is given beats, and F1 on pulses does not tell
_CONFIDENCES = (0.0, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95)
_AROUND = GRID_FS_HZ  # a hop's confidence is that of its beats and those within 1 s of it


@dataclass(frozen=True, slots=True)
class Thresholds:
    """min_quality, min_confidence: abstain below. coverage, f1: means over the calibration recordings, by dataset."""

    min_quality: float
    min_confidence: float
    coverage: Mapping[str, float]
    f1: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    case: Case
    streamed: Streamed
    lag_s: float
    usable: np.ndarray
    confidence: np.ndarray  # (n,) near each sample's hop; 0 without beats


def choose_thresholds(
    cases: Sequence[Case], engine: Infers, wanted_f1: Mapping[str, float] = WANTED_F1
) -> tuple[Thresholds, list[Thresholds]]:
    """The pair that abstains least while every dataset's F1 (50 ms, after the recording's lag, mean over recordings) is
    what is wanted and a margin, and all pairs tried. cases: of the calibration part. engine: one that never abstains
    by threshold.

    F1 has precedence: if no pair reaches it, the nearest one is taken."""
    seen = [_look(case, engine) for case in cases]
    tried = [_try(seen, quality, confidence) for quality, confidence in product(_QUALITIES, _CONFIDENCES)]

    def shortfall(one: Thresholds) -> float:
        return sum(max(0.0, wanted_f1.get(name, _OTHER_F1) + _MARGIN - value) for name, value in one.f1.items())

    def covered(one: Thresholds) -> float:
        return float(np.mean(list(one.coverage.values())))

    return min(tried, key=lambda one: (round(shortfall(one), 2), -covered(one))), tried


def _look(case: Case, engine: Infers) -> _Seen:
    record = case.record
    streamed = stream_record(engine, windows_of(case.entry), record.n)
    usable = np.zeros(record.n, bool)
    for w in np.flatnonzero(record.usable):
        usable[w * 1280 : (w + 1) * 1280] = True
    covered = np.asarray(np.isfinite(streamed.estimate.leads_mv).all(0))
    lag = best_lag(record.beats_s, streamed.estimate.beats_s, usable, core(covered))
    return _Seen(case, streamed, lag, usable, _near_confidence(streamed, record.n))


def _near_confidence(streamed: Streamed, n: int) -> np.ndarray:
    out = np.zeros(n)
    places, confidence = streamed.estimate.beats_s * GRID_FS_HZ, streamed.estimate.confidence
    edges = [0, *np.unique(streamed.borders), n]
    for a, b in pairwise(edges):
        near = (places >= a - _AROUND) & (places < b + _AROUND)
        out[a:b] = confidence[near].mean() if near.any() else 0.0
    return out


def _try(seen: Sequence[_Seen], min_quality: float, min_confidence: float) -> Thresholds:
    coverage: dict[str, list[float]] = {}
    f1: dict[str, list[float]] = {}
    for one in seen:
        kept = np.asarray(np.isfinite(one.streamed.estimate.leads_mv).all(0))
        kept &= (one.streamed.quality >= min_quality) & (one.confidence >= min_confidence)
        at = np.minimum((one.streamed.estimate.beats_s * GRID_FS_HZ).astype(int), len(kept) - 1)
        beats = one.streamed.estimate.beats_s[kept[at]]
        counts = count(one.case.record.beats_s, beats - one.lag_s, 0.05, one.usable, core(kept))
        coverage.setdefault(one.case.entry.dataset, []).append(float(kept.mean()))
        f1.setdefault(one.case.entry.dataset, []).append(counts.f1)
    return Thresholds(
        min_quality,
        min_confidence,
        {name: float(np.mean(values)) for name, values in coverage.items()},
        {name: float(np.mean(values)) for name, values in f1.items()},
    )

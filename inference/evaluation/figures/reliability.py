"""Is a beat's probability the share of such beats that are true?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.evaluation.intervals import limits, resamples

__all__ = ["BINS", "Reliability", "counted", "reliability"]

BINS = 20  # of equal width from 0 to 1


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of announced beats, by bin of announced probability; bins without a beat are left out. told: mean probability.
    share: of true beats, low and high its 95 % interval over subjects. error: expected calibration error (mean over
    beats of |share - told| of their bin). surplus: mean probability less share of all beats, above 0 when too sure."""

    beats: int
    told: list[float]
    share: list[float]
    low: list[float]
    high: list[float]
    count: list[int]
    error: float
    error_low: float
    error_high: float
    surplus: float


def counted(probability: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """(BINS, 3) of one recording: beats, true beats, sum of probabilities. probability: (b,) 0..1; hit: (b,) bool."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    rows = (np.ones(len(place)), hit.astype(float), probability)
    return np.stack([np.bincount(place, row, BINS) for row in rows], 1)


def reliability(counts: Sequence[np.ndarray], subjects: Sequence[str]) -> Reliability:
    """Over recordings, their beats pooled. counts: of `counted`, beside the subject of each."""
    each = np.stack(counts)
    drawn = np.einsum("rn,nbk->rbk", resamples(subjects), each)
    total = each.sum(0)
    seen = np.flatnonzero(total[:, 0])
    share, told = _shares(total)
    shares, _ = _shares(drawn)
    spans = [limits(shares[:, place]) for place in seen]
    error_low, error_high = limits(_error(drawn))
    beats = total[:, 0].sum()
    return Reliability(
        beats=int(beats),
        told=told[seen].tolist(),
        share=share[seen].tolist(),
        low=[low for low, _ in spans],
        high=[high for _, high in spans],
        count=total[seen, 0].astype(int).tolist(),
        error=float(_error(total)),
        error_low=error_low,
        error_high=error_high,
        surplus=float((total[:, 2].sum() - total[:, 1].sum()) / beats) if beats else float("nan"),
    )


def _shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore"):
        return counts[..., 1] / counts[..., 0], counts[..., 2] / counts[..., 0]


def _error(counts: np.ndarray) -> np.ndarray:
    # a bin's part is n |hits / n - sum / n| / all
    with np.errstate(invalid="ignore"):
        return np.abs(counts[..., 1] - counts[..., 2]).sum(-1) / counts[..., 0].sum(-1)

"""Regression to the mean: are large amplitudes estimated too small, and are people too much alike?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.evaluation.intervals import limits, resamples

__all__ = ["Shrinkage", "shrinkage"]

_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Of one amplitude over recordings. slope: of the estimate over the truth, 1 when people differ as they do, 0 when
    everybody is given the same. ratio: mean estimate over mean truth. spread: SD between recordings, estimate over
    truth. r: their correlation. low, high: 95 % intervals over subjects. NaN with fewer than three recordings."""

    recordings: int
    slope: float
    slope_low: float
    slope_high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    spread: float
    r: float


def shrinkage(true: np.ndarray, estimate: np.ndarray, subjects: Sequence[str]) -> Shrinkage:
    """true, estimate: (recordings,) amplitudes in mV, NaN where one is not known."""
    known = np.isfinite(true) & np.isfinite(estimate)
    x, y = true[known], estimate[known]
    if known.sum() < _FEWEST:
        return Shrinkage(int(known.sum()), *[float("nan")] * 8)
    times = np.concatenate(
        [np.ones((1, len(x))), resamples([one for one, here in zip(subjects, known, strict=True) if here])]
    )
    # moments about the mean of all: the bootstrap's products would cancel otherwise
    about_x, about_y = x - x.mean(), y - y.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        count = times.sum(1)
        mx, my = times @ about_x / count, times @ about_y / count
        xx, yy = times @ about_x**2 / count - mx**2, times @ about_y**2 / count - my**2
        xy = times @ (about_x * about_y) / count - mx * my
        slope = np.where(xx > 1e-12, xy / xx, np.nan)
        ratio = (my + y.mean()) / (mx + x.mean())
        spread, r = np.sqrt(yy[0] / xx[0]), xy[0] / np.sqrt(xx[0] * yy[0])
    return Shrinkage(
        recordings=len(x),
        **_figure("slope", slope),
        **_figure("ratio", ratio),
        spread=float(spread),
        r=float(r),
    )


def _figure(name: str, drawn: np.ndarray) -> dict[str, float]:
    low, high = limits(drawn[1:])
    return {name: float(drawn[0]), f"{name}_low": low, f"{name}_high": high}

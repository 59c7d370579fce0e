"""Bland-Altman of heart rate: how far a rate may be off, with windows of one person kept together.

Limits of agreement by components of variance, for several windows a person (Bland and Altman 2007, J Biopharm Stat 17,
571): windows of one person agree with each other, so their plain SD would be too small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.evaluation.intervals import limits, resamples

__all__ = ["RateAgreement", "rate_agreement"]

_CLOSE_BPM = 5.0


@dataclass(frozen=True, slots=True)
class RateAgreement:
    """Estimated less true rate in bpm over windows with both. bias: their mean. lower, upper: limits of agreement, bias
    -+ 1.96 SD; each with its 95 % interval over subjects. between_sd, within_sd: of people, of one person's windows.
    close: share of windows within 5 bpm. slope: of the difference over the mean of both rates."""

    windows: int
    bias: float
    bias_low: float
    bias_high: float
    lower: float
    lower_low: float
    lower_high: float
    upper: float
    upper_low: float
    upper_high: float
    between_sd: float
    within_sd: float
    close: float
    slope: float


def rate_agreement(
    true_bpm: Sequence[np.ndarray], found_bpm: Sequence[np.ndarray], subjects: Sequence[str]
) -> RateAgreement:
    """true_bpm, found_bpm: (w,) of each recording's windows with both rates."""
    people = list(dict.fromkeys(subjects))
    true, found = (
        [np.concatenate([one for one, who in zip(each, subjects, strict=True) if who == person]) for person in people]
        for each in (true_bpm, found_bpm)
    )
    errors = [b - a for a, b in zip(true, found, strict=True)]
    sums = np.array([[len(one), one.sum(), (one**2).sum()] for one in errors])
    times = np.concatenate([np.ones((1, len(people))), resamples(people)])
    bias, between, within = _components(times, sums)
    half = 1.96 * np.sqrt(between + within)
    every, rates = np.concatenate([np.zeros(0), *errors]), np.concatenate([np.zeros(0), *true, *found])
    rates = rates.reshape(2, -1).mean(0)
    return RateAgreement(
        windows=len(every),
        **_figure("bias", bias),
        **_figure("lower", bias - half),
        **_figure("upper", bias + half),
        between_sd=float(np.sqrt(between[0])),
        within_sd=float(np.sqrt(within[0])),
        close=float((np.abs(every) <= _CLOSE_BPM).mean()) if len(every) else float("nan"),
        slope=float(np.polyfit(rates, every, 1)[0]) if len(every) > 1 and np.ptp(rates) > 0 else float("nan"),
    )


def _components(times: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and both variances (r,) of a one-way analysis. times: (r, people), how often each counts; sums: (people, 3),
    windows, sum and sum of squares of their differences."""
    kept = sums[:, 0] > 0
    count, total, square = sums[kept].T
    times = times[:, kept]
    with np.errstate(invalid="ignore", divide="ignore"):
        people, windows = times.sum(1), times @ count
        mean = times @ total / windows
        inside = times @ (square - total**2 / count)
        within = inside / (windows - people)
        among = (times @ (total**2 / count) - windows * mean**2) / (people - 1)
        each = (windows - times @ count**2 / windows) / (people - 1)
        between = np.maximum(0, among - within) / each
    return mean, between, within


def _figure(name: str, drawn: np.ndarray) -> dict[str, float]:
    low, high = limits(drawn[1:])
    return {name: float(drawn[0]), f"{name}_low": low, f"{name}_high": high}

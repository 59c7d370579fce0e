"""How well a class is told, with intervals from resampling patients. Pure numpy.

Every figure is a function of weights of the recordings: all ones give the value, counts of drawn patients the
resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["auroc", "average_precision", "best_threshold", "figures", "limits", "patient_weights"]

_RESAMPLES = 1000
_BINS = 10


def patient_weights(subjects: Sequence[str], resamples: int = _RESAMPLES, seed: int = 0) -> np.ndarray:
    """(1 + resamples, n): ones, then how often each recording's patient was drawn, all patients drawn from anew."""
    names, at = np.unique(np.array(subjects), return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(names), (resamples, len(names)))
    counts = np.stack([np.bincount(row, minlength=len(names)) for row in drawn]) if resamples else np.zeros((0, 1), int)
    return np.concatenate([np.ones((1, len(at))), counts[:, at] if resamples else np.zeros((0, len(at)))])


def auroc(true: np.ndarray, probability: np.ndarray, folds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(k,) share of pairs, one of the class and one not, that are in the right order; ties count half. Only pairs of
    the same fold: networks of different folds need not agree on a scale, and a constant of each fold tells nothing.

    true: (n,) bool. probability, folds: (n,). weights: (k, n). NaN without a pair."""
    yes, no = probability[true][:, None], probability[~true][None]
    together = folds[true][:, None] == folds[~true][None]
    right = np.where(together, (yes > no) + 0.5 * (yes == no), 0.0)
    of_yes, of_no = weights[:, true], weights[:, ~true]
    pairs = ((of_yes @ together) * of_no).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((of_yes @ right) * of_no).sum(1) / pairs


def average_precision(true: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(k,) precision, averaged over the recordings of the class in order of probability; equal ones enter together.

    Of a constant it is the share of the class. NaN where a resample has none of it."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    drawn = weights[:, order]
    hits = np.cumsum(drawn * true[order], 1)[:, last]
    called = np.cumsum(drawn, 1)[:, last]
    steps = np.diff(hits, prepend=0.0, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(steps * hits / called, 1) / hits[:, -1]


def best_threshold(true: np.ndarray, probability: np.ndarray) -> float:
    """The probability from which calling gives the largest sum of sensitivity and specificity (Youden 1950); halfway to
    the next lower one. With only one kind of recording, halfway between nothing and certainty."""
    if true.all() or not true.any():
        return 0.5
    order = np.argsort(-probability, kind="stable")
    values = probability[order]
    last = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    gain = np.cumsum(true[order])[last] / true.sum() - np.cumsum(~true[order])[last] / (~true).sum()
    best = int(gain.argmax())
    lower = values[last[best + 1]] if best + 1 < len(last) else values[last[best]]
    return float((values[last[best]] + lower) / 2)


def figures(
    true: np.ndarray, probability: np.ndarray, called: np.ndarray, folds: np.ndarray, weights: np.ndarray
) -> Mapping[str, np.ndarray]:
    """Every figure (k,) of one class: auroc, average_precision, sensitivity, specificity, precision, brier, ece (mean
    distance of said and found share over ten bins of probability). called: (n,) bool."""
    return {
        "auroc": auroc(true, probability, folds, weights),
        "average_precision": average_precision(true, probability, weights),
        "sensitivity": _share(weights, true & called, true),
        "specificity": _share(weights, ~true & ~called, ~true),
        "precision": _share(weights, true & called, called),
        "brier": weights @ (probability - true) ** 2 / weights.sum(1),
        "ece": _distance(true, probability, weights),
    }


def _share(weights: np.ndarray, part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ part) / (weights @ whole)


def _distance(true: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> np.ndarray:
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    excess = np.stack([weights @ np.where(bins == one, probability - true, 0.0) for one in range(_BINS)])
    return np.abs(excess).sum(0) / weights.sum(1)


def limits(values: np.ndarray) -> tuple[float, float]:
    """95 % limits of a figure (k,) whose first is the value itself; (nan, nan) when no resample has one."""
    known = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return float(low), float(high)

"""Logistic regression on a few numbers: what a network has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference.diagnosis.crossval import Fit

__all__ = ["Standard", "fit_logistic", "prior", "regression"]

_TURNS = 30
_PENALTY = 1.0  # of squared weights of standardised columns: what a handful of patients should not outweigh


@dataclass(frozen=True, slots=True, eq=False)
class Standard:
    """Mean and spread of columns (k,) among those learnt from."""

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray) -> Standard:
        """From (n, k), NaN where unknown."""
        known = np.isfinite(columns)
        count = np.maximum(known.sum(0), 1)
        centre = np.where(known, columns, 0.0).sum(0) / count
        return cls(centre, np.sqrt((np.where(known, columns - centre, 0.0) ** 2).sum(0) / count))

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        """Standardised (..., k): 0, which is the mean, where unknown or where nobody differed."""
        return np.nan_to_num((columns - self.centre) / np.where(self.spread > 0, self.spread, np.inf))


def prior(truth: np.ndarray) -> Fit:
    """The share of each class (n, classes) among those learnt from, whoever is asked about."""

    def fit(train: np.ndarray, _: str) -> Callable[[np.ndarray], np.ndarray]:
        shares = truth[train].mean(0)
        return lambda asked: np.tile(shares, (len(asked), 1))

    return fit


def regression(columns: np.ndarray, truth: np.ndarray) -> Fit:
    """One regression for each class. columns: (n, k), NaN where unknown, which then counts as the mean. truth: (n,
    classes) bool."""

    def fit(train: np.ndarray, _: str) -> Callable[[np.ndarray], np.ndarray]:
        scaled = Standard.of(columns[train])(columns)
        told = [fit_logistic(scaled[train], truth[train, one]) for one in range(truth.shape[1])]
        return lambda asked: np.stack([_logistic(scaled[asked], weights) for weights in told], 1)

    return fit


def fit_logistic(columns: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(k + 1,) weights by Newton's method, the intercept last and without penalty. columns: (n, k). true: (n,) bool."""
    design = np.concatenate([columns, np.ones((len(columns), 1))], 1)
    penalty = np.diag(np.append(np.full(columns.shape[1], _PENALTY), 1e-6))
    weights = np.zeros(design.shape[1])
    for _ in range(_TURNS):
        probability = _sigmoid(design @ weights)
        slope = design.T @ (probability - true) + penalty @ weights
        bend = (design.T * (probability * (1 - probability))) @ design + penalty
        step = np.linalg.solve(bend, slope)
        weights = weights - step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _logistic(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _sigmoid(columns @ weights[:-1] + weights[-1])


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))

"""Cross-validation by patient: each recording is told once, by predictors that never saw its patient, at a threshold
chosen without it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference.diagnosis.scores import best_threshold

__all__ = ["FOLDS", "Fit", "Told", "cross_validate", "fold_of"]

FOLDS = 5

# (recordings to learn from, name of the fit) -> (recordings -> probabilities (k, classes))
Fit = Callable[[np.ndarray, str], Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """probability: (n, classes). called: (n, classes) bool, at the threshold of the recording's fold."""

    probability: np.ndarray
    called: np.ndarray


def fold_of(dataset: str, subject: str) -> int:
    """The fold of a person, by a hash: no one chooses, and it never changes."""
    digest = hashlib.sha256(f"p2es/fold/{dataset}/{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % FOLDS


def cross_validate(fit: Fit, truth: np.ndarray, folds: np.ndarray) -> Told:
    """Fit once for each pair of folds that is left out. truth: (n, classes) bool. folds: (n,).

    A recording of fold i gets the mean of the four predictors that saw neither i nor one other fold; what each of these
    says of that other fold is the evidence from which the threshold for i is chosen."""
    n, classes = truth.shape
    total, counts = np.zeros((n, classes)), np.zeros(n)
    inner = {fold: np.full((n, classes), np.nan) for fold in range(FOLDS)}
    for one in range(FOLDS):
        for other in range(one + 1, FOLDS):
            left_out = np.flatnonzero((folds == one) | (folds == other))
            predict = fit(np.flatnonzero((folds != one) & (folds != other)), f"{one}{other}")
            probability = predict(left_out)
            total[left_out] += probability
            counts[left_out] += 1
            for tested, evidence in ((one, other), (other, one)):
                rows = folds[left_out] == evidence
                inner[tested][left_out[rows]] = probability[rows]
    mean = total / counts[:, None]
    called = np.zeros((n, classes), bool)
    for fold in range(FOLDS):
        here, known = folds == fold, folds != fold
        for column in range(classes):
            threshold = best_threshold(truth[known, column], inner[fold][known, column])
            called[here, column] = mean[here, column] >= threshold
    return Told(mean, called)

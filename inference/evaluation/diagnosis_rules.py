"""Atrial fibrillation by rules on R peaks, against the labels of a reader. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.diagnosis.crossval import FOLDS
from inference.diagnosis.irregular import MEASURES, in_use
from inference.diagnosis.labels import CLASSES, FLUTTER, classes_of
from inference.diagnosis.scores import auroc, best_threshold, limits
from inference.evaluation.rhythm import Tally, tally
from inference.rhythm import IRREGULAR, RULES

__all__ = ["RuleRow", "rule_rows"]

_SINUS_ARRHYTHMIA = {"SARRH"}
_PREMATURE = {"PVC", "PAC", "PRC(S)", "BIGU", "TRIGU", "SVARR"}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One measure on one source of beats. limit: as it is told. auroc: with its 95 % limits, over answered recordings.
    tally: fibrillation against neither that nor flutter. flutter: recordings of it called, and all. arrhythmia,
    premature: of those called falsely, how many bear a label of sinus arrhythmia, or of premature beats."""

    beats: str
    measure: str
    limit: str
    auroc: tuple[float, float, float]
    tally: Tally
    flutter: tuple[int, int]
    arrhythmia: int
    premature: int


def rule_rows(
    source: str,
    beats: Sequence[np.ndarray],
    labels: Sequence[Sequence[str]],
    folds: np.ndarray,
    weights: np.ndarray,
) -> list[RuleRow]:
    """The rule in use, its measure at its limit on 10 s, and every measure at the limit that is best in the other
    folds.

    beats: (b,) of each recording, in s. labels: its codes. folds: (n,). weights: (k, n) for intervals."""
    limit = RULES[IRREGULAR].limit
    used = np.array([in_use(one) for one in beats])
    short = np.array([MEASURES[next(iter(MEASURES))](one) for one in beats])
    fixed = np.full(FOLDS, limit)
    cases = _Cases(labels, folds, weights)
    rows = [
        cases.row(source, "the rule in use, from 15 changes", f"{limit:g}", used, fixed),
        cases.row(source, "the rule in use, from 5 changes", f"{limit:g}", short, fixed),
    ]
    for name, measure in MEASURES.items():
        values = np.array([measure(one) for one in beats])
        rows.append(cases.row(source, name, "of the other folds", values, cases.best(values)))
    return rows


class _Cases:
    def __init__(self, labels: Sequence[Sequence[str]], folds: np.ndarray, weights: np.ndarray) -> None:
        self.labels, self.folds, self.weights = labels, folds, weights
        self.true = np.array([classes_of(one)[CLASSES.index("AF")] for one in labels])
        self.flutter = np.array([FLUTTER in one for one in labels]) & ~self.true

    def best(self, values: np.ndarray) -> np.ndarray:
        """(FOLDS,) the limit for each fold from the others."""
        known = np.isfinite(values) & ~self.flutter
        others = [known & (self.folds != fold) for fold in range(FOLDS)]
        return np.array([best_threshold(self.true[one], values[one]) for one in others])

    def row(self, source: str, measure: str, limit: str, values: np.ndarray, limits_of: np.ndarray) -> RuleRow:
        answered = np.isfinite(values)
        called = answered & (np.nan_to_num(values) >= limits_of[self.folds])
        asked = ~self.flutter
        known = asked & answered
        area = auroc(self.true[known], values[known], np.zeros(known.sum()), self.weights[:, known])
        mistaken = asked & called & ~self.true
        false = [set(codes) for codes, wrong in zip(self.labels, mistaken, strict=True) if wrong]
        return RuleRow(
            source,
            measure,
            limit,
            (float(area[0]), *limits(area)),
            tally(zip(self.true[asked], called[asked], answered[asked], strict=True)),
            (int((called & self.flutter).sum()), int(self.flutter.sum())),
            sum(bool(one & _SINUS_ARRHYTHMIA) for one in false),
            sum(bool(one & _PREMATURE) for one in false),
        )

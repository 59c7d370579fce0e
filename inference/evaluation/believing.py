"""How sure a beat of some probability may be called: learned on the calibration part, never on test subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from tqdm import tqdm

from inference.confidence import logit, scaled
from inference.datasets.windows import windows_of
from inference.evaluation.aligned import align, announced
from inference.evaluation.cases import Case
from inference.evaluation.figures.reliability import counted, reliability
from inference.evaluation.streamed import Infers, stream_record

__all__ = ["Believing", "choose_confidence", "fitted"]

_LEASH = 1e-4  # where all beats are true there is no best slope


@dataclass(frozen=True, slots=True)
class Believing:
    """slope, shift: for the settings. beats, recordings: they were learned from. error: expected calibration error,
    before and after, on the same beats."""

    slope: float
    shift: float
    beats: int
    recordings: int
    error: tuple[float, float]


def choose_confidence(cases: Sequence[Case], engine: Infers) -> Believing:
    """cases: of the calibration part. engine: one whose confidence is the network's probability."""
    known = []
    for case in tqdm(cases, desc="infer"):
        streamed = stream_record(engine, windows_of(case.entry), case.record.n)
        found = announced(case.record, streamed.estimate, align(case.record, streamed.estimate))
        if len(found[0]):
            known.append((case.entry.subject, *found))
    subjects = [subject for subject, _, _ in known]
    slope, shift = fitted([(told, hit) for _, told, hit in known])
    errors = [
        reliability([counted(scaled(told, a, b), hit) for _, told, hit in known], subjects).error
        for a, b in ((1.0, 0.0), (slope, shift))
    ]
    return Believing(slope, shift, sum(len(hit) for _, _, hit in known), len(known), (errors[0], errors[1]))


def fitted(recordings: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Slope and shift of least log loss. recordings: (b,) probability and (b,) whether true, of each; they weigh the
    same, however long they are."""
    odds = [logit(told) for told, _ in recordings]
    signs = [np.where(hit, -1.0, 1.0) for _, hit in recordings]

    def loss(values: np.ndarray) -> float:
        slope, shift = values
        each = [np.logaddexp(0, sign * (slope * one + shift)).mean() for one, sign in zip(odds, signs, strict=True)]
        return float(np.mean(each)) + _LEASH * float((slope - 1) ** 2 + shift**2)

    slope, shift = optimize.minimize(loss, np.array([1.0, 0.0])).x
    return float(slope), float(shift)

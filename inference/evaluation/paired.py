"""Two estimates of the same recordings: by how much one differs from the other, recording by recording."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inference.evaluation.intervals import bootstrap

__all__ = ["Difference", "paired"]


@dataclass(frozen=True, slots=True)
class Difference:
    """mean: over the recordings of both, NaN without any; low, high: its 95 % limits; recordings: how many."""

    mean: float
    low: float
    high: float
    recordings: int

    @property
    def sign(self) -> int:
        """-1 or 1 when the interval leaves 0 out, otherwise 0."""
        return int(self.low > 0) - int(self.high < 0)


def paired(values: Mapping[str, float], base: Mapping[str, float], subjects: Mapping[str, str]) -> Difference:
    """`values` less `base`, both by recording; where either is NaN nothing is compared. subjects: by recording; those
    of a person are drawn together."""
    both = [name for name in subjects if name in values and name in base]
    if not both:
        return Difference(math.nan, math.nan, math.nan, 0)
    apart = np.array([[values[name] - base[name]] for name in both])
    mean, limits, count = bootstrap(apart, [subjects[name] for name in both])
    return Difference(float(mean[0]), float(limits[0, 0]), float(limits[0, 1]), int(count[0]))

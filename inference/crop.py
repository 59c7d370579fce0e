"""What the generator makes at once: CROP samples, of which the HOP in the middle are kept; and the person along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["BEAT_BEFORE", "BEAT_SAMPLES", "CROP", "HALO", "HOP", "KNOTS", "Person"]

HOP, HALO, KNOTS = 256, 128, 4
CROP = HOP + 2 * HALO
BEAT_BEFORE = 32
BEAT_SAMPLES = BEAT_BEFORE + 58  # of the mean beat that a person code is read from: 0.25 s before R to 0.45 s after


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What is known of the person along a crop of CROP samples, at KNOTS hops of which the first is its first sample.

    code: (batch, 4, 16); vector: (batch, 8); affinity: (batch, 4, 8, 8). In between is linear, so crops join. Arrays of
    the runtime's kind."""

    code: Any
    vector: Any
    affinity: Any

"""What the generator makes at once: CROP samples, of which the HOP in the middle are kept; and the person along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CROP", "HALO", "HOP", "KNOTS", "Person"]

HOP, HALO, KNOTS = 256, 128, 4
CROP = HOP + 2 * HALO


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """What is known of the person along a crop of CROP samples, at KNOTS hops of which the first is its first sample.

    code: (batch, 4, 16); vector: (batch, 8); affinity: (batch, 4, 8, 8). In between is linear, so crops join. Arrays of
    the runtime's kind."""

    code: Any
    vector: Any
    affinity: Any

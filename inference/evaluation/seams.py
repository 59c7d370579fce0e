"""Whether one window's estimate goes over into the next without a step, and whether two windows say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.evaluation.streamed import Infers, owned_again
from stream.messages import ABSTAINED_UV, EcgSegment, PpgSegment

__all__ = ["border_steps", "two_windows"]


def border_steps(leads_mv: np.ndarray, borders: np.ndarray) -> tuple[int, int]:
    """(steps at borders, how many exceed the lead's 99th percentile of steps elsewhere), over all leads.

    leads_mv: (leads, n), NaN where abstained. borders: grid samples at which another window takes over."""
    counted = large = 0
    for lead in leads_mv:
        steps = np.abs(np.diff(lead))
        here = np.zeros(len(steps), bool)
        here[borders[(borders > 0) & (borders <= len(steps))] - 1] = True
        known = np.isfinite(steps)
        if not (known & here).any() or not (known & ~here).any():
            continue
        usual = np.percentile(steps[known & ~here], 99)
        counted += int((known & here).sum())
        large += int((steps[known & here] > usual).sum())
    return counted, large


def two_windows(engine: Infers, segments: Sequence[PpgSegment]) -> np.ndarray:
    """Absolute differences in uV, all leads and samples pooled, between a hop's owner and the window after it."""
    again = owned_again(segments)
    if not again:
        return np.zeros(0)
    first = {_begin(one): one for one in engine.infer(segments)}
    differences = [_differences(first[_begin(one)], one) for one in engine.infer(again) if _begin(one) in first]
    return np.concatenate(differences) if differences else np.zeros(0)


def _begin(one: EcgSegment) -> int:
    return one.start_ns


def _differences(one: EcgSegment, other: EcgSegment) -> np.ndarray:
    if len(one.leads_uv) != len(other.leads_uv):
        return np.zeros(0)  # the first of a stretch owns more than a hop
    a, b = one.leads_uv.astype(int), other.leads_uv.astype(int)
    both = (a != ABSTAINED_UV) & (b != ABSTAINED_UV)
    return np.abs(a - b)[both].astype(float)

"""Risk against coverage: does leaving out what it is least sure of leave out the errors?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.evaluation.intervals import limits, resamples

__all__ = ["Selective", "selective"]

_POINTS = np.arange(0.05, 1.001, 0.05)
_STEPS = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class Selective:
    """kept: shares of all judged windows, the surest first, up to what was answered; risk: mean error of those, low and
    high its 95 % interval over subjects. area: under the risk over the answered windows, ideal_area when the order were
    that of the errors, whole when it said nothing. gain: whole less the risk of the surer half, with its interval.
    never_rises: the risk of 80, 60, 40, 20 % of the answered windows is each time no higher."""

    windows: int
    answered: int
    kept: list[float]
    risk: list[float]
    low: list[float]
    high: list[float]
    area: float
    area_low: float
    area_high: float
    ideal_area: float
    whole: float
    gain: float
    gain_low: float
    gain_high: float
    never_rises: bool

    @property
    def falls(self) -> bool:
        """Whether errors fall as fewer windows are kept: the whole interval of the gain is above 0."""
        return self.gain_low > 0


def selective(
    confidence: Sequence[np.ndarray], error: Sequence[np.ndarray], windows: int, subjects: Sequence[str]
) -> Selective:
    """confidence, error: (w,) of each recording's answered windows. windows: judged ones, answered or not."""
    sure, wrong = np.concatenate([np.zeros(0), *confidence]), np.concatenate([np.zeros(0), *error])
    owner = np.repeat(np.arange(len(confidence)), [len(one) for one in confidence])
    order = np.argsort(-sure, kind="stable")
    answered = len(order)
    weights = np.concatenate([np.ones((1, len(subjects))), resamples(subjects)])[:, owner[order]]
    totals = weights.sum(1)
    curve = np.cumsum(weights * wrong[order], 1)
    share = np.cumsum(weights, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        risk = curve / share
        share = share / totals[:, None]
        area = np.nansum(risk * weights, 1) / totals  # no risk yet where the owner of the surest is not drawn
        at_half = np.array([_at(one, kept, 0.5) for one, kept in zip(risk, share, strict=True)])
    points = np.stack([[_at(one, kept, at) for at in _POINTS] for one, kept in zip(risk, share, strict=True)])
    spans = [limits(column) for column in points[1:].T]
    gain = points[:, -1] - at_half
    steps = [_at(risk[0], share[0], at) for at in _STEPS]
    ideal = np.sort(wrong).cumsum() / np.arange(1, answered + 1)
    return Selective(
        windows=windows,
        answered=answered,
        kept=(_POINTS * answered / max(1, windows)).tolist(),
        risk=points[0].tolist(),
        low=[low for low, _ in spans],
        high=[high for _, high in spans],
        area=float(area[0]),
        **_span("area", area[1:]),
        ideal_area=float(ideal.mean()) if answered else float("nan"),
        whole=float(points[0, -1]),
        gain=float(gain[0]),
        **_span("gain", gain[1:]),
        never_rises=bool(np.all(np.diff(steps) >= 0)),
    )


def _at(risk: np.ndarray, share: np.ndarray, wanted: float) -> float:
    """Risk of the fewest windows that make up the share."""
    if not len(risk):
        return float("nan")
    return float(risk[min(len(risk) - 1, int(np.searchsorted(share, wanted - 1e-9)))])


def _span(name: str, drawn: np.ndarray) -> dict[str, float]:
    low, high = limits(drawn)
    return {f"{name}_low": low, f"{name}_high": high}

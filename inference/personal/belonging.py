"""Whether an ECG and a PPG are of the same heart at the same time, and how late the pulse is. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.datasets.reference import matched
from stream.messages import GRID_FS_HZ

__all__ = ["Match", "match"]

_STEP_S = 0.008
_TOLERANCE_S, _FINE_S = 0.05, 0.02
_APART_S, _FAR_S = 1.0, 15.0  # lags beyond the plausible ones by so much, and up to the latter, are chance
_CHEAP_S = 0.02  # agreement given up for a second less of lag: an even rhythm agrees as well a beat later
# on the calibration part 46 of 54 recordings pass with 30 s and 47 with 60 s; another person's PPG 0 of 146 and 0 of
# 155; half a recording off 2 of 47, of a rhythm so even that nothing can tell, and 0 of 50
_MIN_AGREEMENT, _ABOVE_CHANCE, _SURE = 0.5, 0.1, 0.8


@dataclass(frozen=True, slots=True)
class Match:
    """lag_s: by which the pulse's beats are late. f1: at 50 ms with that lag. agreement: 0..1, as f1, but a beat counts
    exp(-(d / 20 ms)^2 / 2); chance: the best agreement at lags that cannot be. spread_s: interquartile range of d."""

    lag_s: float
    f1: float
    agreement: float
    chance: float
    spread_s: float
    ecg_beats: int
    pulse_beats: int

    @property
    def belongs(self) -> bool:
        """Whether the beats agree so well that it is no chance. An even rhythm agrees with itself at any lag of whole
        beats: then only a very close agreement will do."""
        clear = self.agreement >= max(_MIN_AGREEMENT, self.chance + _ABOVE_CHANCE)
        return clear or self.agreement >= _SURE


def match(peaks: np.ndarray, pulses: np.ndarray, seen: np.ndarray, lags_s: tuple[float, float]) -> Match:
    """Find the lag within lags_s. peaks, pulses: grid places; seen: (n,) where both could have been found."""
    low, high = lags_s
    near = np.arange(low, high, _STEP_S)
    far = np.arange(-_FAR_S, _FAR_S, 2 * _STEP_S)
    far = far[(far < low - _APART_S) | (far > high + _APART_S)]
    agreements = np.array([_agreement(*_overlap(peaks, pulses, seen, lag)) for lag in near])
    lag = float(near[int((agreements - _CHEAP_S * np.abs(near)).argmax())])
    one, other = _overlap(peaks, pulses, seen, lag)
    i, j = matched(one, other, _TOLERANCE_S)
    if len(i) >= 3:
        lag += float(np.median(other[j] - one[i]))
        one, other = _overlap(peaks, pulses, seen, lag)
        i, j = matched(one, other, _TOLERANCE_S)
    apart = other[j] - one[i]
    elsewhere = [_overlap(peaks, pulses, seen, far_lag) for far_lag in far]
    # a few beats agree by chance with anything
    chance = max((_agreement(*both) for both in elsewhere if 2 * len(both[0]) >= len(one)), default=0.0)
    return Match(
        lag_s=lag,
        f1=2 * len(i) / max(1, len(one) + len(other)),
        agreement=_agreement(one, other),
        chance=chance,
        spread_s=float(np.subtract(*np.percentile(apart, [75, 25]))) if len(apart) else 0.0,
        ecg_beats=len(one),
        pulse_beats=len(other),
    )


def _overlap(peaks: np.ndarray, pulses: np.ndarray, seen: np.ndarray, lag_s: float) -> tuple[np.ndarray, np.ndarray]:
    """R peaks and moved pulses, in s, where both could have been found."""
    by = round(lag_s * GRID_FS_HZ)
    n = len(seen)
    both = np.zeros(n, bool)  # the ECG has to be seen here, the pulse `by` later
    a, b = max(0, -by), min(n, n - by)
    both[a:b] = seen[a:b] & seen[a + by : b + by]
    moved = pulses - lag_s * GRID_FS_HZ
    return tuple(one[_on(both, one)] / GRID_FS_HZ for one in (peaks, moved))  # pyright: ignore[reportReturnType]


def _on(mask: np.ndarray, places: np.ndarray) -> np.ndarray:
    at = np.rint(places).astype(int)
    return (at >= 0) & (at < len(mask)) & mask[np.clip(at, 0, len(mask) - 1)]


def _agreement(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or len(other) < 3:
        return 0.0
    i, j = matched(one, other, 4 * _FINE_S)
    close = np.exp(-0.5 * ((other[j] - one[i]) / _FINE_S) ** 2)
    return float(2 * close.sum() / (len(one) + len(other)))

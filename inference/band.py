"""The band of lead II as it is shown: widened until it holds what it says."""

from __future__ import annotations

import numpy as np

__all__ = ["CLEAR", "SHARE", "needed", "widened"]

SHARE = 0.9  # of the samples of the next recording
CLEAR = 0.9  # quality from which on a calibrated person's beats are rarely astray: below, the band is another
_LEAST_MV = 1e-3  # a width that a factor can act on


def widened(band_mv: np.ndarray, lead_mv: np.ndarray, by: float) -> np.ndarray:
    """(2, n) lower and upper bound: the band and the estimate (n,) it is about, and `by` times that width on either
    side."""
    low, high, width = _about(band_mv, lead_mv)
    return np.stack([low - by * width, high + by * width])


def needed(band_mv: np.ndarray, lead_mv: np.ndarray, true_mv: np.ndarray) -> np.ndarray:
    """(n,) the least `by` with which each true sample lies in the widened band; below 0 when well inside."""
    low, high, width = _about(band_mv, lead_mv)
    return np.maximum(low - true_mv, true_mv - high) / width


def _about(band_mv: np.ndarray, lead_mv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = np.minimum(band_mv[0], lead_mv), np.maximum(band_mv[1], lead_mv)
    return low, high, np.maximum(high - low, _LEAST_MV)

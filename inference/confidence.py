"""From the beat head's probability to the share of such beats that are true (Platt scaling; Platt 1999)."""

from __future__ import annotations

import numpy as np

__all__ = ["logit", "scaled"]

_EDGE = 1e-4  # a probability of 0 or 1 has no logit


def scaled(probability: np.ndarray, slope: float, shift: float) -> np.ndarray:
    """(b,) float32, 0..1: a logistic function of the probability's logit. slope 1, shift 0: as it was."""
    return (1 / (1 + np.exp(-slope * logit(probability) - shift))).astype(np.float32)


def logit(probability: np.ndarray) -> np.ndarray:
    """(b,) float64 log odds."""
    known = np.clip(np.asarray(probability, float), _EDGE, 1 - _EDGE)
    return np.log(known / (1 - known))

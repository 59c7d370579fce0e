"""R peaks from PPG: what the network (beat_network.py) is given and the rule that reads times from its output.

Everything is local. An output depends on PPG from LOOK_BACK_S before to LOOK_AHEAD_S after its own (delayed) place, so
that two overlapping windows give the same beats; there is no normalisation over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stream.messages import GRID_FS_HZ

__all__ = ["DECODE_S", "LOOK_AHEAD_S", "LOOK_BACK_S", "Beats", "beat_features", "decode_beats", "normalise"]

LOOK_AHEAD_S = 1.14
LOOK_BACK_S = 4.7
DECODE_S = 0.2  # a beat is the highest point within this distance on either side


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """index: (b,) float64 places on the grid (fractions of a sample allowed); confidence: (b,) float32, 0..1."""

    index: np.ndarray
    confidence: np.ndarray


def normalise(ppg: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """PPG (n,) over its amplitude (one value a second from the first sample on), clipped to +-6; 0 where it is flat."""
    seconds = np.arange(len(ppg)) / GRID_FS_HZ
    amplitude = np.interp(seconds, np.arange(len(scale)), scale)
    return np.clip(np.divide(ppg, amplitude, out=np.zeros(len(ppg)), where=amplitude > 0), -6, 6).astype(np.float32)


def beat_features(pulse: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(..., 3, n) float32 network input from normalised PPG (..., n) and its validity: pulse, slope, valid."""
    slope = np.clip(8 * np.gradient(pulse, axis=-1), -6, 6)
    return np.stack([pulse, slope, valid], -2).astype(np.float32)


def decode_beats(probability: np.ndarray, threshold: float) -> Beats:
    """Beats of one raster (n,): maxima within DECODE_S of at least `threshold`, placed between samples by a parabola
    through the logarithm (exact for a Gaussian bump)."""
    reach = round(DECODE_S * GRID_FS_HZ)
    highest = ndimage.maximum_filter1d(probability, 2 * reach + 1, mode="constant", cval=-1.0)
    at = np.flatnonzero((probability >= threshold) & (probability == highest))
    at = at[(at > 0) & (at < len(probability) - 1)]
    at = at[np.concatenate([[True], np.diff(at) > reach])] if len(at) else at
    left, mid, right = (np.log(probability[at + step] + 1e-6) for step in (-1, 0, 1))
    bend = np.minimum(left - 2 * mid + right, -1e-9)
    return Beats(at + np.clip(0.5 * (left - right) / bend, -0.5, 0.5), probability[at].astype(np.float32))

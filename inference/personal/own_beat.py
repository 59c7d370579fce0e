"""The mean beat of one person: cut out of their ECG, and placed at R peaks again. Pure numpy/scipy."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from inference.personal.calibration import AFTER, BEFORE, SIZE
from stream.messages import GRID_FS_HZ

__all__ = ["cut_beats", "mean_beat", "place", "smooth_ends", "spline"]

_ALIKE = 0.8  # correlation with the median beat, below which a beat is an ectopic one or noise
_HEIGHTS = (0.5, 2.0)  # and its peak-to-peak over the median's
_END = 8  # samples over which both ends go to 0
_BEFORE_NEXT, _FADE_S = 0.35, 0.04


def cut_beats(leads: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(beats, leads, SIZE) of (leads, n), NaN where unknown, round each place (fractions of a sample allowed) that has
    room for a whole beat."""
    at = places[:, None] + np.arange(-BEFORE, AFTER + 1)
    at = at[(at[:, 0] >= 0) & (at[:, -1] <= leads.shape[1] - 1)]
    known = np.isfinite(leads)
    out = np.empty((len(at), len(leads), SIZE))
    for row, lead in enumerate(leads):
        cut = ndimage.map_coordinates(np.where(known[row], lead, 0.0), [at], order=3, mode="nearest")
        there = known[row][np.floor(at).astype(int)] & known[row][np.ceil(at).astype(int)]
        out[:, row] = np.where(there, cut, np.nan)
    return out


def mean_beat(beats: np.ndarray) -> tuple[np.ndarray, int]:
    """(SIZE,) mean of the beats (b, SIZE) of one lead that look like their median, and how many those are; of each
    sample the lowest and highest tenth is left out, for a neighbour may be an ectopic one.

    Ends go to 0, so that the beat can be placed anywhere. Zeros and 0 when no beat is whole."""
    whole = beats[np.isfinite(beats).all(1)]
    if not len(whole):
        return np.zeros(SIZE), 0
    usual = np.median(whole, 0)
    near = slice(BEFORE - round(0.1 * GRID_FS_HZ), BEFORE + round(0.4 * GRID_FS_HZ))
    here, there = whole[:, near] - whole[:, near].mean(1, keepdims=True), usual[near] - usual[near].mean()
    alike = here @ there / np.maximum(np.linalg.norm(here, axis=1) * np.linalg.norm(there), 1e-12)
    height = np.ptp(here, axis=1) / max(np.ptp(there), 1e-12)
    kept = whole[(alike >= _ALIKE) & (height >= _HEIGHTS[0]) & (height <= _HEIGHTS[1])]
    out = len(kept) // 10
    return (
        (smooth_ends(np.sort(kept, 0)[out : len(kept) - out].mean(0)), len(kept)) if len(kept) else (np.zeros(SIZE), 0)
    )


def smooth_ends(beat: np.ndarray) -> np.ndarray:
    """A beat (..., SIZE) that begins and ends at 0."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(_END) / _END)
    return beat * np.concatenate([rise, np.ones(SIZE - 2 * _END), rise[::-1]])


def spline(beats: np.ndarray) -> np.ndarray:
    """What `place` takes: the cubic spline's coefficients of beats (k, SIZE), one more before and two after."""
    if not len(beats):
        return np.zeros((0, SIZE + 3))
    coefficients = ndimage.spline_filter1d(beats.astype(float), order=3, axis=-1, mode="mirror")
    return np.pad(coefficients, ((0, 0), (1, 2)), mode="reflect")


def place(coefficients: np.ndarray, places: np.ndarray, first: int, n: int) -> np.ndarray:
    """(k, n) on grid samples [first, first + n): a beat at each place, sorted. coefficients: of `spline`.

    Two beats go over into each other 35 % of their interval before the later one, and no sample depends on an R peak
    further ahead than a beat reaches before its own."""
    if not len(places) or not len(coefficients):
        return np.zeros((len(coefficients), n))
    grid = first + np.arange(n)
    after = np.searchsorted(places, grid, side="right")
    before = np.where(after > 0, places[np.maximum(after - 1, 0)], -np.inf)
    ahead = np.where(after < len(places), places[np.minimum(after, len(places) - 1)], np.inf)
    interval = np.where(np.isfinite(before), ahead - before, np.inf)
    border = ahead - np.minimum(_BEFORE_NEXT * interval, BEFORE)
    turn = np.clip((grid - border) / (_FADE_S * GRID_FS_HZ) / 2 + 0.5, 0, 1)
    weight = turn * turn * (3 - 2 * turn)
    last, coming = _read(coefficients, np.stack([grid - before, grid - ahead])).swapaxes(0, 1)
    return (1 - weight) * last + weight * coming


def _read(coefficients: np.ndarray, since: np.ndarray) -> np.ndarray:
    """(k, ...) the beats' values `since` samples (...) after their R peak; outside them the value at their end.

    The four pieces of a cubic B-spline by hand: scipy's reader takes one beat a call, and so 7 % of a hop."""
    at = np.clip(since + BEFORE, 0, SIZE - 1)
    cell = at.astype(int)
    y = at - cell
    z = 1 - y
    second, third = (y * y * (y - 2) * 3 + 4) / 6, (z * z * (z - 2) * 3 + 4) / 6
    first = z * z * z / 6
    weights = (first, second, third, 1 - first - second - third)
    return sum((w * coefficients[:, cell + k] for k, w in enumerate(weights)), np.zeros(1))

"""Waveform against waveform, per lead and 10-s window: r, RMSE on three scales, DTW, mean beats. Pure numpy/scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from stream.messages import GRID_FS_HZ

__all__ = [
    "Agreement",
    "agreement",
    "as_scored",
    "delayed",
    "dtw",
    "mean_beat",
    "qrs_width_ms",
    "r_amplitude",
    "to_unit",
    "wave_lag",
]

_BAND = signal.butter(2, [0.5, 40], "bandpass", fs=GRID_FS_HZ, output="sos")
_SMOOTH = signal.butter(2, 35, fs=512, output="sos")
_WINDOW = 10 * GRID_FS_HZ
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Agreement:
    """Means over a lead's usable windows at least half covered; NaN without any. r of a flat estimate is 0.
    rmse_pm1: both sides scaled to [-1, 1] (a flat one: the reference's own mean, the best constant)."""

    r: float
    rmse_mv: float
    rmse_z: float
    rmse_pm1: float
    windows: int
    abstained: int


def as_scored(lead: np.ndarray) -> np.ndarray:
    """Zero-phase 0.5-40 Hz of each covered stretch of (n,), as the reference is filtered; NaN stays."""
    out = np.full(len(lead), np.nan)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isfinite(lead), [False]]).astype(np.int8)))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        part = lead[a:b] - np.median(lead[a:b])
        out[a:b] = signal.sosfiltfilt(_BAND, part, padlen=min(b - a - 1, 2 * GRID_FS_HZ)) if b - a > 20 else 0.0
    return out


def delayed(lead: np.ndarray, half_samples: int) -> np.ndarray:
    """(n,) moved earlier by half_samples / 256 s; NaN where nothing is known."""
    out = np.full(len(lead), np.nan)
    whole, half = divmod(half_samples, 2)
    source = lead
    if half:
        known = np.nan_to_num(lead)
        source = ndimage.map_coordinates(known, [np.arange(len(lead)) + 0.5], order=3, mode="nearest")
        source[~np.isfinite(lead) | ~np.isfinite(np.append(lead[1:], lead[-1]))] = np.nan
    a, b = max(0, -whole), min(len(lead), len(lead) - whole)
    if b > a:
        out[a:b] = source[a + whole : b + whole]
    return out


def wave_lag(true: np.ndarray, estimate: np.ndarray, usable: np.ndarray, near_s: float, span_s: float = 0.12) -> int:
    """Half samples by which to move the estimate: best r of the whole recording within span_s of the beats' lag (the R
    peak may sit on another deflection of the estimated QRS)."""
    centre, span = round(near_s * 2 * GRID_FS_HZ), round(span_s * 2 * GRID_FS_HZ)
    between = delayed(estimate, 1)
    best, best_r = centre, -2.0
    for moved in range(centre - span, centre + span + 1):
        whole, half = divmod(moved, 2)
        candidate = delayed(between if half else estimate, 2 * whole)
        both = usable & np.isfinite(candidate) & np.isfinite(true)
        if both.sum() < _WINDOW or np.std(candidate[both]) < _FLAT:
            continue
        r = np.corrcoef(true[both], candidate[both])[0, 1] - 5e-5 * abs(moved - centre)
        if r > best_r:
            best, best_r = moved, float(r)
    return best


def agreement(true: np.ndarray, estimate: np.ndarray, windows: np.ndarray) -> Agreement:
    """Compare two leads (n,) over the numbered 10-s windows."""
    rows, abstained = [], 0
    for w in windows:
        part = slice(w * _WINDOW, (w + 1) * _WINDOW)
        both = np.isfinite(true[part]) & np.isfinite(estimate[part])
        if both.mean() < 0.5:
            abstained += 1
            continue
        x, y = true[part][both], estimate[part][both]
        if x.std() > _FLAT:
            rows.append(_window(x, y))
    r, rmse_mv, rmse_z, rmse_pm1 = (float(value) for value in (np.mean(rows, 0) if rows else np.full(4, np.nan)))
    return Agreement(r, rmse_mv, rmse_z, rmse_pm1, len(rows), abstained)


def _window(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float, float]:
    rmse_mv = np.sqrt(np.mean((x - y) ** 2))
    unit = to_unit(x)
    if y.std() <= _FLAT:
        return 0.0, rmse_mv, 1.0, unit.std()
    zx, zy = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    rmse_pm1 = np.sqrt(np.mean((unit - to_unit(y)) ** 2))
    return float(np.mean(zx * zy)), rmse_mv, float(np.sqrt(np.mean((zx - zy) ** 2))), rmse_pm1


def to_unit(x: np.ndarray) -> np.ndarray:
    """Min-max to [-1, 1]."""
    return 2 * (x - x.min()) / np.ptp(x) - 1


def dtw(x: np.ndarray, y: np.ndarray, band: int) -> float:
    """Dynamic time warping: mean absolute difference along the cheapest path, at most `band` samples off the diagonal.

    x, y: (n,). Of equally cheap predecessors the diagonal one is taken."""
    n = len(x)
    cost = np.full((3, n + 1), np.inf)  # the last two anti-diagonals and this one, by row
    length = np.zeros((3, n + 1))
    cost[0, 0] = 0.0
    for diagonal in range(2, 2 * n + 1):
        now, one, two = diagonal % 3, (diagonal - 1) % 3, (diagonal - 2) % 3
        cost[now] = np.inf
        low, high = max(1, diagonal - n, (diagonal - band + 1) // 2), min(n, diagonal - 1, (diagonal + band) // 2)
        row = np.arange(low, high + 1)
        before = np.stack([cost[two, row - 1], cost[one, row - 1], cost[one, row]])
        steps = np.stack([length[two, row - 1], length[one, row - 1], length[one, row]])
        pick = before.argmin(0)
        each = np.arange(len(row))
        cost[now, row] = before[pick, each] + np.abs(x[row - 1] - y[diagonal - row - 1])
        length[now, row] = steps[pick, each] + 1
    last = (2 * n) % 3
    return float(cost[last, n] / length[last, n])


def mean_beat(lead: np.ndarray, beats_s: np.ndarray, before_s: float = 0.25, after_s: float = 0.45) -> np.ndarray:
    """Median beat from before_s to after_s round R, sub-sample aligned by interpolation; empty with fewer than 5."""
    offsets = np.arange(-round(before_s * GRID_FS_HZ), round(after_s * GRID_FS_HZ) + 1)
    place = beats_s[:, None] * GRID_FS_HZ + offsets
    place = place[(place[:, 0] >= 0) & (place[:, -1] <= len(lead) - 1)]
    if not len(place):
        return np.zeros(0)
    known = np.isfinite(lead)
    cut = ndimage.map_coordinates(np.where(known, lead, 0.0), [place], order=3, mode="nearest")
    whole = known[np.floor(place).astype(int)].all(1) & known[np.ceil(place).astype(int)].all(1)
    return np.median(cut[whole], 0) if whole.sum() >= 5 else np.zeros(0)


def r_amplitude(beat: np.ndarray, lead: str, before_s: float = 0.25, near_s: float = 0.06) -> float:
    """The highest point of a mean beat within near_s of its R peak, mV; of aVR, which looks the other way, the depth of
    the lowest. NaN without a beat."""
    at, reach = round(before_s * GRID_FS_HZ), round(near_s * GRID_FS_HZ)
    near = beat[at - reach : at + reach + 1]
    if not len(near):
        return float("nan")
    return float(-near.min() if lead == "aVR" else near.max())


def qrs_width_ms(beat: np.ndarray, before_s: float = 0.25) -> float:
    """Between the first and last sample within 130 ms of R whose slope exceeds 15 % of the steepest: rough, but the
    same rule for both sides. NaN without a beat."""
    if len(beat) < 2 or np.ptp(beat) < _FLAT:
        return float("nan")
    fine = ndimage.map_coordinates(beat, [np.arange(0, len(beat) - 1, 0.25)], order=3, mode="nearest")
    slope = np.abs(np.gradient(signal.sosfiltfilt(_SMOOTH, fine)))
    centre, reach = round(before_s * 512), round(0.13 * 512)
    near = slope[centre - reach : centre + reach + 1]
    steep = np.flatnonzero(near > 0.15 * near.max())
    return float((steep[-1] - steep[0]) * 1000 / 512)

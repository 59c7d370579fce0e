"""The true ECG of a recording: leads on the 128 Hz grid, R peaks, and where they can be trusted.

Pure numpy/scipy; used by training and evaluation, never live."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from stream.messages import GRID_FS_HZ

__all__ = ["GENERATED", "LIMB", "Reference", "detect_beats", "filter_lead", "limb_leads", "matched", "reference"]

GENERATED = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
LIMB = {  # each limb lead from (I, II): Einthoven, Goldberger
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
_ECG_BAND = signal.butter(2, [0.5, 40], "bandpass", fs=GRID_FS_HZ, output="sos")
_QRS_BAND = signal.butter(2, [5, 20], "bandpass", fs=GRID_FS_HZ, output="sos")
_MAD_TO_SD = 1.4826
_WINDOW_S = 10


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """leads_mv: (8, n) float32 in GENERATED order, NaN where there is none. beats_s: (b,) R peaks.
    usable: (round(n / 1280),) bool, the 10-s windows whose beats two recorded leads agree on."""

    leads_mv: np.ndarray
    beats_s: np.ndarray
    usable: np.ndarray


def filter_lead(values: np.ndarray, fs_hz: float) -> np.ndarray:
    """Zero-phase 0.5-40 Hz on the 128 Hz grid. values: (m,) mV, NaN where missing. Returns (n,) float64."""
    times = np.arange(len(values)) / fs_hz
    n = int((len(values) - 1) / fs_hz * GRID_FS_HZ) + 1
    grid = np.arange(n) / GRID_FS_HZ
    finite = np.isfinite(values)
    if finite.sum() < 2 * fs_hz:
        return np.full(n, np.nan)
    filled = np.interp(times, times[finite], values[finite])
    if fs_hz > 1.5 * GRID_FS_HZ:
        filled = signal.sosfiltfilt(signal.butter(4, 50, fs=fs_hz, output="sos"), filled)
    # a cubic spline keeps the QRS when 100 or 125 Hz is brought to 128 Hz
    resampled = ndimage.map_coordinates(filled, [grid * fs_hz], order=3, mode="nearest")
    out = signal.sosfiltfilt(_ECG_BAND, resampled - np.median(resampled))
    missing = np.interp(grid, times, (~finite).astype(float)) > 0
    out[missing] = np.nan
    return out


def limb_leads(leads: dict[str, np.ndarray]) -> np.ndarray | None:
    """Leads I and II, (2, n), by least squares from any two independent limb leads; None with fewer."""
    names = [name for name in LIMB if name in leads]
    if len(names) < 2:
        return None
    matrix = np.array([LIMB[name] for name in names])
    return np.linalg.pinv(matrix) @ np.stack([leads[name] for name in names])


def detect_beats(lead: np.ndarray) -> np.ndarray:
    """R-peak times in s, sub-sample, of a filtered lead (n,) on the 128 Hz grid; NaN counts as flat.

    QRS energy above a local threshold with search-back (after Pan and Tompkins 1985), then every beat is aligned to the
    record's median QRS, so that the fiducial sits on the same deflection throughout."""
    missing = ~np.isfinite(lead)
    lead = np.where(missing, 0.0, lead)
    if len(lead) < 3 * GRID_FS_HZ or np.std(lead) < 1e-4:
        return np.zeros(0)
    band = signal.sosfiltfilt(_QRS_BAND, lead)
    power = ndimage.uniform_filter1d(np.gradient(band) ** 2, int(0.1 * GRID_FS_HZ))
    energy = np.sqrt(np.maximum(power, 0.0))
    peaks = signal.find_peaks(energy, distance=int(0.25 * GRID_FS_HZ))[0]
    if not len(peaks):
        return np.zeros(0)
    local = _local_height(energy, missing)[peaks]
    kept = _without_t_waves(peaks, energy[peaks], energy[peaks] > 0.4 * local)
    kept = _search_back(peaks, energy[peaks], local, kept)
    return _align(band, peaks[kept])


def _local_height(energy: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Median of the maxima of 1.5-s bins within about 6 s: a burst of noise does not raise it, a hole not lower it."""
    count = max(1, len(energy) // int(1.5 * GRID_FS_HZ))
    bins = np.array([part.max() for part in np.array_split(energy, count)])
    hole = np.array([part.mean() > 0.5 for part in np.array_split(missing, count)])
    if hole.any() and not hole.all():
        bins[hole] = np.interp(np.flatnonzero(hole), np.flatnonzero(~hole), bins[~hole])
    smooth = ndimage.median_filter(bins, 9, mode="nearest")
    return smooth[np.minimum(np.arange(len(energy)) * len(bins) // len(energy), len(bins) - 1)]


def _without_t_waves(peaks: np.ndarray, height: np.ndarray, candidate: np.ndarray) -> list[int]:
    kept: list[int] = []
    for i in np.flatnonzero(candidate):
        if kept and peaks[i] - peaks[kept[-1]] < 0.36 * GRID_FS_HZ and height[i] < 0.5 * height[kept[-1]]:
            continue
        kept.append(int(i))
    return kept


def _search_back(peaks: np.ndarray, height: np.ndarray, local: np.ndarray, kept: list[int]) -> list[int]:
    if len(kept) < 4:
        return kept
    intervals = np.diff(peaks[kept])
    usual = ndimage.median_filter(intervals, 11, mode="nearest")
    found = []
    for i in np.flatnonzero(intervals > 1.66 * usual):
        inside = [
            j
            for j in range(kept[i] + 1, kept[i + 1])
            if height[j] > 0.2 * local[j]
            and peaks[j] - peaks[kept[i]] > 0.36 * GRID_FS_HZ
            and peaks[kept[i + 1]] - peaks[j] > 0.3 * GRID_FS_HZ
        ]
        if inside:
            found.append(max(inside, key=lambda j: height[j]))
    return sorted(kept + found)


def _align(band: np.ndarray, at: np.ndarray, half_s: float = 0.08, move_s: float = 0.06) -> np.ndarray:
    half, move = round(half_s * GRID_FS_HZ), round(move_s * GRID_FS_HZ)
    index = np.clip(at[:, None] + np.arange(-half - move, half + move + 1), 0, len(band) - 1)
    pieces = band[index]
    core = pieces[:, move:-move]
    sign = 1.0 if np.median(core.max(1)) >= 0.8 * np.median(-core.min(1)) else -1.0
    shift = (sign * core).argmax(1).astype(float) - half
    if len(at) < 8:
        return np.unique((at + shift) / GRID_FS_HZ)
    offsets = np.round(shift).astype(int)
    views = np.lib.stride_tricks.sliding_window_view(pieces, 2 * half + 1, axis=1)
    for turn in range(3):
        template: np.ndarray = np.median(_windows(band, at + offsets, half), axis=0)
        likeness = (views @ template) / (np.linalg.norm(views, axis=2) * np.linalg.norm(template) + 1e-12)
        best = np.clip(likeness.argmax(1), 1, 2 * move - 1)
        sure = likeness.max(1) > 0.6
        offsets = np.where(sure, best - move, offsets)
        if turn == 2:
            refined = best - move + _peak_offset(likeness, best) + (sign * template).argmax() - half
            shift = np.where(sure, refined, shift)
    return np.unique((at + shift) / GRID_FS_HZ)


def _peak_offset(rows: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Parabola through the maximum of each row, in samples, within half a sample."""
    row = np.arange(len(rows))
    left, mid, right = rows[row, best - 1], rows[row, best], rows[row, best + 1]
    bend = np.minimum(left - 2 * mid + right, -1e-9)
    return np.clip(0.5 * (left - right) / bend, -0.5, 0.5)


def _windows(values: np.ndarray, at: np.ndarray, half: int) -> np.ndarray:
    return values[np.clip(at[:, None] + np.arange(-half, half + 1), 0, len(values) - 1)]


def matched(one: np.ndarray, other: np.ndarray, tolerance_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of mutually nearest times no further apart than the tolerance."""
    if not len(one) or not len(other):
        return np.zeros(0, int), np.zeros(0, int)
    to_other, to_one = _nearest(one, other), _nearest(other, one)
    index = np.arange(len(one))
    pair = (to_one[to_other] == index) & (np.abs(other[to_other] - one) <= tolerance_s)
    return index[pair], to_other[pair]


def _nearest(times: np.ndarray, among: np.ndarray) -> np.ndarray:
    right = np.clip(np.searchsorted(among, times), 0, len(among) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(among[left] - times) <= np.abs(among[right] - times), left, right)


def reference(leads: dict[str, np.ndarray]) -> Reference | None:
    """Build the reference from filtered leads {name: (n,) mV}; None when no lead can be placed or no two agree."""
    n = len(next(iter(leads.values()))) if leads else 0
    generated = np.full((len(GENERATED), n), np.nan, np.float32)
    limbs = limb_leads(leads)
    if limbs is not None:
        generated[:2] = limbs
    for row, name in enumerate(GENERATED):
        if name in leads:
            generated[row] = leads[name]
    if len(leads) < 2 or not np.isfinite(generated).any():
        return None
    first = "II" if "II" in leads else next(iter(leads))
    beats = detect_beats(leads[first])
    agreeing = max(
        (_agreement(beats, detect_beats(leads[name]), n) for name in leads if name != first),
        key=lambda mask: mask.sum(),
    )
    size = _WINDOW_S * GRID_FS_HZ
    finite = [np.isfinite(leads[first][w * size : (w + 1) * size]).all() for w in range(len(agreeing))]
    return Reference(generated, beats, agreeing & np.array(finite, bool))


def _agreement(beats: np.ndarray, others: np.ndarray, n: int) -> np.ndarray:
    """Windows in which two leads show the same beats (all but a fifth, or but one), plausibly spaced."""
    count = round(n / (_WINDOW_S * GRID_FS_HZ))
    good = np.zeros(count, bool)
    i, j = matched(beats, others, 0.15)
    if len(i) < 5:
        return good
    lag = np.median(others[j] - beats[i])
    i, j = matched(beats, others - lag, 0.08)
    lost = np.setdiff1d(np.arange(len(beats)), i)
    extra = np.setdiff1d(np.arange(len(others)), j)
    window = (beats // _WINDOW_S).astype(int)
    for w in range(count):
        own = beats[window == w]
        wrong = (window[lost] == w).sum() + ((others[extra] - lag) // _WINDOW_S == w).sum()
        near = beats[(beats >= w * _WINDOW_S - 3) & (beats < (w + 1) * _WINDOW_S + 3)]
        plausible = len(own) >= 3 and np.diff(near).max() < 3 and np.diff(own).mean() > 60 / 250
        good[w] = plausible and (wrong <= 1 or wrong <= 0.2 * len(own))
    return good

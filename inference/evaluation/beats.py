"""Beats against beats: matching, F1, the best constant lag, intervals, heart rate. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from inference.datasets.reference import matched
from stream.messages import GRID_FS_HZ

__all__ = [
    "Counts",
    "Rates",
    "best_lag",
    "core",
    "count",
    "heart_rates",
    "intervals",
    "mean_rate",
    "seen_at",
    "shifted",
    "window_rate",
]

_EDGE_S = 0.15
WINDOW_S = 10


@dataclass(frozen=True, slots=True)
class Counts:
    """hit, missed: covered reference beats. extra: covered estimated beats without one. abstained: reference beats
    where there is no estimate."""

    hit: int
    missed: int
    extra: int
    abstained: int

    @property
    def f1(self) -> float:
        """Over what is covered; 0 when there is nothing."""
        return 2 * self.hit / max(1, 2 * self.hit + self.missed + self.extra)

    @property
    def f1_all(self) -> float:
        """As f1, an abstained beat counting as missed."""
        return 2 * self.hit / max(1, 2 * self.hit + self.missed + self.extra + self.abstained)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """errors_bpm: (w,) of windows with an estimate. failed_bpm: the true rates of covered windows without one.
    abstained: windows less than half covered."""

    errors_bpm: np.ndarray
    failed_bpm: np.ndarray
    abstained: int


def seen_at(mask: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Whether each time falls on a set sample of a grid mask."""
    at = np.round(times_s * GRID_FS_HZ).astype(int)
    return mask[np.clip(at, 0, len(mask) - 1)] & (at >= 0) & (at < len(mask))


def core(covered: np.ndarray) -> np.ndarray:
    """Covered samples at least 0.15 s from an abstained one: a beat on the very edge counts for nobody."""
    reach = int(_EDGE_S * GRID_FS_HZ)
    return ndimage.minimum_filter1d(covered.astype(np.uint8), 2 * reach + 1, mode="nearest") > 0


def shifted(mask: np.ndarray, lag_s: float) -> np.ndarray:
    """A mask of estimate time, on reference time: moved earlier by lag_s."""
    by = round(lag_s * GRID_FS_HZ)
    out = np.zeros_like(mask)
    if by >= 0:
        out[: max(0, len(mask) - by)] = mask[by:]
    else:
        out[-by:] = mask[:by]
    return out


def count(true_s: np.ndarray, found_s: np.ndarray, tolerance_s: float, usable: np.ndarray, covered: np.ndarray):
    """Counts over usable windows. usable, covered: (n,) bool on the grid, both on reference time."""
    i, j = matched(true_s, found_s, tolerance_s + 1e-9)
    hit, paired = np.zeros(len(true_s), bool), np.zeros(len(found_s), bool)
    hit[i], paired[j] = True, True
    asked = seen_at(usable, true_s)
    answered = asked & seen_at(covered, true_s)
    extra = ~paired & seen_at(usable & covered, found_s)
    return Counts(
        int((hit & answered).sum()), int((~hit & answered).sum()), int(extra.sum()), int((asked & ~answered).sum())
    )


def best_lag(
    true_s: np.ndarray, found_s: np.ndarray, usable: np.ndarray, covered: np.ndarray, reach_s: float = 1.0
) -> float:
    """The constant by which the found beats are late: best F1 at 50 ms, the smaller lag when equal, then the median
    residual. A bedside monitor adds such a constant, and nobody can know it from the recording."""
    if len(true_s) < 3 or len(found_s) < 3:
        return 0.0

    def f1(lag: float) -> float:
        return count(true_s, found_s - lag, 0.05, usable, shifted(covered, lag)).f1

    lag = float(max(np.arange(-reach_s, reach_s + 1e-9, 0.008), key=lambda lag: f1(lag) - 1e-3 * abs(lag)))
    for _ in range(2):
        i, j = matched(true_s, found_s - lag, 0.05)
        inside = seen_at(usable, true_s[i])
        if inside.sum() < 3:
            break
        moved = lag + float(np.median((found_s[j] - lag - true_s[i])[inside]))
        if abs(moved) > reach_s or f1(moved) < f1(lag) - 0.01:
            break
        lag = moved
    return lag


def intervals(true_s: np.ndarray, found_s: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Absolute errors of RR intervals (k,) in ms between beats matched within 150 ms, and timing residuals in ms.

    found_s: with the lag taken off. An interval counts only between neighbours on both sides."""
    i, j = matched(true_s, found_s, 0.15)
    inside = seen_at(usable, true_s[i])
    i, j = i[inside], j[inside]
    neighbours = (np.diff(i) == 1) & (np.diff(j) == 1)
    errors = np.abs(np.diff(found_s[j]) - np.diff(true_s[i]))[neighbours]
    return 1000 * errors, 1000 * (found_s[j] - true_s[i])


def heart_rates(true_s: np.ndarray, found_s: np.ndarray, windows: np.ndarray, covered: np.ndarray) -> Rates:
    """Heart rate per usable 10-s window, as is. windows: their numbers. covered: (n,) grid."""
    errors, failed, abstained = [], [], 0
    size = WINDOW_S * GRID_FS_HZ
    for w in windows:
        if covered[w * size : (w + 1) * size].mean() < 0.5:
            abstained += 1
            continue
        true, found = window_rate(true_s, w), window_rate(found_s, w, covered)
        if true is None:
            continue
        if found is None:
            failed.append(true)
        else:
            errors.append(abs(found - true))
    return Rates(np.array(errors), np.array(failed), abstained)


def window_rate(times_s: np.ndarray, window: int, covered: np.ndarray | None = None) -> float | None:
    """Beats per minute of a numbered 10-s window, as `mean_rate` gives it; None without an interval."""
    return mean_rate(times_s, window * WINDOW_S, (window + 1) * WINDOW_S, covered)


def mean_rate(
    times_s: np.ndarray, start_s: float, stop_s: float, covered: np.ndarray | None = None, least: int = 1
) -> float | None:
    """Beats per minute by the intervals between the beats in [start_s, stop_s) that cross no abstained sample: how long
    nothing was said is no interval. None with fewer than `least`. covered: (n,) grid, None for everywhere."""
    inside = times_s[(times_s >= start_s) & (times_s < stop_s)]
    spans = np.diff(inside)
    if covered is not None:
        silent = np.concatenate([[0], np.cumsum(~covered)])
        places = np.clip(np.round(inside * GRID_FS_HZ).astype(int), 0, len(covered))
        spans = spans[np.diff(silent[places]) == 0]
    return float(60 / spans.mean()) if len(spans) >= least else None

"""What the generator is told at every sample: where the beats are, and what the pulse looks like there.

Beats are looked at from AHEAD_S before to BACK_S after an R peak and no further, so that the generator stays local."""

from __future__ import annotations

import numpy as np

from stream.messages import GRID_FS_HZ, Demographics

__all__ = ["AHEAD_S", "BACK_S", "BEAT_CHANNELS", "CHANNELS", "PERSON_SIZE", "beat_channels", "person_vector"]

AHEAD_S, BACK_S = 0.4, 1.2
_R_WIDTH_S = 0.016
# centres and widths of the bumps that encode the time since the last and until the next R peak
_SINCE = np.array([0.0, 0.06, 0.14, 0.22, 0.30, 0.40, 0.52, 0.68, 0.9])
_SINCE_WIDTH = np.array([0.03, 0.04, 0.05, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16])
_UNTIL = np.array([0.05, 0.10, 0.16, 0.22, 0.30])
_UNTIL_WIDTH = np.array([0.03, 0.03, 0.04, 0.04, 0.05])
BEAT_CHANNELS = 1 + len(_SINCE) + len(_UNTIL)
CHANNELS = BEAT_CHANNELS + 3  # with pulse, its slope, and whether there is PPG
PERSON_SIZE = 8


def beat_channels(beats: np.ndarray, first: int, n: int) -> np.ndarray:
    """(15, n) float32 for grid samples [first, first + n). beats: grid places, fractions allowed, sorted."""
    grid = first + np.arange(n)
    out = np.zeros((BEAT_CHANNELS, n), np.float32)
    if not len(beats):
        return out
    after = np.searchsorted(beats, grid, side="right")
    since = np.where(after > 0, grid - beats[np.maximum(after - 1, 0)], np.inf) / GRID_FS_HZ
    until = np.where(after < len(beats), beats[np.minimum(after, len(beats) - 1)] - grid, np.inf) / GRID_FS_HZ
    since[since > BACK_S] = np.inf
    until[until > AHEAD_S] = np.inf
    out[0] = np.exp(-0.5 * (np.minimum(since, until) / _R_WIDTH_S) ** 2)
    for row, (centre, width) in enumerate(zip(_SINCE, _SINCE_WIDTH, strict=True), 1):
        out[row] = np.exp(-0.5 * ((since - centre) / width) ** 2)
    for row, (centre, width) in enumerate(zip(_UNTIL, _UNTIL_WIDTH, strict=True), 1 + len(_SINCE)):
        out[row] = np.exp(-0.5 * ((until - centre) / width) ** 2)
    return out


def person_vector(person: Demographics) -> np.ndarray:
    """(8,) float32: age, sex, height, weight roughly centred and scaled, 0 when unknown; then what is known."""
    values = (
        None if person.age_years is None else (person.age_years - 60) / 20,
        {"F": 1.0, "M": -1.0}.get(person.sex or ""),
        None if person.height_cm is None else (person.height_cm - 170) / 10,
        None if person.weight_kg is None else (person.weight_kg - 72) / 16,
    )
    known = [value is not None for value in values]
    return np.array([value or 0.0 for value in values] + [float(flag) for flag in known], np.float32)

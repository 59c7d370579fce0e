"""Whether the light does the same at each beat that was announced. Pure.

A heart pushes much the same blood each time; waves of noise that look like pulses by chance look each like another one.
The window's quality asks the same of the pulses that a detector found, this of the beats that the network announced."""

from __future__ import annotations

import numpy as np

from inference.beat_head import Beats
from stream.messages import GRID_FS_HZ, PpgSegment

__all__ = ["LEAST_BEATS", "likeness", "mutual", "pulses_at"]

_BEFORE, _AFTER = round(0.31 * GRID_FS_HZ), round(0.55 * GRID_FS_HZ)  # of the pulse's own time: upstroke and crest
LEAST_BEATS = 3  # of which a pulse can be compared


def pulses_at(segment: PpgSegment, beats: Beats) -> tuple[np.ndarray, np.ndarray]:
    """(k, samples) the light at each beat whose pulse lies in the window, less its mean, and (b,) which beats
    these are."""
    places = beats.index + segment.delay_samples
    inside = (places >= _BEFORE) & (places < len(segment.ppg) - _AFTER)
    at = places[inside, None] + np.arange(-_BEFORE, _AFTER)
    cut = np.interp(at, np.arange(len(segment.ppg)), segment.ppg)
    return cut - cut.mean(1, keepdims=True), inside


def likeness(segment: PpgSegment, beats: Beats, few: float) -> float:
    """Median over the window's beats of the mean correlation of their pulse with the others', -1..1. few: what is said
    of fewer than three beats whose pulse lies in the window, of which nothing tells whether one is odd."""
    cut, _ = pulses_at(segment, beats)
    return few if len(cut) < LEAST_BEATS else mutual(cut)


def mutual(cut: np.ndarray) -> float:
    """The same of three or more cut pulses (k, samples), each less its mean."""
    unit = cut / np.maximum(1e-9, np.linalg.norm(cut, axis=1, keepdims=True))
    alike = unit @ unit.T
    return float(np.median((alike.sum(1) - 1) / (len(alike) - 1)))

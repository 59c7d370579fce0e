"""What a network is shown of one recording: its beats, its 10-s strips, and how the heart beats. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.diagnosis.features import rhythm_columns
from stream.messages import GRID_FS_HZ

__all__ = ["BEAT", "STRIP", "Example", "example_of", "limbs_of"]

_BEFORE, _AFTER = 45, 70  # samples round R: from before P to after T at usual rates
BEAT = _BEFORE + _AFTER + 1
STRIP = 10 * GRID_FS_HZ
_MOST_BEATS, _MOST_STRIPS = 60, 6
_KNOWN = 0.5  # share of a strip's samples


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """cuts_mv: (b, leads, BEAT) float32, a beat each. strips_mv: (s, leads, STRIP). rhythm: (4,), NaN where unknown.
    Leads in the order I, II, V1 to V6; what is not known is 0. b and s are at least 1."""

    cuts_mv: np.ndarray
    strips_mv: np.ndarray
    rhythm: np.ndarray

    @property
    def beat_mv(self) -> np.ndarray:
        """(leads, BEAT) the median beat."""
        return np.median(self.cuts_mv, 0)


def example_of(leads_mv: np.ndarray, beats_s: np.ndarray, usable: Sequence[bool] | np.ndarray) -> Example:
    """From (8, n) mV, NaN where unknown, R peaks (b,) in s, and which 10-s windows count. Of a long recording beats and
    strips are taken evenly; of one without any there is one of zeros."""
    strips = [
        np.pad(strip, ((0, 0), (0, STRIP - strip.shape[1])), constant_values=np.nan)
        for w in np.flatnonzero(usable)
        if (strip := leads_mv[:, w * STRIP : (w + 1) * STRIP]).shape[1]
    ]
    strips = [one for one in strips if np.isfinite(one).any(0).mean() >= _KNOWN]
    inside = np.isin((beats_s // 10).astype(int), np.flatnonzero(usable))
    cuts = _cuts(leads_mv, beats_s[inside])
    return Example(
        np.nan_to_num(_evenly(cuts, _MOST_BEATS)).astype(np.float32),
        np.nan_to_num(_evenly(np.stack(strips), _MOST_STRIPS) if strips else _none(leads_mv, STRIP)).astype(np.float32),
        rhythm_columns(beats_s[inside]),
    )


def limbs_of(example: Example) -> Example:
    """The same with I and II alone, which give all six limb leads."""
    return replace(example, cuts_mv=example.cuts_mv[:, :2], strips_mv=example.strips_mv[:, :2])


def _cuts(leads_mv: np.ndarray, beats_s: np.ndarray) -> np.ndarray:
    places = np.round(beats_s * GRID_FS_HZ).astype(int)
    places = places[(places >= _BEFORE) & (places + _AFTER < leads_mv.shape[1])]
    cuts = leads_mv[:, places[:, None] + np.arange(-_BEFORE, _AFTER + 1)].transpose(1, 0, 2)
    # a lead that nobody recorded is missing in all of them; a beat with nothing in it is an abstained one
    cuts = cuts[np.asarray(np.isfinite(cuts).all(2)).any(1)]
    return cuts if len(cuts) else _none(leads_mv, BEAT)


def _none(leads_mv: np.ndarray, length: int) -> np.ndarray:
    return np.zeros((1, len(leads_mv), length))


def _evenly(values: np.ndarray, most: int) -> np.ndarray:
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))] if len(values) > most else values

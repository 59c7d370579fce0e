"""A calibrated person in the engine: their own beat in place of the generator's leads, as far as it is known."""

from __future__ import annotations

import numpy as np

from inference.datasets.reference import GENERATED, LIMB
from inference.personal.calibration import SIZE, Calibration
from inference.personal.own_beat import place, spline
from stream.messages import GRID_FS_HZ

__all__ = ["OwnLeads"]


class OwnLeads:
    """Made once from a calibration, for ever the same.

    beats_mv: (8, SIZE) own beat in the order I, II, V1..V6, NaN where it is not determined; known: (8,) where it is.
    has_band: whether the spread of the person's own lead II is known."""

    def __init__(self, calibration: Calibration) -> None:
        self.delay_samples = round(calibration.delay_s * GRID_FS_HZ)
        self.suffix = calibration.model_suffix
        beats_mv = dict(zip(calibration.leads, calibration.beats_uv / 1000, strict=True))
        limbs = [name for name in LIMB if name in beats_mv]
        # of the limb leads (k, 2): what I and II have to be so that they come out as recorded, at the least change
        self._limbs = np.array([LIMB[name] for name in limbs]).reshape(-1, 2)
        self._solve = np.linalg.pinv(self._limbs) if limbs else np.zeros((2, 0))
        self._chest = [GENERATED.index(name) for name in GENERATED if name in beats_mv and name not in LIMB]
        wanted = [*limbs, *(GENERATED[row] for row in self._chest)]
        own = np.array([beats_mv[name] for name in wanted]).reshape(-1, SIZE)
        band = calibration.band_uv
        self._beats = spline(own)
        self._band = None if band is None else spline(band / 1000)
        self.has_band = band is not None
        self.beats_mv = self._determined(own[: len(limbs)], own[len(limbs) :])
        self.known = np.asarray(np.isfinite(self.beats_mv).all(1))

    def _determined(self, limbs: np.ndarray, chest: np.ndarray) -> np.ndarray:
        out = np.full((len(GENERATED), SIZE), np.nan)
        if np.linalg.matrix_rank(self._limbs) == 2:
            out[:2] = self._solve @ limbs
        else:
            for row, name in enumerate(("I", "II")):
                same = np.flatnonzero((self._limbs == LIMB[name]).all(1))
                if len(same):
                    out[row] = limbs[same[0]]
        out[self._chest] = chest
        return out

    def leads(self, generated_mv: np.ndarray, places: np.ndarray, first: int) -> np.ndarray:
        """(8, n) mV with the person's own beats at the R peaks. generated_mv: (8, n) from grid sample `first` on.

        Any two limb leads give I and II, and with them all six; from one they are moved as little as makes it right."""
        n = generated_mv.shape[1]
        own = place(self._beats, places, first, n)
        count = len(self._limbs)
        out = generated_mv.astype(float)
        out[:2] += self._solve @ (own[:count] - self._limbs @ out[:2])
        out[self._chest] = own[count:]
        return out

    def band(self, band_mv: np.ndarray, moved_mv: np.ndarray, places: np.ndarray, first: int) -> np.ndarray:
        """(2, n) band of lead II. band_mv: (2, n) as generated; moved_mv: (n,) by how much lead II was moved.

        The generated band about the own beat, and wherever the person's own was wider, that: either alone holds too
        little (docs/model-card.md)."""
        out = band_mv + moved_mv
        if self._band is not None:
            low, high = place(self._band, places, first, band_mv.shape[1])
            out = np.stack([np.minimum(out[0], low), np.maximum(out[1], high)])
        return out

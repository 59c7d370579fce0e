"""The beat of a typical person, at every R peak: what the generator's leads are drawn towards when nobody's own beat is
known. On recordings that were not trained on the generator alone is no better than such a beat (docs/model-card.md)."""

from __future__ import annotations

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inference.datasets.reference import GENERATED
from inference.errors import WeightsCorrupt
from inference.personal.calibration import SIZE
from inference.personal.own_beat import place, spline

__all__ = ["TYPICAL_BEAT_FILE", "TypicalBeat", "typical_beat_bytes"]

TYPICAL_BEAT_FILE = "typical_beat.safetensors"
_KEY = "beat_mv"


class TypicalBeat:
    """Made once from the bytes of `typical_beat_bytes`. Raises WeightsCorrupt.

    beat_mv: (8, SIZE) in the order I, II, V1..V6, as an own beat is."""

    def __init__(self, content: bytes) -> None:
        try:
            self.beat_mv = load(content)[_KEY]
        except (SafetensorError, KeyError) as error:
            raise WeightsCorrupt(f"{TYPICAL_BEAT_FILE} cannot be read: {error}") from error
        if self.beat_mv.shape != (len(GENERATED), SIZE):
            raise WeightsCorrupt(f"{TYPICAL_BEAT_FILE} holds {self.beat_mv.shape}, not {(len(GENERATED), SIZE)}")
        self._spline = spline(self.beat_mv)

    def draw(self, generated_mv: np.ndarray, share: float, places: np.ndarray, first: int) -> np.ndarray:
        """(8, n) mV, `share` of the way from the generated leads (8, n), which begin at grid sample `first`, to the
        typical beat at the R peaks `places` (grid samples, sorted)."""
        typical = place(self._spline, places, first, generated_mv.shape[1])
        return (1 - share) * generated_mv + share * typical


def typical_beat_bytes(beat_mv: np.ndarray) -> bytes:
    """The file's content."""
    return save({_KEY: np.ascontiguousarray(beat_mv, np.float32)})

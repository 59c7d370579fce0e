"""A calibration with beats of known form, for the tests of this room."""

from collections.abc import Sequence

import numpy as np

from inference.personal.calibration import BEFORE, SIZE, Calibration, Quality, Source
from inference.personal.own_beat import smooth_ends
from tests.inference.recordings import ecg

MODEL = "p2es-357a4cc665"


def own_beat_uv(r_mv: float) -> np.ndarray:
    """(SIZE,) P, QRS and T in whole microvolts."""
    times = (np.arange(SIZE) - BEFORE) / 128
    return np.rint(1000 * smooth_ends(ecg(np.zeros(1), times, r_mv))).astype(int)


def calibration(
    heights: dict[str, float], delay_s: float = 1.16, patient: str = "p", band: Sequence[float] | None = (0.8, 1.2)
) -> Calibration:
    """heights: R peak in mV of each lead. band: of lead II, as factors of its beat."""
    beats = np.array([own_beat_uv(one) for one in heights.values()]).reshape(-1, SIZE)
    return Calibration(
        patient=patient,
        model_id=MODEL,
        delay_s=delay_s,
        leads=tuple(heights),
        beats_uv=beats,
        band_uv=None if band is None else np.array([own_beat_uv(heights.get("II", 1.0) * one) for one in band]),
        quality=Quality(40, 41, 0.97, 0.9, 0.4, 18.0, dict.fromkeys(heights, 38)),
        source=Source("r", "0" * 64, 0.0, 60.0),
    )

"""Beside the model: the same output, silent while the arm moves. The live chain does not do this yet; the row says what
an accelerometer in it would buy."""

from __future__ import annotations

import numpy as np

from inference.datasets.treadmill import FS_HZ, Treadmill
from inference.evaluation.wrist import Answer
from stream.messages import GRID_FS_HZ

__all__ = ["MOVING_G", "still_only"]

MOVING_G = 0.1  # set beforehand, not tuned: well above a resting arm's tremor, well below a walker's swing
_AROUND_S = 4.0


def still_only(answer: Answer, recording: Treadmill) -> Answer:
    """Abstain where the acceleration of the 8 s around spreads by more than MOVING_G (root of the summed variances)."""
    n, half = len(answer.covered), round(_AROUND_S * FS_HZ)
    moving = np.zeros(n, bool)
    for start in range(0, n, GRID_FS_HZ):
        at = round((start / GRID_FS_HZ + 0.5) * FS_HZ)
        near = recording.motion_g[:, max(0, at - half) : at + half]
        moving[start : start + GRID_FS_HZ] = np.sqrt(near.var(1).sum()) > MOVING_G
    covered = answer.covered & ~moving
    places = np.clip((answer.beats_s * GRID_FS_HZ).astype(int), 0, n - 1)
    return Answer(answer.beats_s[covered[places]], covered)

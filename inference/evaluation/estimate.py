"""What is judged: an estimated ECG of one whole recording, from the streaming windows or from a control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.datasets.reference import LIMB
from stream.messages import ABSTAINED_UV, GRID_STEP_NS, LEADS, EcgSegment

__all__ = ["Estimate", "from_generated", "from_segments", "moved_to"]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """leads_mv: (12, n) float32 on the 128 Hz grid in LEADS order, NaN where abstained. beats_s: (b,) R peaks as
    announced; confidence: (b,) 0..1. Times count from the recording's first sample."""

    leads_mv: np.ndarray
    beats_s: np.ndarray
    confidence: np.ndarray


def from_segments(segments: Sequence[EcgSegment], first_ns: int, n: int) -> Estimate:
    """Join owned pieces. first_ns: grid time of the recording's first sample; n: its grid samples. What no piece
    covers is abstained."""
    leads = np.full((len(LEADS), n), np.nan, np.float32)
    beats, confidence = [np.zeros(0)], [np.zeros(0)]
    for one in segments:
        at = (one.start_ns - first_ns) // GRID_STEP_NS
        piece = one.leads_uv[max(0, -at) : max(0, n - at)].T.astype(np.float32)
        piece[piece == ABSTAINED_UV] = np.nan
        leads[:, max(0, at) : max(0, at) + piece.shape[1]] = piece / 1000
        beats.append((one.beats_ns - first_ns) * 1e-9)
        confidence.append(one.beat_confidence)
    return Estimate(leads, np.concatenate(beats), np.concatenate(confidence))


def from_generated(generated_mv: np.ndarray, beats_s: np.ndarray) -> Estimate:
    """From (8, n) mV in the order I, II, V1..V6: the limb leads by Einthoven and Goldberger."""
    limbs = [a * generated_mv[0] + b * generated_mv[1] for a, b in LIMB.values()]
    return Estimate(np.stack([*limbs, *generated_mv[2:]]).astype(np.float32), beats_s, np.ones(len(beats_s)))


def moved_to(estimate: Estimate, n: int, offset: int = 0) -> Estimate:
    """The same estimate laid over another recording of n samples, `offset` samples in; repeated when too short."""
    index = (np.arange(n) + offset) % estimate.leads_mv.shape[1]
    length_s = estimate.leads_mv.shape[1] / 128
    turns = [estimate.beats_s - offset / 128 + k * length_s for k in range(-1, n // estimate.leads_mv.shape[1] + 2)]
    beats = np.concatenate(turns)
    inside = (beats >= 0) & (beats < n / 128)
    return Estimate(estimate.leads_mv[:, index], beats[inside], np.tile(estimate.confidence, len(turns))[inside])

"""When to say nothing: a flat, abstained trace is better than a made-up beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.beat_head import Beats
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, Abstention, PpgSegment

__all__ = ["AbstainSettings", "abstentions"]

_SILENCE_S = 3.0
_AROUND_S = 1.0


@dataclass(frozen=True, slots=True)
class AbstainSettings:
    """Thresholds, chosen on the calibration part. min_quality: of the window. min_confidence: mean over near beats."""

    min_quality: float
    min_confidence: float


def abstentions(
    segment: PpgSegment, valid: np.ndarray, beats: Beats, failed: np.ndarray, settings: AbstainSettings
) -> list[Abstention]:
    """Stretches of the owned part without an estimate. valid: (n,) at ECG time. failed: (owned,) where the model gave
    no finite value."""
    start, stop = segment.owned_start, segment.owned_stop
    reason = _whole(segment, beats, settings)
    if reason:
        return [_stretch(segment, start, stop, reason)]
    out = []
    measured = np.flatnonzero(valid)
    end = int(measured[-1]) + 1 if len(measured) else 0
    if end < stop:  # the pulse of a beat here has not arrived, and the stretch is over
        out.append(_stretch(segment, max(start, end), stop, "no pulse yet"))
    if failed.any():
        bad = np.flatnonzero(failed) + start
        out.append(_stretch(segment, int(bad[0]), int(bad[-1]) + 1, "model failed"))
    return out


def _whole(segment: PpgSegment, beats: Beats, settings: AbstainSettings) -> str | None:
    if segment.quality < settings.min_quality:
        return "poor signal: " + (", ".join(segment.reasons) or "low quality")
    near = _AROUND_S * GRID_FS_HZ
    close = (beats.index >= segment.owned_start - near) & (beats.index < segment.owned_stop + near)
    if not close.any() or _longest_silence(segment, beats) > _SILENCE_S * GRID_FS_HZ:
        return "no beats found"
    if beats.confidence[close].mean() < settings.min_confidence:
        return "beats unsure"
    return None


def _longest_silence(segment: PpgSegment, beats: Beats) -> float:
    """Longest interval without a beat that touches the owned part, in samples."""
    before = beats.index[beats.index < segment.owned_start][-1:]
    after = beats.index[beats.index >= segment.owned_stop][:1]
    inside = beats.index[(beats.index >= segment.owned_start) & (beats.index < segment.owned_stop)]
    places = np.concatenate([before, inside, after])
    return float(np.diff(places).max()) if len(places) > 1 else 0.0


def _stretch(segment: PpgSegment, start: int, stop: int, reason: str) -> Abstention:
    return Abstention(segment.start_ns + start * GRID_STEP_NS, segment.start_ns + stop * GRID_STEP_NS, reason)

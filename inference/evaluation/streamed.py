"""A recording through the live windows: what is judged is what a bedside would have seen, not an offline run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from inference.evaluation.estimate import Estimate, from_segments
from stream.messages import ABSTAINED_UV, EcgSegment, PpgSegment

__all__ = ["Infers", "Streamed", "owned_again", "stream_record"]

_BATCH = 32


class Infers(Protocol):
    """What evaluation needs of the engine."""

    def infer(self, segments: Sequence[PpgSegment]) -> list[EcgSegment]:
        """Estimate the owned part of each window, in their order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """estimate: of the whole recording. borders: (k,) grid samples at which another window takes over.
    quality, confidence: (n,) of the window that owns a sample. band_mv: (2, n) of lead II, NaN where abstained."""

    estimate: Estimate
    borders: np.ndarray
    quality: np.ndarray
    confidence: np.ndarray
    band_mv: np.ndarray


def stream_record(engine: Infers, segments: Sequence[PpgSegment], n: int) -> Streamed:
    """Infer every window and join what each owns. n: grid samples of the recording, which starts at grid time 0."""
    results = [one for at in range(0, len(segments), _BATCH) for one in engine.infer(segments[at : at + _BATCH])]
    starts = np.array([one.start_ns // 7_812_500 for one in results], int)
    quality, confidence, band = np.zeros(n), np.zeros(n), np.full((2, n), np.nan)
    for start, one in zip(starts, results, strict=True):
        owned = slice(start, start + len(one.leads_uv))
        quality[owned], confidence[owned] = one.quality, one.confidence
        uv = one.band_uv[: max(0, n - start)].T
        band[:, owned] = np.where(uv == ABSTAINED_UV, np.nan, uv / 1000)
    return Streamed(from_segments(results, 0, n), starts[(starts > 0) & (starts < n)], quality, confidence, band)


def owned_again(segments: Sequence[PpgSegment]) -> list[PpgSegment]:
    """The same windows, each owning the hop that the window before it owned: what two windows say of one sample."""
    full = [one for one in segments if one.owned_stop - one.owned_start == one.hop_samples]
    return [
        replace(one, owned_start=one.owned_start - one.hop_samples, owned_stop=one.owned_start)
        for one in full
        if one.owned_start >= one.hop_samples
    ]

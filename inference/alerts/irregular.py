"""Irregular rhythm over half a minute, from the intervals that segments carry. Pure; event time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from inference.rhythm import IRREGULAR_SPARSE_S, irregularity_until
from stream.messages import EcgSegment

__all__ = ["IrregularWatch"]


@dataclass(slots=True)
class IrregularWatch:
    """The last minute of one patient's beats: give it every segment in order."""

    _session: str | None = None
    _since_ns: int = 0
    _beats_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    _intervals_s: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def take(self, segment: EcgSegment, stop_ns: int) -> float | None:
        """`irregularity_until` stop_ns; None when too few beats are known."""
        if segment.session != self._session:
            self._session, self._since_ns = segment.session, segment.start_ns
            self._beats_s, self._intervals_s = np.zeros(0), np.zeros(0)
        if len(segment.rr_ms) == len(segment.beats_ns):  # version 1 of the message had none
            self._beats_s = np.concatenate([self._beats_s, segment.beats_ns * 1e-9])
            self._intervals_s = np.concatenate([self._intervals_s, segment.rr_ms / 1000])
        recent = self._beats_s >= stop_ns * 1e-9 - IRREGULAR_SPARSE_S
        self._beats_s, self._intervals_s = self._beats_s[recent], self._intervals_s[recent]
        value = irregularity_until(self._beats_s, self._intervals_s, stop_ns * 1e-9, self._since_ns * 1e-9)
        return None if np.isnan(value) else value

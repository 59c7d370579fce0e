"""What one recording gives to the figures beside the tables: small, so that it can come back from another process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import LIMB
from inference.evaluation.aligned import Aligned, align, announced
from inference.evaluation.beats import WINDOW_S, count, window_rate
from inference.evaluation.estimate import Estimate
from inference.evaluation.figures.band import BandCounts, band_counts
from inference.evaluation.figures.examples import Example, example
from inference.evaluation.figures.reliability import counted
from inference.evaluation.streamed import Streamed
from inference.evaluation.waveform import mean_beat, r_amplitude
from stream.messages import GRID_FS_HZ

__all__ = ["Evidence", "evidence"]

_SIZE = WINDOW_S * GRID_FS_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """beats: of `reliability.counted`. confidence: (w,) mean probability of the beats announced in each judged 10-s
    window that was answered; f1_error: 1 - F1@50 of R peaks found in lead II after the lag; rate_error: of their rate
    in bpm, the whole true rate where none was found. true_bpm, found_bpm: (v,) where both are known. windows: judged.
    amplitudes: limb leads to (true SD, estimate's SD, true R, estimate's R) in mV. band, example: None without a true
    lead II, the latter also where no window is whole; own_band: when calibrated."""

    beats: np.ndarray
    confidence: np.ndarray
    f1_error: np.ndarray
    rate_error: np.ndarray
    true_bpm: np.ndarray
    found_bpm: np.ndarray
    windows: int
    amplitudes: dict[str, tuple[float, float, float, float]]
    band: BandCounts | None
    own_band: BandCounts | None
    example: Example | None


def evidence(record: PreparedRecord, streamed: Streamed, own: Streamed | None) -> Evidence:
    """Of the engine's estimate. own: when calibrated, the ECG that calibrated left out; None when it could not be."""
    at = align(record, streamed.estimate)
    judged = np.flatnonzero(record.usable)
    answered = [int(w) for w in judged if at.covered[w * _SIZE : (w + 1) * _SIZE].mean() >= 0.5]
    rates = [(window_rate(record.beats_s, w), window_rate(at.found_s, w, at.covered)) for w in answered]
    both = np.array([(a, b) for a, b in rates if a is not None and b is not None]).reshape(-1, 2)
    return Evidence(
        beats=counted(*announced(record, streamed.estimate, at)),
        confidence=np.array([_confidence(streamed.estimate, at, w) for w in answered]),
        f1_error=np.array([_f1_error(record, at, w) for w in answered]),
        rate_error=np.array([_rate_error(*each) for each in rates]),
        true_bpm=both[:, 0],
        found_bpm=both[:, 1],
        windows=len(judged),
        amplitudes=_amplitudes(record, at),
        band=band_counts(record, streamed, at),
        own_band=band_counts(record, own, align(record, own.estimate)) if own else None,
        example=example(record, streamed, at),
    )


def _confidence(estimate: Estimate, at: Aligned, window: int) -> float:
    told = estimate.beats_s - at.told_lag_s
    inside = (told >= window * WINDOW_S) & (told < (window + 1) * WINDOW_S)
    return float(estimate.confidence[inside].mean()) if inside.any() else 0.0


def _f1_error(record: PreparedRecord, at: Aligned, window: int) -> float:
    here = np.zeros(record.n, bool)
    here[window * _SIZE : (window + 1) * _SIZE] = True
    counts = count(record.beats_s, at.found_s - at.lag_s, 0.05, here, at.inner)
    asked = counts.hit + counts.missed + counts.extra
    return 1 - counts.f1 if asked else 0.0


def _rate_error(true: float | None, found: float | None) -> float:
    if true is None:
        return 0.0
    return true if found is None else abs(found - true)


def _amplitudes(record: PreparedRecord, at: Aligned) -> dict[str, tuple[float, float, float, float]]:
    out = {}
    for name in LIMB:
        if name not in at.truth:
            continue
        true, lead = at.truth[name], at.leads[name]
        known = at.usable & at.covered & np.isfinite(true) & np.isfinite(lead)
        if not known.any():
            continue
        peaks = [
            r_amplitude(mean_beat(np.where(at.usable, each, np.nan), beats), name)
            for each, beats in ((true, record.beats_s), (lead, at.found_s))
        ]
        out[name] = (float(true[known].std()), float(lead[known].std()), *peaks)
    return out

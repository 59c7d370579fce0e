"""A stretch of a recording with PPG and ECG, through the windows of the live path, into a personal calibration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from inference.datasets.reference import filter_lead
from inference.engine import Engine
from inference.errors import CalibrationRefused
from inference.personal.calibration import Calibration, Source
from inference.personal.measure import MIN_SECONDS, OwnEcg, measure
from ingest.recordings import Recording, ReferenceLeads
from ingest.session import ppg_chunks, start_ns
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, PpgSegment
from stream.windows import DeviceWindows

__all__ = ["calibrate"]

_WARM_S, _AFTER_S = 20, 10  # of the recording round the stretch: filters and windows have settled by then
_MARGIN_S = 3  # of the ECG's filter


def calibrate(recording: Recording, engine: Engine, patient: str, from_s: float, seconds: float) -> Calibration:
    """From the ECG leads of [from_s, from_s + seconds) of the recording. Raises CalibrationRefused."""
    truth = recording.reference
    if truth is None:
        raise CalibrationRefused(f"{recording.name}: no ECG lead beside the PPG; a calibration needs both at once")
    length_s = recording.length_ns / 1e9
    seconds = min(seconds, length_s - from_s)
    if seconds < MIN_SECONDS:
        at = f" after {from_s:g} s" if from_s else ""
        raise CalibrationRefused(
            f"{recording.name}: {max(0.0, seconds):.1f} s{at}; a calibration needs {MIN_SECONDS} s at least"
        )
    begin = max(0, int(from_s) - _WARM_S)
    ecg = _own_ecg(recording, truth, from_s, seconds)
    source = Source(recording.name, _digest(recording, truth, from_s, seconds), round(from_s, 3), round(seconds, 3))
    segments = list(_segments(recording, patient, begin, from_s + seconds + _AFTER_S))
    return measure(engine, segments, ecg, patient, source)


def _segments(recording: Recording, patient: str, begin_s: float, stop_s: float) -> Iterator[PpgSegment]:
    windows, first = DeviceWindows(clock=lambda: 0), start_ns(recording)
    for chunk in ppg_chunks(recording, patient, f"calibrate-{recording.name}"):
        if chunk.end or begin_s <= (chunk.t0_ns - first) / 1e9 < stop_s:
            yield from windows.push(chunk).segments
    yield from windows.flush()


def _own_ecg(recording: Recording, truth: ReferenceLeads, from_s: float, seconds: float) -> OwnEcg:
    skipped_s = max(0, int(from_s) - _MARGIN_S)
    rows = slice(round(skipped_s * truth.fs_hz), round((from_s + seconds + _MARGIN_S) * truth.fs_hz))
    leads = {
        name: filter_lead(column, truth.fs_hz)
        for name, column in zip(truth.names, truth.samples_mv[rows].T.astype(float), strict=True)
    }
    n = max(len(one) for one in leads.values())
    times = skipped_s + np.arange(n) / GRID_FS_HZ
    first = start_ns(recording) // GRID_STEP_NS + skipped_s * GRID_FS_HZ
    return OwnEcg(leads, first, (times >= from_s) & (times < from_s + seconds))


def _digest(recording: Recording, truth: ReferenceLeads, from_s: float, seconds: float) -> str:
    """Of the stored PPG and the ECG of the stretch, so that a file can be told from another of the same name."""
    a, b = np.searchsorted(recording.times_ns, [round(1e9 * from_s), round(1e9 * (from_s + seconds))])
    rows = slice(round(from_s * truth.fs_hz), round((from_s + seconds) * truth.fs_hz))
    digest = hashlib.sha256(recording.samples[a:b].astype("<i4").tobytes())
    digest.update(truth.samples_mv[rows].astype("<f4").tobytes())
    return digest.hexdigest()

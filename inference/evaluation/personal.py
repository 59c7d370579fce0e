"""Personal calibration, judged: the first 30 s of a recording's own ECG that do calibrate, the rest is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import GENERATED
from inference.engine import Engine
from inference.errors import CalibrationRefused
from inference.evaluation.cases import Case
from inference.evaluation.streamed import Streamed, stream_record
from inference.personal.calibration import Calibration, Source
from inference.personal.measure import OwnEcg, measure
from stream.messages import GRID_FS_HZ, PpgSegment

__all__ = ["CALIBRATION_WINDOWS", "Personal", "calibrate_case", "personal"]

CALIBRATION_WINDOWS = 3
_WINDOW = 10 * GRID_FS_HZ
_MARGIN, _WARM = 3 * GRID_FS_HZ, 20 * GRID_FS_HZ  # of the ECG's filter, of the pulse's windows


@dataclass(frozen=True, slots=True, eq=False)
class Personal:
    """streamed: with the person's calibration, the ECG that made it left out as abstained; without a calibration as
    uncalibrated. engine: that made it. refused: why there is none."""

    streamed: Streamed
    engine: Engine
    calibration: Calibration | None
    refused: str | None

    @property
    def outcome(self) -> dict[str, Any]:
        """Plain values for the JSON."""
        if self.calibration is None:
            return {"refused": self.refused}
        made = self.calibration
        return {"from_s": made.source.from_s, "delay_s": made.delay_s, **asdict(made.quality)}


def personal(engine: Engine, case: Case, windows: Sequence[PpgSegment], uncalibrated: Streamed) -> Personal:
    """The recording with what CALIBRATION_WINDOWS usable windows of its ECG tell. windows: of its PPG.

    When they are refused the next ones are tried, as a user would, in the first half of what is usable."""
    tried = _attempts(case.record)
    refused = ""
    for used in tried:
        try:
            calibration = calibrate_case(engine, case, windows, used)
        except CalibrationRefused as refusal:
            refused = refused or str(refusal)
            continue
        own = engine.calibrated({case.entry.name: calibration})
        return Personal(_without(stream_record(own, windows, case.record.n), used), own, calibration, None)
    return Personal(_without(uncalibrated, tried[0]), engine, None, refused)


def calibrate_case(engine: Engine, case: Case, windows: Sequence[PpgSegment], known: np.ndarray) -> Calibration:
    """As `p2es calibrate` would, from the samples (n,) that are known. Raises CalibrationRefused."""
    record = case.record
    inside = np.flatnonzero(known)
    first, stop = max(0, int(inside[0]) - _MARGIN), min(record.n, int(inside[-1]) + 1 + _MARGIN)
    leads = {
        name: lead[first:stop].astype(float)
        for name, lead in zip(GENERATED, record.leads_mv, strict=True)
        if np.isfinite(lead[first:stop]).any()
    }
    near = [one for one in windows if _owns(one, first - _WARM, stop)]
    source = Source(case.entry.name, "", inside[0] / GRID_FS_HZ, float(known.sum() / GRID_FS_HZ))
    ecg = OwnEcg(leads, first, known[first:stop], record.beats_s * GRID_FS_HZ - first)
    return measure(engine, near, ecg, case.entry.name, source)


def _attempts(record: PreparedRecord) -> list[np.ndarray]:
    """Masks (n,) of the windows to calibrate from, in order."""
    usable = np.flatnonzero(record.usable)
    starts = range(0, max(1, len(usable) // 2 - CALIBRATION_WINDOWS + 1), CALIBRATION_WINDOWS)
    out = []
    for start in starts:
        known = np.zeros(record.n, bool)
        for w in usable[start : start + CALIBRATION_WINDOWS]:
            known[w * _WINDOW : (w + 1) * _WINDOW] = True
        out.append(known)
    return out


def _owns(segment: PpgSegment, first: int, stop: int) -> bool:
    start = segment.start_ns // 7_812_500
    return start + segment.owned_stop > first and start + segment.owned_start < stop


def _without(streamed: Streamed, known: np.ndarray) -> Streamed:
    leads, band = streamed.estimate.leads_mv.copy(), streamed.band_mv.copy()
    leads[:, known], band[:, known] = np.nan, np.nan
    return replace(streamed, estimate=replace(streamed.estimate, leads_mv=leads), band_mv=band)

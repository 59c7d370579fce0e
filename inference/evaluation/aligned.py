"""An estimate laid beside the truth of its recording: what counts, and by how much the estimate is late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import LIMB, detect_beats, matched
from inference.evaluation.beats import best_lag, core, seen_at
from inference.evaluation.estimate import Estimate
from inference.evaluation.waveform import as_scored, wave_lag
from stream.messages import GRID_FS_HZ, LEADS

__all__ = ["Aligned", "align", "announced", "true_leads"]

_WINDOW = 10 * GRID_FS_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """usable: (n,) in a window whose truth is known; covered: (n,) with an estimate; inner: covered and off the edges.
    truth, leads: limb leads (n,) in mV by name, both 0.5-40 Hz, the estimate's as it stands. main: the lead that is
    judged, II where it is known. found_s: R peaks in the estimated lead II, lag_s: by which they are late; told_lag_s:
    by which the announced beats are. moved: half samples by which the waveform is late."""

    usable: np.ndarray
    covered: np.ndarray
    inner: np.ndarray
    truth: dict[str, np.ndarray]
    leads: dict[str, np.ndarray]
    main: str
    found_s: np.ndarray
    lag_s: float
    told_lag_s: float
    moved: int


def align(record: PreparedRecord, estimate: Estimate) -> Aligned:
    """Find the best lags of an estimate (12, n); nothing is moved yet."""
    usable = np.zeros(record.n, bool)
    for w in np.flatnonzero(record.usable):
        usable[w * _WINDOW : (w + 1) * _WINDOW] = True
    covered = np.asarray(np.isfinite(estimate.leads_mv).all(0))
    inner = core(covered)
    leads = {name: as_scored(estimate.leads_mv[LEADS.index(name)].astype(float)) for name in LIMB}
    found = detect_beats(leads["II"])
    truth = true_leads(record)
    main = "II" if "II" in truth else next(iter(truth))
    lag = best_lag(record.beats_s, found, usable, inner)
    return Aligned(
        usable=usable,
        covered=covered,
        inner=inner,
        truth=truth,
        leads=leads,
        main=main,
        found_s=found,
        lag_s=lag,
        told_lag_s=best_lag(record.beats_s, estimate.beats_s, usable, inner),
        moved=wave_lag(truth[main], leads[main], usable, lag),
    )


def announced(record: PreparedRecord, estimate: Estimate, at: Aligned) -> tuple[np.ndarray, np.ndarray]:
    """Confidence (b,) of the beats announced where the truth is known, and whether (b,) each is within 50 ms of a true
    one after the lag."""
    told = estimate.beats_s - at.told_lag_s
    hit = np.zeros(len(told), bool)
    hit[matched(record.beats_s, told, 0.05 + 1e-9)[1]] = True
    asked = seen_at(at.usable, told)
    return estimate.confidence[asked], hit[asked]


def true_leads(record: PreparedRecord) -> dict[str, np.ndarray]:
    """Limb leads that are known, {name: (n,) mV}."""
    one, two = record.leads_mv[0].astype(float), record.leads_mv[1].astype(float)
    leads = {name: a * one + b * two for name, (a, b) in LIMB.items()}
    # 0 x NaN is NaN: with one of the two missing the other still stands for itself
    leads |= {"I": one, "II": two}
    return {name: lead for name, lead in leads.items() if np.isfinite(lead).any()}

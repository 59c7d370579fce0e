"""What any estimate has to beat: simple estimates made of the pulse, the population's mean beat and little else.

All constants come from the train part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import GENERATED
from inference.errors import DataMissing
from inference.evaluation.beats import best_lag
from inference.evaluation.estimate import Estimate, from_generated
from inference.evaluation.waveform import mean_beat
from stream.messages import GRID_FS_HZ

__all__ = [
    "Population",
    "announced_mean_beat",
    "constant",
    "own_beat_true_peaks",
    "population_true_peaks",
    "pulse_calibrated",
    "pulse_mean_beat",
    "stamp",
]

_BEFORE = 32  # samples of a mean beat before R
_MIN_F1, _LONGER_DELAY_S = 0.9, 0.87  # between the two delays of bedside monitors
_CALIBRATION_WINDOWS = 3
_WINDOW = 10 * GRID_FS_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """delay_s: median R-to-upstroke delay of the commoner class of monitors. beat_mv: (8, m) mean beat in the order I,
    II, V1..V6, _BEFORE samples before R first. people: that it was made from."""

    delay_s: float
    beat_mv: np.ndarray
    people: int

    @classmethod
    def of(cls, records: Iterable[PreparedRecord]) -> Population:
        """From train records: mean over recordings of their median beats, lead by lead; 0 for a lead that none has.

        Raises DataMissing when no recording's pulses follow its beats: the controls would have no delay."""
        delays, beats, people = [], [], set()
        for one in records:
            if one.lag_f1 >= _MIN_F1 and one.lag_s < _LONGER_DELAY_S:
                delays.append(one.lag_s)
            beats.append(own_beat(one, np.flatnonzero(one.usable)))
            people.add((one.dataset, one.subject))
        if not delays:
            raise DataMissing("the controls take a delay from the train part, but no pulses follow their beats there")
        stacked = np.stack(beats)
        known = np.isfinite(stacked)
        total = np.where(known, stacked, 0).sum(0)
        return cls(float(np.median(delays)), total / np.maximum(1, known.sum(0)), len(people))


def own_beat(record: PreparedRecord, windows: np.ndarray) -> np.ndarray:
    """(8, m) median beat of a recording in the given 10-s windows, mV; NaN for leads it does not have."""
    inside = np.isin((record.beats_s // 10).astype(int), windows)
    rows = [mean_beat(lead.astype(float), record.beats_s[inside]) for lead in record.leads_mv]
    size = round(0.7 * GRID_FS_HZ) + 1
    return np.stack([row if len(row) else np.full(size, np.nan) for row in rows])


def stamp(beat_mv: np.ndarray, beats_s: np.ndarray, n: int) -> np.ndarray:
    """(leads, n): the beat at every R peak; of two that would overlap each ends at 65 % of the interval."""
    out = np.zeros((len(beat_mv), n))
    places, size = np.sort(beats_s) * GRID_FS_HZ, beat_mv.shape[1]
    for i, place in enumerate(places):
        left, right = -_BEFORE, size - _BEFORE - 1
        if i:
            left = max(left, -0.35 * (place - places[i - 1]))
        if i + 1 < len(places):
            right = min(right, 0.65 * (places[i + 1] - place))
        at = np.arange(max(0, int(np.ceil(place + left))), min(n, int(place + right) + 1))
        for row, lead in zip(out, beat_mv, strict=True):
            row[at] = np.interp(at - place, np.arange(size) - _BEFORE, lead)
    return out


def constant(record: PreparedRecord) -> Estimate:
    """The mean ECG, which is 0 mV after the high-pass."""
    return from_generated(np.zeros((len(GENERATED), record.n)), np.zeros(0))


def pulse_mean_beat(record: PreparedRecord, population: Population) -> Estimate:
    """Each pulse, moved back by the population's delay, gets the population's mean beat."""
    beats = record.pulses_s - population.delay_s
    return from_generated(stamp(population.beat_mv, beats, record.n), beats)


def pulse_calibrated(record: PreparedRecord, population: Population) -> Estimate:
    """As pulse_mean_beat, with delay and mean beat from the first three usable windows of the person's own ECG, which
    are then left out as abstained. Leads that were not recorded keep the population's beat."""
    windows = np.flatnonzero(record.usable)[:_CALIBRATION_WINDOWS]
    known = np.zeros(record.n, bool)
    for w in windows:
        known[w * _WINDOW : (w + 1) * _WINDOW] = True
    beats = record.pulses_s - population.delay_s
    beats = beats - best_lag(record.beats_s, beats, known, np.ones(record.n, bool))
    own = own_beat(record, windows)
    leads = stamp(np.where(np.isfinite(own), own, population.beat_mv), beats, record.n)
    leads[:, known] = np.nan
    return from_generated(leads, beats)


def announced_mean_beat(record: PreparedRecord, estimate: Estimate, population: Population) -> Estimate:
    """The estimate's announced beats with the population's mean beat: what the generator adds is the difference."""
    leads = stamp(population.beat_mv, estimate.beats_s, record.n)
    leads[:, ~np.isfinite(estimate.leads_mv).all(0)] = np.nan
    return from_generated(leads, estimate.beats_s)


def population_true_peaks(record: PreparedRecord, population: Population) -> Estimate:
    """Oracle of timing: the population's mean beat at the true R peaks."""
    return from_generated(stamp(population.beat_mv, record.beats_s, record.n), record.beats_s)


def own_beat_true_peaks(record: PreparedRecord, population: Population) -> Estimate:
    """Oracle of timing and person: the recording's own mean beat at the true R peaks."""
    own = own_beat(record, np.flatnonzero(record.usable))
    beat = np.where(np.isfinite(own), own, population.beat_mv)
    return from_generated(stamp(beat, record.beats_s, record.n), record.beats_s)

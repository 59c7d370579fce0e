"""Whether ECG and PPG are of one heart: known lags, other rhythms, missing and extra beats."""

import numpy as np
import pytest

from inference.personal.belonging import match
from tests.inference.recordings import heartbeats

S = 128
LAGS = (-0.56, 0.84)
PEAKS = heartbeats(60, 5) * S
PEAKS = PEAKS[PEAKS < 59 * S]
SEEN = np.ones(60 * S, bool)
RNG = np.random.default_rng(4)
JITTER = RNG.normal(0, 0.012 * S, len(PEAKS))


@pytest.mark.parametrize("lag", [-0.45, 0.0, 0.3, 0.61])
def test_a_lag_is_found_to_a_few_milliseconds(lag):
    found = match(PEAKS, PEAKS + JITTER + lag * S, SEEN, LAGS)
    assert found.lag_s == pytest.approx(lag, abs=0.006)
    assert found.spread_s == pytest.approx(1.35 * 0.012, abs=0.006)
    assert found.belongs
    assert found.f1 > 0.98


def test_missed_and_extra_beats_lower_the_agreement_but_not_the_lag():
    pulses = np.sort(np.r_[np.delete(PEAKS + JITTER, slice(3, None, 9)), PEAKS[5::10] + 0.4 * S]) + 0.2 * S
    found = match(PEAKS, pulses, SEEN, LAGS)
    assert found.lag_s == pytest.approx(0.2, abs=0.006)
    assert 0.8 < found.f1 < 0.95
    assert found.belongs


@pytest.mark.parametrize("seed", range(6))
def test_another_heart_does_not_belong(seed):
    found = match(PEAKS, heartbeats(60, 20 + seed) * S, SEEN, LAGS)
    assert not found.belongs
    assert found.agreement < 0.5


def test_the_same_heart_half_a_minute_off_does_not_belong():
    pulses = np.sort((PEAKS + JITTER + 30 * S) % (60 * S))
    assert not match(PEAKS, pulses, SEEN, LAGS).belongs


def test_an_even_rhythm_belongs_only_when_it_agrees_closely_and_the_nearest_beat_is_its_own():
    even = np.arange(1, 59, 0.7) * S
    found = match(even, even + RNG.normal(0, 0.005 * S, len(even)) + 0.1 * S, SEEN, LAGS)
    assert found.belongs
    assert found.chance > 0.9
    assert found.lag_s == pytest.approx(0.1, abs=0.006)
    assert not match(even, even + RNG.normal(0, 0.025 * S, len(even)) + 0.1 * S, SEEN, LAGS).belongs


def test_what_was_not_seen_counts_for_nobody():
    seen = SEEN.copy()
    seen[20 * S : 40 * S] = False
    pulses = (PEAKS + JITTER + 0.3 * S)[(PEAKS < 19 * S) | (PEAKS > 41 * S)]
    found = match(PEAKS, pulses, seen, LAGS)
    assert found.f1 > 0.95
    assert found.ecg_beats < 0.75 * len(PEAKS)


def test_nothing_to_compare_does_not_belong():
    assert not match(PEAKS, np.zeros(0), SEEN, LAGS).belongs
    assert not match(np.zeros(0), PEAKS, SEEN, LAGS).belongs
    assert not match(PEAKS, PEAKS, np.zeros_like(SEEN), LAGS).belongs

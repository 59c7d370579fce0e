"""What training adds to pulses, and the light without a pulse that it makes."""

import numpy as np
import pytest

from inference.beat_head import normalise
from inference.training.wearing import distort, lose, movement, only_a_limb, paused, without_pulse
from stream.conditioning import bandpass, scale_knots
from stream.messages import GRID_FS_HZ
from tests.inference.recordings import heartbeats, pleth

N = 10 * GRID_FS_HZ


def a_pulse() -> np.ndarray:
    return normalise(np.sin(2 * np.pi * 1.2 * np.arange(N) / GRID_FS_HZ), np.full(11, 0.5))


@pytest.mark.parametrize("make", [lambda rng: distort(a_pulse(), rng), lambda rng: without_pulse(N, rng)])
def test_a_seed_gives_one_light_and_no_two_are_alike(make):
    first, again = (make(np.random.default_rng(3)) for _ in range(2))
    others = [make(np.random.default_rng(seed)) for seed in range(40)]
    assert np.array_equal(first, again)
    assert len({one.tobytes() for one in others}) > 35
    assert all(np.isfinite(one).all() and one.shape == (N,) and np.abs(one).max() <= 6 for one in others)


def test_light_without_a_pulse_is_as_large_as_a_pulse():
    heights = [np.diff(np.percentile(without_pulse(N, np.random.default_rng(seed)), (10, 90)))[0] for seed in range(60)]
    assert 1.5 < np.median(heights) < 2.5  # a normalised pulse: 2


def test_light_without_a_pulse_is_conditioned_as_live():
    """Nothing is left below the high-pass: what is made went through it."""
    slow = [without_pulse(N, np.random.default_rng(seed)).mean() for seed in range(60)]
    assert np.median(np.abs(slow)) < 0.15


def test_a_movement_keeps_a_cadence_of_a_limb():
    rates = []
    for seed in range(80):
        swing = movement(N, np.random.default_rng(seed))
        assert swing.std() == pytest.approx(1)
        power = np.abs(np.fft.rfft(swing)) ** 2
        frequency = np.fft.rfftfreq(N, 1 / GRID_FS_HZ)
        rates.append(frequency[power.argmax()])
        assert power[frequency < 12].sum() > 0.8 * power.sum()
    assert 0.5 < np.quantile(rates, 0.1) < 1
    assert 2 < np.quantile(rates, 0.9) < 6


def test_distortion_moves_no_upstroke_on_average():
    """A reflected wave comes late and breathing wanders, but the pulse itself stays where the beat put it."""
    beats = heartbeats(30, 1)
    times = np.arange(N) / GRID_FS_HZ + 10
    seen = bandpass(pleth(beats, times, 0.5))
    pulse = normalise(seen, scale_knots(seen, 0, np.arange(0, N + 1, GRID_FS_HZ)))
    lags = []
    for seed in range(200):
        out = distort(pulse, np.random.default_rng(seed))
        shift = np.arange(-40, 41)
        slope = np.diff(out)
        match = [np.dot(np.diff(pulse)[100:-100], slope[100 + s : len(slope) - 100 + s]) for s in shift]
        lags.append(shift[np.argmax(match)] / GRID_FS_HZ)
    assert abs(np.median(lags)) < 0.01


def test_a_lost_pulse_is_gone_on_one_side_and_as_it_was_on_the_other():
    sides = set()
    for seed in range(20):
        seen, gone = lose(a_pulse(), np.random.default_rng(seed))
        assert np.abs(np.diff(gone.astype(int))).sum() == 1
        assert np.array_equal(seen[~gone], a_pulse()[~gone])
        assert not np.array_equal(seen[gone], a_pulse()[gone])
        sides.add(bool(gone[-1]))
    assert sides == {True, False}


def test_only_a_limb_is_at_times_still_and_at_times_in_noise():
    lights = [only_a_limb(N, np.random.default_rng(seed)) for seed in range(100)]
    assert all(one.shape == (N,) for one in lights)
    still = [np.mean(np.abs(one) < 0.05 * one.std()) for one in lights]
    assert 0.1 < np.mean(np.array(still) > 0.15) < 0.45
    assert len({one.tobytes() for one in lights}) == 100


def test_a_paused_pulse_rests_for_seconds_and_is_itself_elsewhere():
    pulse = a_pulse()
    rests, kept = [], []
    for seed in range(100):
        out = paused(pulse, np.random.default_rng(seed))
        assert out.dtype == pulse.dtype
        changed = np.abs(out - pulse) > 0.01 * np.abs(pulse).max()
        where = np.flatnonzero(changed)
        gone = np.zeros(N, bool)
        gone[where[0] : where[-1] + 1] = True
        rests.append(gone.sum() / GRID_FS_HZ)
        kept.append(np.abs(out - pulse)[~gone].max(initial=0))
        inside = out[where[0] + 40 : where[-1] - 40]
        if len(inside) > GRID_FS_HZ and where[0] > 40 and where[-1] < N - 40:
            assert inside.std() < 0.1 * pulse.std()
    assert 0.5 < min(rests) < 3.5
    assert 6 < max(rests) < 9
    assert max(kept) < 0.02 * np.abs(pulse).max()

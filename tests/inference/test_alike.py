"""Light that does the same at each announced beat is believed, waves that look like pulses by chance are not."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import alike
from inference.abstain import abstentions
from inference.beat_head import Beats
from inference.datasets.windows import blank_chunk, windows_from
from inference.settings import EngineSettings
from tests.inference.recordings import arterial

BEATS_S = np.arange(0.6, 13, 0.81)  # of a stream of 14 s
DELAY_S = 0.25


def window(light):
    """The window from 2 s to 12 s of light (n,) at 128 Hz."""
    chunk = replace(blank_chunk("x", 128.0, 1e-4), pulse_delay_s=DELAY_S)
    return next(one for one in windows_from(chunk, light) if one.start_ns == 2_000_000_000)


def announced(beats_s=BEATS_S):
    """Those in that window, all of them sure."""
    inside = beats_s[(beats_s > 2) & (beats_s < 12)]
    return Beats((inside - 2) * 128, np.full(len(inside), 0.95, np.float32))


def pulses(beats_s=BEATS_S):
    return arterial(beats_s + DELAY_S, np.arange(14 * 128) / 128)


def waves(seed=0, seconds=14):
    """Noise as slow as a pulse."""
    rng = np.random.default_rng(seed)
    n = seconds * 128
    spectrum = np.fft.rfft(rng.normal(size=n)) * np.exp(-np.fft.rfftfreq(n, 1 / 128))
    return np.fft.irfft(spectrum, n)


def likeness(segment, beats, few=np.nan):
    return alike.likeness(segment, beats, few)


def silence(segment, beats, **limits):
    failed = np.zeros(segment.owned_stop - segment.owned_start, bool)
    found = abstentions(segment, segment.ppg, segment.valid, beats, failed, EngineSettings(**limits))
    return [one.reason for one in found]


def test_pulses_are_alike_and_waves_are_not():
    assert likeness(window(pulses()), announced()) > 0.9
    found = [likeness(window(waves(seed)), announced()) for seed in range(20)]
    assert max(found) < 0.5
    assert abs(np.mean(found)) < 0.1


def test_the_pulse_is_looked_for_where_the_delay_puts_it():
    uneven = BEATS_S + 0.3 * (np.arange(len(BEATS_S)) % 2)
    segment = window(pulses(uneven))
    assert likeness(segment, announced(uneven)) > 0.6
    assert likeness(segment, announced()) < 0.1  # every other one announced too early
    early = replace(announced(uneven), index=announced(uneven).index - 128)
    assert likeness(replace(segment, delay_samples=segment.delay_samples + 128), early) > 0.6
    assert np.isnan(likeness(replace(segment, delay_samples=1280), announced(uneven)))  # no pulse in the window


def test_one_odd_pulse_does_not_count():
    light = pulses()
    light[6 * 128 : 7 * 128] = light[::-1][6 * 128 : 7 * 128]
    assert likeness(window(light), announced()) > 0.6


def test_of_two_beats_nothing_is_said_and_in_poor_light_they_are_not_believed():
    few = Beats(np.array([300.0, 700.0]), np.ones(2, np.float32))
    cut_off = Beats(np.array([2.0, 300.0, 700.0]), np.ones(3, np.float32))  # of the first, half the pulse is seen
    for beats in (few, cut_off):
        assert np.isnan(likeness(window(pulses()), beats))
        assert likeness(window(pulses()), beats, few=-1.0) == -1.0
    for quality, said in ((0.66, "no beats found"), (0.64, "beats unsure")):
        assert set(silence(replace(window(pulses()), quality=quality), few)) == {said}
    none = Beats(np.zeros(0), np.zeros(0, np.float32))
    assert silence(replace(window(pulses()), quality=0.64), none) == silence(window(pulses()), none)


@given(st.floats(0.1, 100), st.floats(-10, 10))
def test_neither_the_size_nor_the_level_of_the_light_matters(size, level):
    segment = window(pulses() + 0.1 * waves())
    other = replace(segment, ppg=(size * segment.ppg + level).astype(np.float32))
    assert likeness(other, announced()) == pytest.approx(likeness(segment, announced()), abs=1e-4)


def test_beats_of_chance_waves_are_unsure():
    one = replace(window(waves()), quality=0.9)
    assert likeness(one, announced()) < 0.1
    assert silence(one, announced()) == ["beats unsure"]
    assert silence(replace(window(pulses()), quality=0.9), announced()) == []


def test_more_is_asked_where_the_quality_is_poor():
    mixed = window(pulses() / pulses().std() + 4 * waves() / waves().std())
    assert 0.15 < likeness(mixed, announced()) < 0.34
    assert silence(replace(mixed, quality=0.66), announced()) == []
    assert silence(replace(mixed, quality=0.64), announced()) == ["beats unsure"]


def test_more_is_asked_of_who_moves():
    mixed = replace(window(pulses() / pulses().std() + 2.5 * waves() / waves().std()), quality=0.9)
    assert 0.4 < likeness(mixed, announced()) < 0.48
    phase = 2 * np.pi * 1.7 * np.arange(10 * 32) / 32
    for mg, said in ((5, []), (200, ["beats unsure"])):
        axes = np.rint(mg * np.stack([np.sin(phase), np.cos(2 * phase), 0 * phase], 1)).astype(np.int16)
        worn = replace(mixed, motion_mg=axes)
        assert silence(worn, announced(), max_movement=1.0) == said
    assert silence(worn, announced(), max_movement=1.0, min_likeness_moving=0.4) == []

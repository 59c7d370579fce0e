"""Conditioning against closed forms, and the property the whole chain rests on: windows agree."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal.windows import gaussian

from stream.conditioning import Stretch, condition, drop_before, pulse_onsets, resample
from stream.messages import GRID_STEP_NS


def pulses(fs_hz: float, seconds: float, rate_hz: float = 1.2, start_ns: int = 0, seed: int = 0) -> Stretch:
    """A PPG-like train: sharp upstroke, dicrotic wave, baseline wander, noise."""
    times = start_ns + np.rint(np.arange(int(fs_hz * seconds)) / fs_hz * 1e9).astype(np.int64)
    phase = (times * 1e-9 * rate_hz) % 1
    wave = np.exp(-0.5 * ((phase - 0.2) / 0.07) ** 2) + 0.2 * np.exp(-0.5 * ((phase - 0.5) / 0.09) ** 2)
    noise = np.random.default_rng(seed).normal(0, 0.01, len(times))
    values = wave + 0.3 * np.sin(2 * np.pi * 0.15 * times * 1e-9) + noise
    return Stretch(times, values, fs_hz, 1e-4, -(-start_ns // GRID_STEP_NS))


@pytest.mark.parametrize("fs_hz", [20.0, 54.75, 100.0, 125.0, 128.0, 250.0, 999.0])
def test_resample_keeps_a_tone_in_the_pulse_band(fs_hz):
    times = np.rint(np.arange(int(10 * fs_hz)) / fs_hz * 1e9).astype(np.int64)
    tone = Stretch(times, np.sin(2 * np.pi * 2.0 * times * 1e-9), fs_hz, 1e-6, 0)
    values, valid = resample(tone, 128, 1024)
    expected = np.sin(2 * np.pi * 2.0 * (128 + np.arange(1024)) / 128)
    assert np.abs(values - expected).max() < 0.03
    assert valid.all()


def test_resample_removes_what_would_alias():
    times = np.rint(np.arange(5000) / 500 * 1e9).astype(np.int64)
    hum = Stretch(times, np.sin(2 * np.pi * 50 * times * 1e-9), 500.0, 1e-6, 0)
    values, _ = resample(hum, 64, 1000)
    assert np.abs(values).max() < 0.02


@pytest.mark.parametrize("fs_hz", [54.75, 125.0, 250.0])
def test_windows_agree_with_the_whole_recording(fs_hz):
    stretch = pulses(fs_hz, 60)
    whole = condition(stretch, 0, 58 * 128)
    for start in range(0, 46 * 128, 256):
        cut = np.searchsorted(stretch.times_ns, (start + 1280) * GRID_STEP_NS + 125_000_000) + 1
        seen = drop_before(replace(stretch, times_ns=stretch.times_ns[:cut], values=stretch.values[:cut]), start)
        window = condition(seen, start)
        np.testing.assert_allclose(window.ppg, whole.ppg[start : start + 1280], atol=1e-6)
        np.testing.assert_allclose(window.scale, whole.scale[start // 128 : start // 128 + 11], rtol=1e-6)
        # the last knot looks 2 s beyond the window; no window owns samples there
        np.testing.assert_allclose(window.shape[:-1], whole.shape[start // 256 : start // 256 + 5], atol=1e-6)


def test_a_short_gap_is_bridged_and_marked():
    stretch = pulses(125.0, 20)
    keep = np.ones(len(stretch.times_ns), bool)
    keep[1000:1015] = False  # 120 ms
    holed = replace(stretch, times_ns=stretch.times_ns[keep], values=stretch.values[keep])
    window, clean = condition(holed, 0), condition(stretch, 0)
    assert 10 <= (window.valid == 0).sum() <= 18
    assert np.abs(window.ppg - clean.ppg).max() < 0.5 * np.ptp(clean.ppg)


def test_outside_the_stretch_nothing_is_invented():
    stretch = pulses(125.0, 4, start_ns=3_000_000_000)
    window = condition(stretch, 0)
    assert not window.valid[: 3 * 128].any()
    assert not window.valid[7 * 128 :].any()
    assert not window.ppg[: 3 * 128].any()
    assert "missing" in window.reasons


def test_quality_is_high_on_pulses_and_zero_on_a_flat_line():
    assert condition(pulses(125.0, 12), 0).quality > 0.9
    flat = replace(pulses(125.0, 12), values=np.full(1500, 7.0))
    window = condition(flat, 0)
    assert window.quality == 0.0
    assert {"flat", "no pulse"} <= set(window.reasons)
    assert not window.scale.any()


def test_quality_falls_on_noise_and_names_clipping():
    rng = np.random.default_rng(1)
    noisy = replace(pulses(125.0, 12), values=rng.normal(0, 1, 1500))
    assert condition(noisy, 0).quality < 0.5
    clean = pulses(125.0, 12)
    clipped = replace(clean, values=np.clip(clean.values, -1, 0.6))
    assert "clipped" in condition(clipped, 0).reasons


def test_onsets_match_the_slope_maxima():
    stretch = pulses(128.0, 20, rate_hz=1.0)
    found = pulse_onsets(condition(stretch, 0, 20 * 128).ppg)
    assert len(found) in (19, 20)
    assert np.abs(np.diff(found) - 128).max() <= 3


def test_an_irregular_rhythm_is_not_poor_quality():
    rng = np.random.default_rng(3)
    at = np.cumsum(rng.uniform(0.5, 1.2, 40))
    times = np.rint(np.arange(1500) / 125 * 1e9).astype(np.int64)
    train = np.zeros(1500)
    train[(at[at < 12] * 125).astype(int)] = 1
    beat = gaussian(60, 8)
    values = np.convolve(train, beat, "same") + rng.normal(0, 0.005, 1500)
    stretch = Stretch(times, values, 125.0, 1e-6, 0)
    assert condition(stretch, 0).quality > 0.6

"""Which delay a monitor's PPG has: what may not change it, what has none, and that its kinds are learnt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from stream.monitor_delay import SHORTEST_S, MonitorDelay, guessed_delay_s, read_monitor_delay, spectrum

FS = 125.0


def ppg(seconds=60, cutoff_hz=12.0, seed=0):
    """Pulses under a monitor's low-pass, and a little noise below it."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * FS)) / FS
    beat = np.sin(2 * np.pi * 1.2 * t + 0.5 * np.sin(2 * np.pi * 1.2 * t)) ** 3 + rng.normal(0, 0.02, len(t))
    return signal.sosfiltfilt(signal.butter(3, cutoff_hz, fs=FS, output="sos"), beat)


def test_two_kinds_and_no_third():
    shipped = read_monitor_delay()
    told = {guessed_delay_s("PLETH", ppg(cutoff_hz=cutoff), FS) for cutoff in (3, 5, 8, 12, 20, 40)}
    assert told <= {shipped.short_s, shipped.long_s}
    assert 0.45 < shipped.short_s < 0.65
    assert 1.05 < shipped.long_s < 1.25


@given(st.floats(0.01, 1000), st.floats(-1e3, 1e3), st.booleans())
def test_gain_and_offset_do_not_matter(gain, offset, upside_down):
    values = ppg()
    changed = (-gain if upside_down else gain) * values + gain * offset
    assert spectrum(changed, FS) == pytest.approx(spectrum(values, FS), abs=1e-3)


def test_a_few_missing_samples_do_not_matter():
    values = ppg()
    holed = values.copy()
    holed[1000:1010] = np.nan
    assert spectrum(holed, FS) == pytest.approx(spectrum(values, FS), abs=0.1)


@pytest.mark.parametrize(
    ("values", "fs"),
    [
        (ppg(SHORTEST_S - 1), FS),
        (ppg(), 50.0),
        (np.where(np.arange(7500) % 5 < 3, np.nan, ppg()), FS),
        (np.full(7500, np.nan), FS),
        (np.zeros(7500), FS),
    ],
    ids=["short", "slow", "holes", "missing", "flat"],
)
def test_nothing_is_told_of_what_cannot_be_told(values, fs):
    assert guessed_delay_s("PLETH", values, fs) is None


@pytest.mark.parametrize("channel", ["ppg", "green", "PLETH2", ""])
def test_only_a_monitors_channel_is_guessed(channel):
    assert guessed_delay_s(channel, ppg(), FS) is None
    assert guessed_delay_s("Pleth,", ppg(), FS) is not None


def test_written_and_read_again(tmp_path):
    model = MonitorDelay((0.0,) * 8, (1.0,) * 8, tuple(np.arange(8.0)), -1.0, 0.5, 1.2)
    model.write(tmp_path / "one.json")
    assert read_monitor_delay(tmp_path / "one.json") == model

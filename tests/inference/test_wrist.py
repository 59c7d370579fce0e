"""The wrist judged: the treadmill set's form, the rule for polarity, rates and stages, a device against itself."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import io

from inference.beats_only import BeatsOnly
from inference.datasets.polar_numerics import read_numerics
from inference.datasets.treadmill import STAGES, read_treadmill, stage_at
from inference.errors import DataMissing
from inference.evaluation.beats import mean_rate
from inference.evaluation.wrist import (
    Answer,
    better_channel,
    light_polarity,
    pulse_answer,
    stage_figures,
    truth_of,
    windows_of_light,
)
from inference.evaluation.wrist_device import device_figures
from inference.evaluation.wrist_run import judge_treadmill
from inference.settings import EngineSettings
from tests.inference.recordings import ecg, heartbeats

FS = 125
SECONDS = 300
BEATS = heartbeats(SECONDS)
BEATS = BEATS[BEATS < SECONDS - 1]


def blood(times, delay_s=0.25):
    """A pulse that comes faster than it goes, its steepest rise delay_s after each R peak."""
    out = np.zeros(len(times))
    for beat in BEATS:
        # u^2 exp(-u) rises most steeply at u = 2 - sqrt(2)
        u = np.maximum(0, (times - beat - delay_s) / 0.06 + 2 - np.sqrt(2))
        out += u**2 * np.exp(-u)
    return out


def true_rate(start, stop):
    """Mean rate of the true beats in [start, stop)."""
    first, last = np.searchsorted(BEATS, [start, stop])
    return 60 / np.diff(BEATS[first:last]).mean()


def write_treadmill(folder, seconds=SECONDS, name="01_TYPE02"):
    """One recording: the first channel is noise, the second the pulse, upside down; the arm moves after 30 s."""
    rng = np.random.default_rng(1)
    times = np.arange(seconds * FS) / FS
    pulse = np.rint(-400 * blood(times)) / 2
    noise = np.rint(200 * rng.normal(size=len(times))) / 2
    motion = np.where(times > 30, np.sin(9 * times), 0.0) * np.ones((3, 1)) + 0.01 * rng.normal(size=(3, len(times)))
    rates = [true_rate(at, at + 8) for at in range(0, seconds - 7, 2)]
    folder.mkdir(exist_ok=True)
    io.savemat(folder / f"DATA_{name}.mat", {"sig": np.stack([500 * ecg(BEATS, times), noise, pulse, *motion])})
    io.savemat(folder / f"REF_{name}.mat", {"BPM0": np.array(rates)[:, None]})


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("troika")
    write_treadmill(folder)
    return read_treadmill(folder)[0]


def test_the_form_of_the_set_is_checked(tmp_path):
    with pytest.raises(DataMissing, match=r"DATA_\*\.mat"):
        read_treadmill(tmp_path)
    write_treadmill(tmp_path, 60)
    (tmp_path / "REF_01_TYPE02.mat").unlink()
    with pytest.raises(DataMissing, match=r"REF_01_TYPE02\.mat"):
        read_treadmill(tmp_path)
    io.savemat(tmp_path / "REF_01_TYPE02.mat", {"BPM0": np.ones((3, 1))})
    io.savemat(tmp_path / "DATA_01_TYPE02.mat", {"sig": np.ones((5, 100))})
    with pytest.raises(DataMissing, match="6 rows"):
        read_treadmill(tmp_path)


def test_stages_follow_the_schedule_and_a_short_recording_has_none():
    at = np.array([0, 29.9, 30, 89, 90, 150, 210, 269, 270, 300])
    names = [STAGES[i] for i in stage_at(at, 302.0)]
    assert names == ["rest", "rest", "slow", "slow", "fast", "slow", "fast", "fast", "rest", "rest"]
    assert {STAGES[i] for i in stage_at(at, 220.0)} == {"unscheduled"}


def test_polarity_and_channel_are_found_without_the_ecg(recording):
    assert light_polarity([recording]) == -1
    assert better_channel(recording, -1) == 1


def test_a_perfect_answer_is_perfect_in_every_stage(recording):
    n = SECONDS * 128
    truth = truth_of(recording, n)
    assert truth.believed.mean() > 0.95
    figures = stage_figures(truth, Answer(BEATS, np.ones(n, bool)))
    assert set(figures) == {"all", "rest", "slow", "fast"}
    for one in figures.values():
        assert (one.coverage, one.failed, one.close) == (1.0, 0.0, 1.0)
        assert one.rate_reference == pytest.approx(0, abs=1e-9)
        assert one.rate_ecg < 1.5
        assert one.f1_50 > 0.98


def test_the_pulse_detector_sees_the_same_windows_and_one_prior(recording):
    n = SECONDS * 128
    truth = truth_of(recording, n)
    found = stage_figures(truth, pulse_answer(windows_of_light(recording, 1, -1), 0, n))["all"]
    assert found.f1_50_lag > 0.97
    assert found.rate_reference < 1.5
    upside_down = stage_figures(truth, pulse_answer(windows_of_light(recording, 0, -1), 0, n))["all"]
    assert upside_down.f1_50_lag < 0.5


def test_abstained_windows_are_no_errors_and_silence_counts_as_such(recording):
    n = SECONDS * 128
    truth = truth_of(recording, n)
    covered = np.ones(n, bool)
    covered[90 * 128 : 210 * 128] = False
    figures = stage_figures(truth, Answer(BEATS[(BEATS < 90) | (BEATS >= 210)], covered))
    assert figures["all"].coverage == pytest.approx(180 / 300, abs=0.02)
    assert figures["all"].rate_reference < 1.5
    none = stage_figures(truth, Answer(np.zeros(0), np.ones(n, bool)))["all"]
    assert (none.failed, none.f1_50) == (1.0, 0.0)
    assert np.isnan(none.rate_reference)


def test_a_rate_crosses_no_abstained_sample():
    covered = np.ones(10 * 128, bool)
    covered[4 * 128 : 6 * 128] = False
    beats = np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0])
    assert mean_rate(beats, 0, 10, covered, 2) == pytest.approx(60)
    assert mean_rate(beats, 0, 10) == pytest.approx(60 / 1.6)
    assert mean_rate(beats[:2], 0, 10, covered, 2) is None
    assert mean_rate(beats[:2], 0, 10, covered) == pytest.approx(60)


def write_polar(folder, late_s=3.0):
    stamp = np.datetime64("2022-04-25T11:40:00.000")

    def phone(seconds):
        return str(stamp + np.timedelta64(round(1000 * seconds), "ms"))

    light = [f"{phone(k / 50)};{704201975160879838 + k * 20_000_000};1;2;3;4;" for k in range(3000)]
    (folder / "Polar_Sense_PPG.txt").write_text("\n".join(["head", *light]))
    intervals = [f"{phone(b + late_s)};{round(1000 * (b - a))};8;0;1;1;0" for a, b in pairwise(BEATS)]
    (folder / "Polar_Sense_PPI.txt").write_text("\n".join(["head", *intervals]))
    rates = [f"{phone(at + late_s)};{true_rate(at - 6, at) if at > 6 else 0:.0f}" for at in range(1, SECONDS - 5)]
    (folder / "Polar_Sense_HR.txt").write_text("\n".join(["head", *rates]))


def test_a_device_is_compared_after_its_own_delay(tmp_path):
    write_polar(tmp_path)
    known = read_numerics(tmp_path)
    assert np.isnan(known.rate_bpm[0])
    assert known.rate_s[0] == pytest.approx(4.0, abs=0.01)
    figures = device_figures(known, Answer(BEATS, np.ones(SECONDS * 128, bool)))
    assert figures.late_s == pytest.approx(3.0, abs=0.5)
    assert figures.close_late > 0.99
    assert figures.close < figures.close_late
    assert figures.interval_median_ms < 1
    assert figures.f1_50 > 0.98
    off = device_figures(known, Answer(BEATS * 1.2, np.ones(SECONDS * 128, bool)))
    assert off.close_late < 0.2


def test_a_device_without_its_files_is_named(tmp_path):
    with pytest.raises(DataMissing, match="Polar_Sense_PPG"):
        read_numerics(tmp_path)


def test_the_treadmill_is_judged_with_and_without_its_accelerometer(tmp_path):
    for name in ("01_TYPE02", "02_TYPE02"):
        write_treadmill(tmp_path, 60, name)
    never_while_moving = EngineSettings(batch=16, min_confidence_moving=1.0, max_swing=1.0)
    rows = judge_treadmill(BeatsOnly.load(never_while_moving), tmp_path).rows
    answered = {one.estimate: one.mean["coverage"] for one in rows if one.stage == "all"}
    assert list(answered) == [
        "p2es",
        "another recording's light",
        "constant: the others' median rate",
        "p2es, accelerometer withheld",
        "pulse detector",
    ]
    assert answered["p2es, accelerometer withheld"] > answered["p2es"]

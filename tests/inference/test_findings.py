"""What the engine says of rhythm and of noise, with the shipped weights; the judgement of findings end to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from inference.beats_only import BeatsOnly
from inference.datasets.windows import blank_chunk, windows_from, windows_of
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation.heard import NEARLY, by_ecg, by_model, by_pulse, views_of
from inference.evaluation.pulseless import FS_HZ, KINDS
from inference.evaluation.rhythm_report import write_rhythm
from inference.evaluation.rhythm_run import alarm_label, judge_rhythm
from inference.evaluation.run import EvaluationSettings
from inference.rhythm import BRADYCARDIA, EXTREME_BRADYCARDIA, PAUSE, SINUS_LIKE
from inference.settings import EngineSettings
from tests.inference.personal_cases import calibration
from tests.inference.recordings import arterial, write_monitor


def light(rate_bpm, seconds=30):
    return 1000 * arterial(np.arange(-2, seconds, 60 / rate_bpm) + 0.2, np.arange(int(seconds * FS_HZ)) / FS_HZ)


@pytest.fixture(scope="module")
def engine():
    return BeatsOnly.load(EngineSettings(batch=4))


def test_the_engine_without_its_generator_gives_the_same_beats(engine):
    segments = windows_from(blank_chunk("p", FS_HZ, 1.0), light(72, 20))
    for own in ({}, {"p": calibration({})}):
        each = [kind(engine.networks, engine.settings, own).infer(segments) for kind in (BeatsOnly, Engine)]
        for one, whole in zip(*each, strict=True):
            np.testing.assert_array_equal(one.beats_ns, whole.beats_ns)
            assert (one.findings, one.abstained, one.model_id) == (whole.findings, whole.abstained, whole.model_id)


@pytest.mark.parametrize(("rate", "expected"), [(72, {SINUS_LIKE}), (38, {BRADYCARDIA, EXTREME_BRADYCARDIA})])
def test_findings_travel_with_the_segment(engine, rate, expected):
    segments = engine.infer(windows_from(blank_chunk("p", FS_HZ, 1.0), light(rate, 24)))
    assert {name for one in segments for name in one.findings} == expected


def test_nothing_is_found_where_the_window_is_not_believed(engine):
    noise = np.random.default_rng(0).normal(size=round(20 * FS_HZ)) * 500
    for one in engine.infer(windows_from(blank_chunk("p", FS_HZ, 1.0), noise)):
        assert one.findings == ()
        assert len(one.beats_ns) == 0


def test_noise_that_looks_like_pulses_is_still_noise():
    engine, rng = BeatsOnly.load(EngineSettings(batch=4, min_quality=0.0, min_confidence=0.0)), np.random.default_rng(0)
    segments = [
        one for k in range(6) for one in windows_from(blank_chunk(str(k), FS_HZ, 1.0), KINDS["white noise"](rng))
    ]
    results = engine.infer(segments)
    assert all(one.abstained[0].reason == "poor signal: noise" for one in results)
    assert sum(len(one.beats_ns) for one in results) == 0


@pytest.fixture(scope="module")
def monitors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(1)
    slow, usual = np.cumsum(rng.uniform(1.6, 1.75, 178)), np.cumsum(rng.uniform(0.78, 0.86, 370))
    for name, comments in (("b001s", ["Bradycardia", "True alarm"]), ("t002s", ["Tachycardia", "False alarm"])):
        write_monitor(folder / "cinc2015", name, slow if name == "b001s" else usual, 0.57, 300, breath=0.05)
        header = folder / "cinc2015" / f"{name}.hea"
        header.write_text(header.read_text() + "".join(f"# {each}\n" for each in comments))
    return folder


def test_labels_are_read_from_the_header(monitors):
    from inference.datasets.manifest import open_sets

    assert [alarm_label(one) for one in open_sets(monitors)] == [("Bradycardia", True), ("Tachycardia", False)]


def test_findings_are_judged_by_label_hour_and_stretch(monitors, engine, tmp_path):
    from inference.datasets.splits import part_of

    parts = {part_of("cinc2015", name) for name in ("b001s", "t002s")}
    for part in parts:
        report = judge_rhythm(engine, EvaluationSettings(monitors, tmp_path / "cache", part))
        for row in report.alarms:
            if row.estimate != "always alarm":
                assert (row.tally.missed, row.tally.false) == (0, 0), row
        for row in report.hours:
            assert row.total.hours > 0.05
            if row.finding.startswith("extreme"):
                assert row.total.false == 0, row
        page, table = (Path(name) for name in write_rhythm(report, tmp_path, "p2es evaluate --task rhythm").split())
        assert "Wilson" in page.read_text()
        assert json.loads(table.read_text())["part"] == part
    with pytest.raises(DataMissing):
        judge_rhythm(engine, EvaluationSettings(tmp_path / "nothing", tmp_path / "cache", "test"))


def test_one_recording_seen_three_ways(monitors, engine):
    from inference.datasets.manifest import open_sets
    from inference.datasets.prepare import prepare

    entry = open_sets(monitors)[1]
    segments = windows_of(entry)
    said, pulse = by_model(engine, segments), by_pulse(segments, 0.5)
    truth = by_ecg(prepare(entry), views_of(segments))
    pairs = [pair for pair in zip(pulse.hops, truth.hops, strict=True) if pair[1].answered]
    assert np.mean([one.findings <= other.findings and len(one.findings) for one, other in pairs]) > 0.9
    assert any(NEARLY + SINUS_LIKE in other.findings for _, other in pairs)
    assert [one.until_s for one in said.hops] == [one.until_s for one in truth.hops]
    assert len(said.beats_s) == len(said.intervals_s)
    assert abs(len(pulse.beats_s) - len(truth.beats_s)) < 5
    part = windows_of(entry, span_s=(100.0, 140.0))
    assert part[0].start_ns == 100 * 10**9
    np.testing.assert_allclose(part[-3].ppg, segments[[one.start_ns for one in segments].index(part[-3].start_ns)].ppg)


def test_a_pause_is_light_at_rest():
    engine = BeatsOnly.load(EngineSettings(batch=4, max_swing=1.0))  # which takes made pulses beside a pause for a limb
    beating = light(72) + np.random.default_rng(0).normal(0, 8, round(30 * FS_HZ))
    times = np.arange(len(beating)) / FS_HZ
    resting = np.where((times > 12) & (times < 17.5), np.random.default_rng(1).normal(0, 8, len(times)), beating)
    found = engine.infer(windows_from(blank_chunk("p", FS_HZ, 1.0), resting))
    assert any(PAUSE in one.findings for one in found)
    assert any(gap.reason == "no beats found" for one in found for gap in one.abstained)


def test_beats_missed_in_light_that_goes_on_pulsing_are_no_pause(engine, monkeypatch):
    whole = engine.networks.beat_probability

    def without_some(features):
        probability = whole(features).copy()
        probability[:, 300:1000] = 0.0
        return probability

    monkeypatch.setattr(engine.networks, "beat_probability", without_some)
    found = engine.infer(windows_from(blank_chunk("p", FS_HZ, 1.0), light(72)))
    assert not any(PAUSE in one.findings for one in found)
    assert any(gap.reason == "beats unsure" for one in found for gap in one.abstained)
    assert not any(gap.reason == "no beats found" for one in found for gap in one.abstained)

"""What tells a limb's light from a heart's: what is looked at, that it learns what differs, and when it is asked."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.abstain import LIMB_LIKE, abstentions
from inference.beat_head import Beats
from inference.beats_only import BeatsOnly
from inference.datasets.windows import blank_chunk, windows_from, windows_of
from inference.evaluation.pulseless import FS_HZ, steady
from inference.model_folder import SHIPPED
from inference.motion import MOVING
from inference.rhythm import PAUSE
from inference.settings import EngineSettings
from inference.swing import FEATURES, described, limb_probability, read_swing
from inference.training import swing as training
from inference.training.swing import fit, fit_swing
from inference.training.wearing import paused, rounded
from tests.inference.recordings import DEMO, arterial

TIMES = np.arange(14 * 128) / 128
BEATS_S = np.arange(0.6, 13, 0.81) + 0.02 * np.sin(np.arange(16))
DELAY_S = 0.25


def window(light):
    """The window from 2 s to 12 s."""
    chunk = replace(blank_chunk("x", 128.0, 1e-4), pulse_delay_s=DELAY_S)
    return next(one for one in windows_from(chunk, light) if one.start_ns == 2_000_000_000)


def beats(places_s=BEATS_S, confidence=0.99):
    inside = places_s[(places_s > 2) & (places_s < 12)]
    return Beats((inside - 2) * 128, np.full(len(inside), confidence, np.float32))


def heart():
    """Pulses that breathing swells, in a little noise."""
    swell = 1 + 0.15 * np.sin(2 * np.pi * 0.23 * TIMES)
    noise = np.random.default_rng(0).normal(size=len(TIMES))
    return window(swell * arterial(BEATS_S + DELAY_S, TIMES) + 0.03 * noise)


def limb():
    """A fall faster than the rise, three overtones, at the same times."""
    phase = 2 * np.pi * np.interp(TIMES, BEATS_S + DELAY_S, np.arange(len(BEATS_S)))
    return window(np.sin(phase + 2.0) + 0.8 * np.sin(2 * phase + 4.0) + 0.6 * np.sin(3 * phase + 0.5))


def two_kinds(k=200, seed=0):
    """Features that differ in one place, of hearts and limbs."""
    rng = np.random.default_rng(seed)
    both = rng.normal(size=(2, k, FEATURES))
    both[1, :, 3] += 3.0
    return both


def silence(segment, **limits):
    failed = np.zeros(segment.owned_stop - segment.owned_start, bool)
    one = replace(segment, quality=0.95)
    found = abstentions(one, one.ppg, one.valid, beats(), failed, EngineSettings(**limits))
    return [gap.reason for gap in found]


def test_what_is_looked_at():
    places = np.concatenate([[4.0], beats().index])  # that one's pulse is cut off, as the last one's
    sure = Beats(places, np.linspace(0.5, 0.9, len(places)).astype(np.float32))
    seen = described(replace(heart(), quality=0.83), sure)
    assert seen is not None
    assert seen.shape == (FEATURES,)
    assert seen[:28].std() == pytest.approx(1, abs=0.15)
    assert 5 <= np.argmax(seen[:28]) <= 14  # the crest, soon after its upstroke
    assert 0 <= np.argmax(seen[28:60]) <= 6
    assert seen[28:60].std() == pytest.approx(1, abs=0.15)
    likeness, quality, owned, mean, least_seen, least, interval, uneven, cycles, pulses, count = seen[60:]
    assert likeness > 0.9
    assert quality == 0.83
    assert owned == pytest.approx(sure.confidence[(places >= 640) & (places < 896)].mean())
    assert (least_seen, least) == (pytest.approx(sure.confidence[1]), pytest.approx(0.5))
    assert mean == pytest.approx(sure.confidence[1:-1].mean())
    assert np.exp(interval) == pytest.approx(0.81, abs=0.01)
    intervals = np.diff(places[1:-1])
    assert uneven == pytest.approx(intervals.std() / intervals.mean())
    assert np.exp([cycles, pulses]) == pytest.approx([0.11, 0.11], abs=0.05)
    assert abs(cycles - pulses) > 0.001
    assert count == 12


@given(st.floats(0.1, 50), st.floats(-5, 5))
def test_neither_the_size_nor_the_level_of_the_light_matters(size, level):
    one = heart()
    other = replace(one, ppg=(size * one.ppg + level).astype(np.float32))
    assert described(other, beats()) == pytest.approx(described(one, beats()), abs=1e-3)


def test_of_two_beats_no_shape_is_told():
    few = Beats(np.array([300.0, 700.0]), np.ones(2, np.float32))
    assert described(heart(), few) is None
    assert limb_probability(heart(), few) == 0.0


def test_the_shipped_fit_knows_a_heart_from_a_limb():
    assert limb_probability(heart(), beats()) < 0.3
    assert limb_probability(limb(), beats()) > 0.9


def test_a_real_heart_is_none_whether_it_beats_or_stops_and_wherever_it_is_worn():
    windows = windows_of(DEMO, span_s=(20, 140))
    rng = np.random.default_rng(0)
    rounder = [replace(one, ppg=rounded(one.ppg, rng.uniform(0.02, 0.07)).astype(np.float32)) for one in windows]
    stopped = [replace(one, ppg=paused(one.ppg, rng)) for one in windows]
    engine = BeatsOnly.load(EngineSettings(batch=16))
    for each in (windows, rounder, stopped):
        said = [gap.reason for one in engine.infer(each) for gap in one.abstained]
        assert said.count(LIMB_LIKE) <= 1
    assert any(PAUSE in one.findings for one in engine.infer(stopped))


def test_an_arm_that_swings_where_no_pulse_is_seen_mostly_gives_no_beats():
    """Less than a third of those without the limit, in movement made otherwise than what was fitted on."""
    rng, windows = np.random.default_rng(0), []
    for number in range(100):
        windows += windows_from(blank_chunk(str(number), FS_HZ, 1.0), steady(rng))
    settings = EngineSettings(batch=32, max_swing=1.0), EngineSettings(batch=32)
    without, shipped = (BeatsOnly.load(one).infer(windows) for one in settings)
    given = [{one.patient for one in each if len(one.beats_ns)} for each in (without, shipped)]
    assert len(given[0]) > 15
    assert len(given[1]) < len(given[0]) / 3
    silent = [one for one in shipped if any(gap.reason == LIMB_LIKE for gap in one.abstained)]
    assert silent
    assert all(MOVING in one.reasons for one in silent)


def test_it_is_asked_where_no_accelerometer_tells():
    still = np.zeros((10 * 32, 3), np.int16)
    assert silence(heart()) == []
    assert silence(limb()) == [LIMB_LIKE]
    assert silence(limb(), max_swing=1.0) == []
    assert silence(replace(limb(), motion_mg=still)) == []


def test_learns_on_some_and_tells_others():
    (hearts, limbs), (new_hearts, new_limbs) = two_kinds(), two_kinds(seed=1)
    made = fit(hearts, np.arange(200) // 10, limbs, seed=0)
    assert np.mean([made.probability(one) < 0.5 for one in new_hearts]) > 0.85
    assert np.mean([made.probability(one) > 0.5 for one in new_limbs]) > 0.85
    again, other = (fit(hearts, np.arange(200) // 10, limbs, seed=seed) for seed in (0, 1))
    assert np.array_equal(made.hidden, again.hidden)
    assert not np.array_equal(made.hidden, other.hidden)


def test_either_kind_weighs_half(monkeypatch):
    monkeypatch.setattr(training, "_PENALTY", 100.0)  # nothing is learnt but how often
    hearts, limbs = two_kinds(400)
    made = fit(hearts, np.arange(400), limbs[:40], seed=0)
    assert np.mean([made.probability(one) for one in hearts]) == pytest.approx(0.5, abs=0.02)


def test_a_person_with_many_windows_weighs_less(monkeypatch):
    monkeypatch.setattr(training, "_STARTS", 1)
    monkeypatch.setattr(training, "_STEPS", 60)
    hearts, limbs = two_kinds()
    odd = limbs[:100]  # one heart whose light is like a limb's, in half of all windows
    owners = np.concatenate([np.arange(100), np.full(100, 100)])
    told = [
        np.mean([fit(np.concatenate([hearts[:100], odd]), who, limbs[100:], 0).probability(one) for one in odd])
        for who in (owners, np.arange(200))
    ]
    assert told[0] > 2 * told[1]


def test_what_was_written_is_read(tmp_path):
    hearts, limbs = two_kinds(40)
    made = fit(hearts, np.arange(40), limbs, seed=0)
    made.write(tmp_path / "swing.json")
    read = read_swing(tmp_path / "swing.json")
    assert read.hidden == pytest.approx(made.hidden, rel=1e-4)
    for one in (*hearts, *limbs):
        assert read.probability(one) == pytest.approx(made.probability(one), abs=1e-3)


def test_too_little_of_either_kind_is_not_fitted(monkeypatch, caplog):
    monkeypatch.setattr(training, "_TRIALS", 2)
    assert fit_swing([], SHIPPED, 0) is None
    assert "0 windows of hearts" in caplog.text


def test_what_the_model_answers_is_fitted(monkeypatch):
    """Each person's windows with those of a wrist and with a pause, beside a limb's that are given beats."""
    seen = []
    monkeypatch.setattr(training, "_TRIALS", 30)
    monkeypatch.setattr(training, "_LEAST", 3)
    monkeypatch.setattr(training, "fit", lambda *given: seen.append(given) or read_swing())
    record = SimpleNamespace(n=300 * 128)
    assert fit_swing([(DEMO, record), (replace(DEMO, ppg=None), record)], SHIPPED, 7)  # pyright: ignore
    ((hearts, owners, limbs, seed),) = seen
    pieces = 3 * sum(len(windows_of(DEMO, span_s=(at, at + 40))) for at in (0, 120, 240))
    assert 0.7 * pieces < len(hearts) <= pieces
    assert (set(owners), seed) == ({0}, 7)
    assert 3 <= len(limbs) <= 6  # of nine of which a shape can be told
    assert hearts.shape[1] == limbs.shape[1] == FEATURES

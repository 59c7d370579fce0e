"""Rhythm findings: each rule on beats made for it, and its judgement."""

import numpy as np
import pytest

from inference.alerts.irregular import IrregularWatch
from inference.alerts.limits import Limits
from inference.alerts.rules import PatientAlerts
from inference.evaluation.heard import NEARLY, Heard, Hop
from inference.evaluation.rhythm import Hours, Tally, clear_label, hours_of, irregular_spans, present_near, tally
from inference.rhythm import (
    BRADYCARDIA,
    ECTOPIC,
    EXTREME_BRADYCARDIA,
    EXTREME_TACHYCARDIA,
    FAST_RUN,
    PAUSE,
    RULES,
    SINUS_LIKE,
    TACHYCARDIA,
    in_view,
    irregularity,
    irregularity_until,
    linked_changes,
)
from tests.inference.test_alerts import segment


def steady(rate, start=0.3, stop=8.2):
    return np.arange(start, stop, 60 / rate)


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        (steady(70), {SINUS_LIKE}),
        (steady(45), {BRADYCARDIA}),
        (steady(40), {BRADYCARDIA, EXTREME_BRADYCARDIA}),
        (steady(110), {FAST_RUN, TACHYCARDIA}),
        (np.cumsum(np.tile([0.5, 0.32], 9)), set()),
        (steady(160), {FAST_RUN, TACHYCARDIA, EXTREME_TACHYCARDIA}),
        (np.r_[steady(70, 0.3, 3), steady(70, 7.2, 8.2)], {PAUSE}),
        (np.r_[steady(70, 0.3, 3.9)], {PAUSE}),
        (np.r_[0.5, 1.3, 2.1, 2.9, 3.4, 4.5, 5.3, 6.1, 6.9], {ECTOPIC}),
        (np.zeros(0), set()),
    ],
)
def test_each_rule_finds_its_rhythm_and_no_other(beats, expected):
    assert set(in_view(beats, 0.0, 8.2)) == expected


def test_only_what_was_seen_counts():
    beats = steady(70)
    assert set(in_view(beats, 0.0, 3.0)) == set()
    assert set(in_view(np.r_[beats, 20.0], 0.0, 8.2)) == {SINUS_LIKE}


def test_a_fast_run_is_of_beats_in_a_row():
    intervals = np.array([1.0, 1.0, 0.4, 0.4, 0.4, 0.4, 1.0, 1.0])
    beats = np.cumsum(np.r_[0.5, intervals])
    assert FAST_RUN in in_view(beats, 0.0, 8.2)  # five at 150
    assert FAST_RUN not in in_view(np.delete(beats, 4), 0.0, 8.2)
    assert FAST_RUN not in in_view(beats[:4], 0.0, 8.2)
    assert FAST_RUN not in in_view(np.cumsum(np.tile([0.5, 0.32], 5)), 0.0, 8.2)  # fast, not steady


@pytest.mark.parametrize(("rate", "finding"), [(40, EXTREME_BRADYCARDIA), (110, FAST_RUN), (160, EXTREME_TACHYCARDIA)])
def test_a_run_of_beats_that_are_hardly_believed_is_none(rate, finding):
    beats = steady(rate)
    for confidence, found in ((0.72, True), (0.68, False)):
        assert (finding in in_view(beats, 0.0, 8.2, confidence=np.full(len(beats), confidence))) is found
    # the mean of the run counts
    assert finding in in_view(beats, 0.0, 8.2, confidence=np.resize([0.95, 0.5], len(beats)))
    assert finding not in in_view(beats, 0.0, 8.2, confidence=np.resize([0.95, 0.2, 0.2], len(beats)))
    # and only that of beats in view
    outside = np.arange(-20.0, 0.0)
    unsure = np.r_[np.ones(20), np.full(len(beats), 0.68)]
    assert finding not in in_view(np.r_[outside, beats], 0.0, 8.2, confidence=unsure)


def test_every_rule_has_a_source_and_only_the_fast_run_is_off():
    assert all(one.source and one.limit > 0 for one in RULES.values())
    assert [name for name, one in RULES.items() if not one.live] == [FAST_RUN]


def irregular_beats(seconds=60, spread=0.25):
    steps = np.random.default_rng(2).uniform(0.8 - spread, 0.8 + spread, int(2 * seconds))
    beats = np.cumsum(steps)
    return beats[beats < seconds]


def test_irregularity_ignores_a_single_early_beat_and_a_missed_one():
    beats = np.arange(0, 30, 0.8)
    assert irregularity(beats, np.diff(beats, prepend=np.nan)) == pytest.approx(0)
    early = np.delete(beats, 12)
    early[20] -= 0.25
    assert irregularity(early, np.diff(early, prepend=np.nan)) < 0.01
    many = irregular_beats(30)
    assert irregularity(many, np.diff(many, prepend=np.nan)) > 0.12
    bigeminy = np.cumsum(np.tile([0.5, 1.0], 20))
    assert irregularity(bigeminy, np.diff(bigeminy, prepend=np.nan)) == pytest.approx(0)
    assert np.isnan(irregularity(beats[:10], np.diff(beats[:10], prepend=np.nan)))


def test_changes_cross_no_hole():
    beats = np.array([0.0, 1.0, 2.0, 9.0, 10.0, 11.2])
    intervals = np.array([np.nan, 1.0, 1.0, 1.0, 1.0, 1.2])  # the one before 9.0 was seen, its beat not announced
    assert linked_changes(beats, intervals) == pytest.approx([0.0, 0.0, 0.2])
    assert linked_changes(beats, intervals, 2) == pytest.approx([0.2])


def rhythm_segments(beats, stop_s, session="s"):
    for at in range(0, stop_s, 2):
        one = segment(at, beats, session=session)
        where = np.searchsorted(beats, one.beats_ns * 1e-9 + 1e-6) - 1
        one.rr_ms[:] = 1000 * np.diff(beats, prepend=np.nan)[where]
        yield one


def test_an_irregular_rhythm_raises_a_low_alert_after_half_a_minute_and_it_clears():
    beats = np.r_[irregular_beats(80), np.arange(80.5, 160, 0.8)]
    rules = PatientAlerts("p", Limits())
    changes = [one for each in rhythm_segments(beats, 160) for one in rules.take(each) if one.rule == "irregular"]
    assert [(one.state, one.priority, one.kind) for one in changes] == [
        ("raised", "low", "physiological"),
        ("cleared", "low", "physiological"),
    ]
    assert changes[0].at_ns < 40e9
    assert 80e9 < changes[1].at_ns < 130e9


def test_another_session_starts_anew():
    watch = IrregularWatch()
    values = [watch.take(one, one.start_ns + 2 * 10**9) for one in rhythm_segments(irregular_beats(), 60)]
    assert values[0] is None
    assert values[-1] is not None
    other = next(iter(rhythm_segments(irregular_beats(), 2, session="other")))
    assert watch.take(other, 2 * 10**9) is None


def heard(findings, answered=True, beats=()):
    hops = [
        Hop(2.0 * i, 2.0 * i + 2, 2.0 * i, 2.0 * i + 8, answered, frozenset(each)) for i, each in enumerate(findings)
    ]
    times = np.array(beats, float)
    return Heard(hops, times, np.diff(times, prepend=np.nan) if len(times) else times)


def test_a_tally_and_its_shares():
    cases = [(True, True, True)] * 3 + [(True, False, False)] + [(False, True, True)] + [(False, False, True)] * 5
    counted = tally(cases)
    assert counted == Tally(3, 1, 1, 5, 1)
    assert (counted.precision, counted.sensitivity) == (0.75, 0.75)
    assert counted.specificity == pytest.approx(5 / 6)
    low, high = counted.intervals()["precision"]
    assert low < 0.75 < high
    assert np.isnan(tally([]).precision)


def test_an_alarm_is_confirmed_by_any_hop_near_it():
    said = heard([(), (PAUSE,), ()])
    assert present_near(said, PAUSE, 2.0, 6.0) == (True, True)
    assert present_near(said, PAUSE, 4.0, 6.0) == (False, True)
    assert present_near(heard([()], answered=False), PAUSE, 0, 2) == (False, False)


def test_an_episode_without_one_on_the_ecg_is_false_and_hours_are_those_of_the_ecg():
    said = heard([(PAUSE,), (PAUSE,), (), (), (), (), (), (PAUSE,), ()])
    truth = heard([(), (PAUSE,), (), (), (), (), (), (), ()])
    assert hours_of(said, truth, PAUSE) == Hours(18 / 3600, 1.0, 2, 1, 1, 1, 1)
    assert hours_of(said, truth, PAUSE, stop_s=12) == Hours(12 / 3600, 1.0, 1, 0, 0, 1, 1)
    near = heard([(), (PAUSE,), (), (), (), (), (), (NEARLY + PAUSE,), ()])
    assert hours_of(said, near, PAUSE) == Hours(18 / 3600, 1.0, 2, 1, 0, 1, 1)
    unknown = heard([()] * 9, answered=False)
    assert hours_of(said, unknown, PAUSE).hours == 0


def test_half_minutes_are_labelled_only_when_clear():
    steady_then_not = np.r_[np.arange(0.2, 30, 0.8), 30 + irregular_beats(30), 60 + irregular_beats(30, 0.07)]
    one = heard([()], beats=steady_then_not)
    assert clear_label(one, [0, 30, 60, 100]).tolist() == [0, 1, -1, -1]
    values = irregular_spans(one, [0, 30, 60, 150])
    assert values[0] == pytest.approx(0)
    assert values[1] > 0.1
    assert 0.04 < values[2] < 0.08
    assert np.isnan(values[3])


def test_where_beats_are_few_the_last_minute_tells_whether_they_are_irregular():
    slow = np.cumsum(np.random.default_rng(5).uniform(1.4, 2.6, 40))  # 30 a minute
    intervals = np.diff(slow, prepend=np.nan)
    assert irregularity_until(slow, intervals, 60.0) > 0.1
    assert np.isnan(irregularity_until(slow, intervals, 10.0))  # four beats
    # thirty regular seconds are enough: what was before does not count
    beats = np.r_[irregular_beats(30), np.arange(30.5, 60, 0.8)]
    assert irregularity_until(beats, np.diff(beats, prepend=np.nan), 60.0) == pytest.approx(0)
    # abstained for most of them, and it does
    gone = (beats > 35) & (beats < 56)
    assert irregularity_until(beats[~gone], np.diff(beats, prepend=np.nan)[~gone], 60.0) > 0.1
    # nor does what comes after
    later = np.r_[np.arange(0.5, 30, 0.8), 30 + irregular_beats(30)]
    assert irregularity_until(later, np.diff(later, prepend=np.nan), 30.0) == pytest.approx(0)


def test_a_slow_irregular_rhythm_raises_its_alert_within_a_minute():
    beats = np.cumsum(np.random.default_rng(5).uniform(1.4, 2.6, 60))
    rules = PatientAlerts("p", Limits())
    changes = [one for each in rhythm_segments(beats, 100) for one in rules.take(each) if one.rule == "irregular"]
    assert [one.state for one in changes] == ["raised"]
    assert 38e9 <= changes[0].at_ns < 60e9  # half a minute of watching, and the onset


def test_few_beats_tell_nothing_before_half_a_minute_of_watching():
    watch = IrregularWatch()
    beats = np.cumsum(np.random.default_rng(5).uniform(1.4, 2.6, 80))
    late = (one for one in rhythm_segments(beats, 140) if one.start_ns >= 60 * 10**9)
    told = [one.start_ns for one in late if watch.take(one, one.start_ns + 2 * 10**9) is not None]
    assert told[0] == 88 * 10**9

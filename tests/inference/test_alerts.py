"""Alert rules in event time, the watchdog by the wall clock."""

from dataclasses import replace

import numpy as np
import pytest

from inference.alerts.condition import Condition
from inference.alerts.limits import Limits
from inference.alerts.process import Alerts, AlertSettings
from inference.alerts.rules import PatientAlerts
from inference.alerts.watchdog import Watchdog
from stream.messages import Abstention, DeviceStatus, EcgSegment

S = 1_000_000_000


def segment(start_s, beats_s, quality=1.0, reasons=(), abstained="", session="s", last=False, seconds=2):
    inside = np.array([one for one in beats_s if start_s <= one < start_s + seconds])
    gaps = (Abstention(start_s * S, (start_s + seconds) * S, abstained),) if abstained else ()
    return EcgSegment(
        patient="p", device="d", session=session, start_ns=start_s * S, fs_hz=128, heart_rate_bpm=None, confidence=0.9,
        findings=(), quality=quality, reasons=reasons, abstained=gaps, model_id="m", steps=2, source="estimated",
        shift_ns=0, last=last, stages_ns={}, leads_uv=np.zeros((seconds * 128, 12), np.int16),
        band_uv=np.zeros((seconds * 128, 2), np.int16), beats_ns=np.rint(inside * S).astype(np.int64),
        beat_confidence=np.ones(len(inside), np.float32), rr_ms=np.full(len(inside), np.nan, np.float32),
    )  # fmt: skip


def run(beats_s, stop_s, rules=None, **options):
    rules = rules or PatientAlerts("p", Limits())
    return [change for at in range(0, stop_s, 2) for change in rules.take(segment(at, beats_s, **options))]


def train(rate_bpm, start_s, stop_s):
    return np.arange(start_s, stop_s, 60 / rate_bpm)


def test_a_normal_rhythm_raises_nothing():
    assert run(train(75, 0, 60), 60) == []


@pytest.mark.parametrize(
    ("rate", "rule", "priority"),
    [
        (45, "bradycardia", "medium"),
        (35, "bradycardia", "high"),
        (130, "tachycardia", "medium"),
        (160, "tachycardia", "high"),
    ],
)
def test_a_rate_beyond_its_limit_raises_after_the_onset_delay(rate, rule, priority):
    beats = np.concatenate([train(75, 0, 20), train(rate, 20, 60)])
    changes = run(beats, 60)
    assert {(one.rule, one.state) for one in changes} == {(rule, "raised")}
    assert changes[-1].priority == priority
    assert changes[0].onset_ns >= 20 * S
    assert changes[0].at_ns - changes[0].onset_ns >= 6 * S


def test_a_worse_rate_raises_the_priority_of_the_same_alert():
    changes = run(np.concatenate([train(45, 0, 30), train(34, 30, 60)]), 60)
    assert [one.priority for one in changes] == ["medium", "high"]
    assert changes[0].id == changes[1].id


def test_a_rate_inside_the_hysteresis_keeps_the_alert_and_a_normal_one_clears_it():
    beats = np.concatenate([train(45, 0, 30), train(52.5, 30, 60), train(75, 60, 90)])
    changes = run(beats, 90)
    assert [(one.rule, one.state) for one in changes] == [("bradycardia", "raised"), ("bradycardia", "cleared")]
    assert changes[1].at_ns > 60 * S
    assert changes[0].id == changes[1].id


def test_limits_are_the_patients_own():
    own = PatientAlerts("p", Limits(heart_rate_low=40.0, heart_rate_low_extreme=30.0))
    assert run(train(45, 0, 60), 60, own) == []


def test_a_pause_is_called_on_a_live_sensor_only():
    beats = np.concatenate([train(75, 0, 20), train(75, 25, 40)])
    changes = run(beats, 40)
    assert (changes[0].rule, changes[0].state, changes[0].priority) == ("pause", "raised", "high")
    assert changes[0].value == pytest.approx(4.0, abs=2.1)
    dead = run(beats, 40, quality=0.0, reasons=("flat", "no pulse"))
    assert {one.rule for one in dead} == {"no_pulse"}


def test_a_dead_sensor_is_technical_at_once_and_high_when_it_lasts():
    changes = run([], 20, quality=0.0, reasons=("flat", "no pulse"), abstained="poor signal: flat")
    assert [(one.rule, one.kind, one.priority, one.at_ns // S) for one in changes] == [
        ("no_pulse", "technical", "medium", 2),
        ("no_pulse", "technical", "high", 10),
    ]
    assert changes[0].id == changes[1].id


def test_a_poor_signal_is_reported_after_ten_seconds():
    changes = run(train(75, 0, 30), 30, quality=0.1, reasons=("pulses differ",))
    assert [(one.rule, one.at_ns // S) for one in changes] == [("poor_signal", 10)]


@pytest.mark.parametrize(
    ("why", "reasons", "evidence"),
    [
        ("moving: the pulse cannot be told from the movement", ("moving",), "moving"),
        ("no acceleration came: the pulse cannot be told from movement", ("no acceleration",), "no acceleration"),
        ("beats unsure", (), "confidence 0.90"),
        ("poor signal: noise", (), "confidence 0.90"),
    ],
)
def test_what_was_not_read_is_no_pause_but_a_poor_signal_that_says_why(why, reasons, evidence):
    rules, beats = PatientAlerts("p", Limits()), np.concatenate([train(75, 0, 20), train(75, 50, 80)])
    changes = run(beats, 20, rules)
    for at in range(20, 50, 2):
        changes += rules.take(segment(at, [], reasons=reasons, abstained=why))
    for at in range(50, 80, 2):
        changes += rules.take(segment(at, beats))
    assert [(one.rule, one.state, one.evidence) for one in changes] == [
        ("poor_signal", "raised", evidence),
        ("poor_signal", "cleared", evidence),
    ]


def test_a_repeated_segment_changes_nothing_and_a_gap_is_no_pause():
    rules, beats = PatientAlerts("p", Limits()), train(75, 0, 60)
    run(beats, 20, rules)
    assert rules.take(segment(10, beats)) == []
    assert rules.take(segment(40, beats)) == []
    assert rules.take(segment(0, train(75, 0, 2), session="next")) == []


def test_a_restored_alert_is_not_raised_again_and_can_clear():
    raised = run(train(45, 0, 30), 30)
    rules = PatientAlerts("p", Limits())
    rules.restore(raised[0])
    changes = [one for at in range(30, 60, 2) for one in rules.take(segment(at, train(75, 30, 60)))]
    assert [(one.id, one.state) for one in changes] == [(raised[0].id, "cleared")]


def test_the_end_of_monitoring_clears_what_stands():
    rules = PatientAlerts("p", Limits())
    run(train(45, 0, 30), 30, rules)
    assert [(one.rule, one.state) for one in rules.end(30 * S)] == [("bradycardia", "cleared")]
    assert rules.standing == {}


def test_condition_waits_for_its_onset_and_is_reset_by_an_absence():
    one = Condition(onset_s=4, clear_s=2)
    assert [one.update(True, 0, 2 * S), one.update(False, 2 * S, 4 * S), one.update(True, 4 * S, 6 * S)] == [None] * 3
    assert one.update(True, 6 * S, 8 * S) == "raised"
    assert one.raised_ns == 4 * S
    assert one.update(None, 8 * S, 20 * S) is None
    assert one.update(False, 20 * S, 22 * S) == "cleared"


def status(at_s, sample_s, ended=False, drops=0):
    sample_ns = None if sample_s is None else sample_s * S
    return DeviceStatus("d", "p", "s", at_s * S, sample_ns, "streaming", None, None, 125.0, 0, drops, ended)


def test_a_silent_device_is_lost_within_five_seconds_and_found_again():
    dog = Watchdog()
    assert dog.take(status(0, 0), 0) == []
    assert dog.tick(int(3.75 * S)) == []
    lost = dog.tick(4 * S)
    assert [(one.rule, one.kind, one.priority, one.state) for one in lost] == [
        ("signal_lost", "technical", "high", "raised")
    ]
    assert dog.tick(9 * S) == []
    found = dog.take(status(10, 9), 10 * S)
    assert [(one.id, one.state) for one in found] == [(lost[0].id, "cleared")]


def test_a_device_that_talks_but_sends_no_samples_is_lost_too():
    dog, changes = Watchdog(), []
    for second in range(8):
        changes += dog.take(status(second, 0), second * S) + dog.tick(second * S)
    assert [one.state for one in changes] == ["raised"]


def test_a_device_that_has_not_begun_yet_is_given_time_to_be_found_and_started():
    dog, changes = Watchdog(), []
    for second in range(25):
        changes += [(second, one.state) for one in dog.take(status(second, None), second * S) + dog.tick(second * S)]
    assert changes == [(20, "raised")]
    silent = Watchdog()
    silent.take(status(0, None), 0)
    assert [one.state for one in silent.tick(4 * S)] == ["raised"]  # the collector itself is gone


def test_samples_lost_by_the_sender_are_an_alert_until_a_minute_without():
    dog = Watchdog()
    assert dog.take(status(0, 0, drops=3), 0) == []  # of before
    raised = dog.take(status(1, 1, drops=5), S)
    assert [(one.rule, one.kind, one.state, one.value) for one in raised] == [
        ("samples_dropped", "technical", "raised", 5.0)
    ]
    assert dog.take(status(30, 30, drops=9), 30 * S) == []
    again = Watchdog()
    again.restore(raised[0])
    for one, cleared_s in ((dog, 90), (again, 61)):
        changes = []
        for second in range(31, 100):
            changes += [(second, c) for c in one.take(status(second, second, drops=9), second * S)]
            changes += [(second, c) for c in one.tick(second * S)]
        assert [(second, c.id, c.state) for second, c in changes] == [(cleared_s, raised[0].id, "cleared")]


def test_a_monitoring_that_ended_on_purpose_is_no_loss():
    dog = Watchdog()
    dog.take(status(0, 0), 0)
    dog.take(status(1, 1, ended=True), S)
    assert dog.tick(60 * S) == []


def test_what_stood_before_a_restart_is_taken_up():
    now = [100 * S]
    first = Alerts(AlertSettings(), lambda: now[0])
    first.take(status(0, 0))
    now[0] += 5 * S
    lost = first.tick()
    again = Alerts(AlertSettings(), lambda: now[0])
    again.restore({"k": lost[0]})
    now[0] += 60 * S
    assert again.tick() == []
    assert [one.state for one in again.take(replace(status(1, 1), at_ns=now[0]))] == ["cleared"]

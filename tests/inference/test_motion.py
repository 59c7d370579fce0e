"""A pulse and a swinging arm are told apart where that can be, and only a wearer who moves is judged at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.abstain import MOVED, NOT_WATCHED, abstentions
from inference.beat_head import Beats
from inference.datasets.windows import blank_chunk, windows_from
from inference.evaluation.swings import arm, light_of
from inference.motion import is_watched, movement_mg, share_of_movement
from inference.settings import EngineSettings
from stream.messages import UNKNOWN_MG

FS, SECONDS = 64.0, 16
TIMES = np.arange(round(FS * SECONDS)) / FS


def beats_at(rate_hz):
    """Beats of a steady rate, of the window that starts at 2 s and is told no delay."""
    return Beats(np.arange(0.1, 10, 1 / rate_hz) * 128, np.ones(len(np.arange(0.1, 10, 1 / rate_hz)), np.float32))


def wave(rate_hz):
    return np.exp(4 * np.cos(2 * np.pi * rate_hz * TIMES)) / 20


def swing(cadence_hz, g=0.3):
    """(3, n) g."""
    phase = 2 * np.pi * cadence_hz * TIMES
    return g * np.stack([np.sin(phase), np.cos(phase) + 0.5 * np.sin(2 * phase), 1 / g + 0.3 * np.cos(2 * phase)])


def window(light, axes=None):
    one = windows_from(replace(blank_chunk("x", FS, 1e-4), pulse_delay_s=0.0), light, axes)[1]
    assert one.start_ns == 2_000_000_000
    return one


@pytest.mark.parametrize("rate_hz", [0.9, 1.1, 1.7, 2.4])
def test_a_pulse_at_a_rate_of_its_own_is_not_explained_by_the_arm(rate_hz):
    axes = swing(1.35)
    light = wave(rate_hz) + 1.0 * axes[0] - 0.8 * np.roll(axes[1], 5)
    assert share_of_movement(window(light, axes), beats_at(rate_hz)) < 0.2


@pytest.mark.parametrize("times", [0.5, 1, 2])
def test_beats_that_keep_time_with_the_arm_are_explained_by_it(times):
    axes = swing(1.35)
    light = 0.3 * wave(0.9) + 2 * axes[0] - 2 * np.roll(axes[1], 5) + axes[2]
    assert share_of_movement(window(light, axes), beats_at(1.35 * times)) > 0.9


def test_light_may_answer_late_to_a_single_axis():
    axes = np.stack([0.3 * np.sin(2 * np.pi * 1.35 * TIMES), 0 * TIMES, 1 + 0 * TIMES])
    light = np.roll(axes[0], 12)
    assert share_of_movement(window(light, axes), beats_at(1.35)) > 0.9


def test_a_pulse_at_the_arms_own_rate_cannot_be_told_from_it():
    assert share_of_movement(window(wave(1.35), swing(1.35)), beats_at(1.35)) > 0.8


def test_a_still_wearer_is_never_judged():
    rng = np.random.default_rng(0)
    for axes in (swing(1.35, g=0.015), 0.01 * rng.normal(size=(3, len(TIMES))), np.ones((3, len(TIMES)))):
        one = window(wave(1.35), axes)
        assert movement_mg(one) < 30
        assert share_of_movement(one, beats_at(1.35)) == 0.0
    bare = window(wave(1.35))
    assert (movement_mg(bare), share_of_movement(bare, beats_at(1.35))) == (0.0, 0.0)


def test_movement_is_measured_in_mg_of_all_axes():
    one = window(wave(1.2), np.stack([0.2 * np.sqrt(2) * np.sin(2 * np.pi * 2 * TIMES), 0 * TIMES, 1 + 0 * TIMES]))
    assert movement_mg(one) == pytest.approx(200, rel=0.02)


def test_too_little_of_both_says_nothing_and_a_late_end_costs_little():
    axes = swing(1.35)
    one = window(2 * axes[0], axes)
    late = one.motion_mg.copy()
    late[-50:] = UNKNOWN_MG
    assert share_of_movement(replace(one, motion_mg=late), beats_at(1.35)) > 0.9
    late[:140] = UNKNOWN_MG
    assert share_of_movement(replace(one, motion_mg=late), beats_at(1.35)) == 0.0
    assert share_of_movement(replace(one, valid=np.zeros_like(one.valid)), beats_at(1.35)) == 0.0


def test_with_hardly_any_beats_all_the_light_is_asked_after():
    axes = swing(1.35)
    assert share_of_movement(window(2 * axes[0], axes), Beats(np.array([700.0]), np.ones(1, np.float32))) > 0.9
    assert share_of_movement(window(wave(0.9), axes), Beats(np.zeros(0), np.zeros(0, np.float32))) < 0.3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), places=st.lists(st.floats(0, 1279), max_size=30))
def test_a_share_is_a_share_for_any_beats_and_any_arm(seed, places):
    rng = np.random.default_rng(seed)
    axes = arm(rng, SECONDS, FS)
    one = window(light_of(rng, axes, FS), axes)
    beats = Beats(np.unique(np.array(places)), np.ones(len(set(places)), np.float32))
    share = share_of_movement(one, beats)
    assert 0.0 <= share <= 1.0
    assert share == share_of_movement(one, beats)


def test_who_moves_has_to_be_surer():
    still, moving = swing(1.35) * 0.01, swing(1.35)
    for axes, least in ((still, 0.65), (moving, 0.8)):
        one = replace(window(wave(0.9), axes), quality=1.0)
        failed = np.zeros(one.owned_stop - one.owned_start, bool)
        for confidence, said in ((least + 0.02, []), (least - 0.02, ["beats unsure"])):
            found = beats_at(0.9)
            beats = replace(found, confidence=np.full(len(found.index), confidence, np.float32))
            silent = abstentions(one, one.ppg, one.valid, beats, failed, EngineSettings(min_confidence=0.65))
            assert [each.reason for each in silent] == said
        # never less sure than who is still
        sure = replace(found, confidence=np.full(len(found.index), 0.85, np.float32))
        silent = abstentions(one, one.ppg, one.valid, sure, failed, EngineSettings(min_confidence=0.9))
        assert [each.reason for each in silent] == ["beats unsure"]


def test_the_limit_decides_and_only_what_was_answered_is_asked():
    axes = swing(1.35)
    one = replace(window(2 * axes[0], axes), quality=1.0)

    def reasons(limit, confidence=1.0):
        beats = replace(beats_at(1.35), confidence=np.full(len(beats_at(1.35).index), confidence, np.float32))
        failed = np.zeros(one.owned_stop - one.owned_start, bool)
        limits = EngineSettings(min_confidence=0.65, max_movement=limit)
        silent = abstentions(one, one.ppg, one.valid, beats, failed, limits)
        return [each.reason for each in silent]

    assert reasons(0.5) == [MOVED]
    assert reasons(1.0) == []
    assert reasons(0.5, confidence=0.1) == ["beats unsure"]


def test_acceleration_has_to_be_beside_most_of_the_light():
    one = window(wave(0.9), swing(1.35) * 0.01)
    some = one.motion_mg.copy()
    some[: len(some) * 5 // 10] = UNKNOWN_MG
    none = np.full_like(some, UNKNOWN_MG)
    assert is_watched(one)
    assert is_watched(window(wave(0.9)))  # no accelerometer
    assert not is_watched(replace(one, motion_mg=some))
    assert not is_watched(replace(one, motion_mg=none))
    late = np.arange(len(one.valid)) >= 0.5 * len(one.valid)  # of half a window's light all has it
    assert is_watched(replace(one, motion_mg=some, valid=(one.valid * late).astype(np.uint8)))
    early = (np.arange(len(one.valid)) < 0.5 * len(one.valid)).astype(np.uint8)
    assert not is_watched(replace(one, motion_mg=some, valid=early))  # what is known lies beside no light
    failed, beats = np.zeros(one.owned_stop - one.owned_start, bool), beats_at(0.9)
    for motion, said in ((one.motion_mg, []), (some, [NOT_WATCHED])):
        seen = replace(one, motion_mg=motion, quality=1.0)
        silent = abstentions(seen, seen.ppg, seen.valid, beats, failed, EngineSettings(min_confidence=0.65))
        assert [each.reason for each in silent] == said

"""A swing added to a real pulse: what is made, and how rates are counted against the ECG's."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference.evaluation.swings import arm, judge_swings, light_of
from inference.motion import movement_mg
from inference.settings import EngineSettings
from inference.worker import skipped
from stream.messages import UNKNOWN_MG
from tests.inference.recordings import write_monitor

BEATS = np.arange(0.5, 120, 0.8)


@dataclass
class Confident:
    """75 a minute for ever; at a limit below 1 it says nothing of a wearer who moves."""

    networks: Any
    settings: EngineSettings

    def infer(self, segments):
        out = [skipped(one, "m") for one in segments]
        silent = [self.settings.max_movement < 1 and movement_mg(one) > 30 for one in segments]
        return [
            replace(one, heart_rate_bpm=None if quiet else 75.0, abstained=one.abstained if quiet else ())
            for one, quiet in zip(out, silent, strict=True)
        ]


def case(folder, usable=12, lag_f1=0.9):
    path = write_monitor(folder, "r", BEATS, 0.3)
    record = SimpleNamespace(usable=np.arange(12) < usable, beats_s=BEATS, lag_f1=lag_f1)
    return SimpleNamespace(entry=SimpleNamespace(path=path, ppg="PLETH", name="r"), record=record)


def found(cases):
    engine: Any = Confident(None, EngineSettings())
    return {(one.level, one.limit): one for one in judge_swings(engine, cases, limits=(1.0, 0.5))}


def test_a_rate_is_right_or_wrong_against_the_ecg_and_none_is_right_without_a_pulse(tmp_path):
    cases: Any = [case(tmp_path)]
    seen = found(cases)
    for level, limit in seen:
        one = seen[level, limit]
        assert one.windows >= 15
        if limit == 1.0:
            assert one.answered == one.windows
            assert one.wrong == (one.windows if level == "swing, no pulse" else pytest.approx(1, abs=3))
        else:
            assert one.answered == (one.windows if level == "arm at rest" else 0)


def test_what_has_no_usable_stretch_is_left_out(tmp_path):
    cases: Any = [case(tmp_path, usable=3), case(tmp_path, lag_f1=0.7)]
    assert {one.windows for one in found(cases).values()} == {0}


def test_an_arm_is_seeded_has_gravity_and_moves_the_light():
    axes = arm(np.random.default_rng(3))
    np.testing.assert_array_equal(axes, arm(np.random.default_rng(3)))
    assert np.linalg.norm(axes.mean(1)) == pytest.approx(1.0, abs=0.05)
    assert 0.05 < np.sqrt(axes.var(1).sum()) < 1.2
    light = light_of(np.random.default_rng(4), axes)
    assert light.shape == (5000,)
    assert np.isfinite(light).all()
    assert (axes * 1000 > UNKNOWN_MG).all()

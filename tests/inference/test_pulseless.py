"""Light without a pulse: what is made, and how beats in it are counted."""

from dataclasses import replace

import numpy as np
import pytest

from inference.datasets.treadmill import Treadmill
from inference.evaluation.intervals import bootstrap, wilson
from inference.evaluation.plain import known
from inference.evaluation.pulseless import FS_HZ, KINDS, SECONDS, from_motion, from_worn_motion, try_pulseless
from inference.worker import skipped


class Inventive:
    """Finds a beat in every window whose patient's number is even."""

    def __init__(self):
        self.asked = []

    def infer(self, segments):
        self.asked += [one.patient for one in segments]
        return [replace(skipped(one, "m"), beats_ns=np.zeros(is_even(one.patient), np.int64)) for one in segments]


def is_even(name):
    return int(int(name.split()[-1]) % 2 == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_seeded_finite_and_has_no_heart(kind):
    make = KINDS[kind]
    first, again = make(np.random.default_rng(3)), make(np.random.default_rng(3))
    np.testing.assert_array_equal(first, again)
    assert first.shape == ((4,) if "accelerometer" in kind else ()) + (SECONDS * FS_HZ,)
    assert np.isfinite(first).all()
    assert kind == "flat" or not np.array_equal(first, make(np.random.default_rng(4)))


def test_the_gate_keeps_flat_light_from_the_network():
    engine = Inventive()
    seen = try_pulseless(engine, 0.5, "flat", KINDS["flat"], 5)
    assert (seen.trials, seen.with_beats, seen.beats, seen.judged) == (5, 0, 0, 0)
    assert seen.windows >= 5
    assert engine.asked == []


def test_beats_are_counted_by_trial():
    engine = Inventive()
    seen = try_pulseless(engine, 0.0, "steady motion", KINDS["steady motion"], 5)
    assert seen.judged == seen.windows == len(engine.asked)
    assert seen.with_beats == 3
    assert seen.beats == sum(is_even(name) for name in engine.asked)


def test_real_motion_is_cut_from_after_the_rest():
    ramp = np.arange(60 * 125) / 125 * np.ones((3, 1))
    make = from_motion([Treadmill("01", "01", ramp[:2], ramp[0], ramp, np.zeros(1))])
    cuts = [make(np.random.default_rng(seed)) / 1000 for seed in range(20)]
    assert {len(cut) for cut in cuts} == {SECONDS * 125}
    assert 30 <= min(cut[0] for cut in cuts) < 40


def test_worn_motion_is_light_of_all_axes_beside_them():
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(3, 60 * 125))
    one = Treadmill("01", "01", axes[:2], axes[0], axes, np.zeros(1))
    light, *beside = from_worn_motion([one])(np.random.default_rng(1))
    starts = [at for at in range(30 * 125, 46 * 125) if axes[0, at] == beside[0][0]]
    assert len(starts) == 1
    np.testing.assert_array_equal(beside, axes[:, starts[0] : starts[0] + SECONDS * 125])
    assert light.std() > 100


def test_the_accelerometer_of_a_trial_reaches_its_windows():
    class Listening(Inventive):
        def infer(self, segments):
            assert {one.motion_mg.shape for one in segments} == {(320, 3)}
            return super().infer(segments)

    kind = "steady motion, accelerometer"
    assert try_pulseless(Listening(), 0.0, kind, KINDS[kind], 3).windows >= 3


def test_shares_have_wilsons_interval():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20)[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(wilson(0, 0)).all()


def test_means_are_resampled_by_person():
    values = np.array([[1.0, np.nan], [1.0, 2.0], [5.0, 4.0]])
    means, limits, counts = bootstrap(values, ["a", "a", "b"])
    assert means == pytest.approx([7 / 3, 3.0])
    assert counts.tolist() == [3, 2]
    assert limits[0].tolist() == [1.0, 5.0]


def test_what_is_not_known_is_null():
    assert known({"a": [float("nan"), 1.234567], "b": ("x", None)}) == {"a": [None, 1.23457], "b": ["x", None]}

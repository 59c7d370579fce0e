"""The worker's decisions, without a broker."""

from dataclasses import replace

import numpy as np
import pytest

from inference.engine import Engine
from inference.settings import EngineSettings, WorkerSettings
from inference.worker import _infer, problem_of, skipped, stale
from stream.messages import ABSTAINED_UV, Demographics, PpgSegment
from tests.inference.personal_cases import calibration

GOOD = PpgSegment(
    "p", "d", "s", 2_000_000_000, 128, 640, 896, 256, 384, 72, 1.0, (), Demographics(), 0, 50_000_000_000, False,
    np.zeros(1280, "f4"), np.ones(1280, "u1"), np.ones(11, "f4"), np.zeros((6, 16), "f4"),
)  # fmt: skip


def test_a_good_segment_has_no_problem():
    assert problem_of(GOOD) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ppg": np.zeros(100, "f4")}, "100 samples"),
        ({"fs_hz": 100}, "100 Hz"),
        ({"scale": np.ones(3, "f4")}, "another size"),
        ({"shape": np.zeros((5, 16), "f4")}, "another size"),
        ({"ppg": np.full(1280, np.nan, "f4")}, "not finite"),
        ({"quality": float("inf")}, "not finite"),
        ({"owned_stop": 1281}, "not inside"),
        ({"owned_start": 900}, "not inside"),
        ({"delay_samples": 200}, "delay"),
        ({"start_ns": 3}, "start"),
    ],
)
def test_what_can_never_be_inferred_is_named(change, says):
    assert says in (problem_of(replace(GOOD, **change)) or "")


def test_only_a_live_use_skips_and_never_the_last():
    late_ns = GOOD.closed_ns + 7_000_000_000
    freshest = WorkerSettings(backlog="freshest")
    assert stale(GOOD, late_ns, freshest)
    assert not stale(GOOD, late_ns, WorkerSettings())
    assert not stale(GOOD, GOOD.closed_ns + 1_000_000_000, freshest)
    assert not stale(replace(GOOD, last=True), late_ns, freshest)


def test_a_skipped_window_says_so_in_the_data():
    one = skipped(GOOD, "m")
    assert one.start_ns == GOOD.start_ns + 640 * 7_812_500
    assert (one.leads_uv == ABSTAINED_UV).all()
    assert one.leads_uv.shape == (256, 12)
    assert [gap.reason for gap in one.abstained] == ["skipped: the worker was behind"]
    assert one.abstained[0].stop_ns - one.abstained[0].start_ns == 2_000_000_000
    assert not len(one.beats_ns)


def test_a_window_of_a_calibrated_patient_bears_the_calibration_even_when_skipped():
    one = calibration({"II": 1.0})
    engine = Engine.load(EngineSettings(batch=2)).calibrated({"p": one})
    late = replace(GOOD, closed_ns=0)
    now = replace(GOOD, closed_ns=2**62)
    results = _infer(engine, [late, now, replace(now, patient="q")], WorkerSettings(backlog="freshest"))
    assert [each.steps for each in results] == [0, 2, 2]
    assert [each.model_id.partition("+")[2] for each in results] == [f"cal:{one.sha256[:8]}"] * 2 + [""]

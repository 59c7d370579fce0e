"""Acceleration goes with the PPG beside which it was taken: each sample once, in order, none from the future."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.beside import Beside
from ingest.recordings.recording import RecordedMotion, Recording
from ingest.session import ppg_chunks, session_id
from stream.messages import PpgChunk
from stream.windows import check

START = 1_700_000_000_000_000_000
STEP_NS = 20_000_000


def chunk(t0_ns, n, fs_hz=50.0):
    return PpgChunk(
        "d", "p", "s", 0, t0_ns, fs_hz, ("x",), 0, "NU", 1.0, 0.0, 1, None, None, None, None, 0, 0, False,
        np.zeros((n, 1), np.int32),
    )  # fmt: skip


def rows(first, n):
    return np.arange(first, first + n)[:, None] * np.ones((1, 3), int)


@settings(max_examples=80, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=30),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    behind=st.integers(0, 60),
)
def test_each_sample_goes_once_in_order_and_not_before_its_time(pieces, sizes, behind):
    """pieces: (samples, samples missing before them), on the PPG's own times; they come `behind` samples late."""
    runs, number = [], 0
    for n, hole in pieces:
        runs.append((number + hole, n))
        number += hole + n
    beside, at, found, waiting = Beside(), 0, [], list(runs)
    for size in [*sizes, *[40] * (number // 40 + 3)]:
        at += size
        while waiting and sum(waiting[0]) + behind <= at:
            first, n = waiting.pop(0)
            beside.push(START + first * STEP_NS, 50.0, "mg", rows(first, n))
        one = beside.on(chunk(START + (at - size) * STEP_NS, size))
        check(one)
        if len(one.motion_mg):
            first = int(one.motion_mg[0, 0])
            assert one.motion_t0_ns == START + first * STEP_NS
            np.testing.assert_array_equal(one.motion_mg, rows(first, len(one.motion_mg)))
            assert one.motion_mg[-1, 0] < at
            found += one.motion_mg[:, 0].tolist()
    given = [first + k for first, n in runs for k in range(n)]
    assert found == sorted(set(found) & set(given))
    if not any(hole for _, hole in pieces[1:]):
        assert found == given


def test_a_run_goes_whole_and_what_lies_behind_a_gap_goes_with_the_next():
    beside = Beside()
    beside.push(START, 50.0, "mg", rows(0, 10))
    beside.push(START + 10 * STEP_NS, 50.0, "mg", rows(10, 10))
    beside.push(START + 30 * STEP_NS, 50.0, "mg", rows(30, 10))
    first, second, third = (beside.on(chunk(START + k * STEP_NS, 20)) for k in (16, 36, 56))
    assert first.motion_mg[:, 0].tolist() == list(range(20))
    assert second.motion_mg[:, 0].tolist() == list(range(30, 40))
    assert (third.motion_t0_ns, len(third.motion_mg)) == (None, 0)


def test_units_become_mg_and_what_no_window_takes_is_left_out():
    for unit, fs_hz, values in (("m/s2", 50.0, rows(0, 5)), ("mg", 5.0, rows(0, 5)), ("mg", 50.0, rows(0, 5)[:, :2])):
        beside = Beside()
        beside.push(START, fs_hz, unit, values)
        assert not len(beside.on(chunk(START, 50)).motion_mg)
    beside = Beside()
    beside.push(START, 50.0, "g", np.array([[1.0, -0.5, 60.0]]))
    assert beside.on(chunk(START, 50)).motion_mg.tolist() == [[1000, -500, 32767]]


def test_what_is_older_than_any_window_is_left_out():
    beside = Beside()
    beside.push(START, 50.0, "mg", rows(0, 10))
    assert not len(beside.on(chunk(START + 12_000_000_000, 20)).motion_mg)


def test_without_light_it_does_not_pile_up():
    beside = Beside()
    for first in range(0, 5000, 10):
        beside.push(START + first * STEP_NS, 50.0, "mg", rows(first, 10))
    assert len(beside._waiting) <= 52


def test_a_recordings_acceleration_is_in_its_chunks():
    times = np.rint(np.arange(1000) * 1e9 / 64).astype(np.int64)
    plain = Recording("r", "x", 0, False, 64.0, times, np.arange(1000, dtype=np.int32), 1.0, 0.0, "NU", int(times[-1]))
    at = np.rint(np.arange(-50, 600) * 1e9 / 50).astype(np.int64)  # it began a second earlier
    known = np.r_[0:300, 400:650]
    made = dataclasses.replace(plain, motion=RecordedMotion(50.0, at[known], rows(-50, 650)[known].astype(float)))
    sent = list(ppg_chunks(made, "p", "d", 4_000_000_000))
    values = np.concatenate([one.motion_mg for one in sent])[:, 0]
    assert values.tolist() == [*range(250), *range(350, 600)]
    assert {one.motion_fs_hz for one in sent} == {50.0, None}
    assert [one.motion_fs_hz for one in sent].index(None) == len(sent) - 1  # the end marker alone
    assert not all(len(one.motion_mg) for one in sent[:-1])
    for one in sent:
        check(one)
        if len(one.motion_mg):
            assert one.motion_t0_ns == pytest.approx(4_000_000_000 + int(one.motion_mg[0, 0]) * 20_000_000, abs=2)
    assert session_id(made) != session_id(plain)
    for one, other in zip(ppg_chunks(plain, "p", "d"), ppg_chunks(made, "p", "d"), strict=True):
        assert one.t0_ns == other.t0_ns
        np.testing.assert_array_equal(one.samples, other.samples)


def test_a_chunk_tells_of_an_accelerometer_from_which_nothing_came():
    beside = Beside()
    assert beside.on(chunk(START, 50)).motion_fs_hz is None
    for rate_hz, told in ((52.0, 52.0), (10.0, None), (2000.0, None), (None, None), (25.0, 25.0)):
        beside.expect(rate_hz)
        one = beside.on(chunk(START, 50))
        check(one)
        assert (one.motion_fs_hz, one.motion_t0_ns, len(one.motion_mg)) == (told, None, 0)
    assert beside.on(chunk(START, 0)).motion_fs_hz is None  # an end marker tells nothing

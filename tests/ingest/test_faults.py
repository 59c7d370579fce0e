"""Injected faults: seeded, counted, and what the windows make of them is what was put in."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import BadFaults
from ingest.faults import Faults, Injected, inject, parse_faults
from stream.messages import GRID_STEP_NS, PpgChunk
from stream.windows import DeviceWindows

FS_HZ, N = 125.0, 31
STEP_NS = 8_000_000


def chunks(count):
    for seq in range(count + 1):
        values = np.rint(1000 * np.sin(np.arange(seq * N, seq * N + N) / 20)).astype(np.int32).reshape(-1, 1)
        end = seq == count
        yield PpgChunk(
            "d", "p", "s", seq, seq * N * STEP_NS, FS_HZ, ("x",), 0, "NU", 1.0, 0.0, 1, None, None, None, None, 0, 0,
            end, values[:0] if end else values,
        )  # fmt: skip


def test_without_faults_nothing_changes():
    sent = list(inject(chunks(20), Faults()))
    assert [one.seq for one in sent] == list(range(21))
    np.testing.assert_array_equal(sent[3].samples, list(chunks(20))[3].samples)


def test_the_same_seed_does_the_same_and_another_another():
    faults = Faults(seed=1, drop=0.1, duplicate=0.1, reorder=0.1, late=0.05, gap=0.02)
    one = [each.seq for each in inject(chunks(200), faults)]
    assert one == [each.seq for each in inject(chunks(200), faults)]
    assert one != [each.seq for each in inject(chunks(200), dataclasses.replace(faults, seed=2))]


def test_what_is_said_to_be_done_was_done():
    done = Injected()
    faults = Faults(seed=3, drop=0.1, duplicate=0.1, reorder=0.1, late=0.05)
    sent = [one.seq for one in inject(chunks(300), faults, done)]
    assert done.dropped
    assert done.late
    assert set(range(301)) - set(sent) == done.dropped
    assert {seq for seq in sent if sent.count(seq) == 2} == done.repeated
    assert sent[-1] == 300


def test_drift_stretches_time_and_noise_moves_values():
    fast = list(inject(chunks(100), Faults(drift_ppm=100)))
    assert fast[80].t0_ns - 80 * N * STEP_NS == pytest.approx(80 * N * STEP_NS * 1e-4, abs=1)
    assert fast[80].fs_hz == pytest.approx(FS_HZ / 1.0001)
    beside = [dataclasses.replace(one, motion_t0_ns=one.t0_ns, motion_fs_hz=50.0) for one in chunks(100)]
    moved_too = list(inject(beside, Faults(drift_ppm=100)))
    assert (moved_too[80].motion_t0_ns, moved_too[80].motion_fs_hz) == (fast[80].t0_ns, pytest.approx(50 / 1.0001))
    loud = list(inject(chunks(100), Faults(noise=0.5)))
    moved = np.concatenate([a.samples - b.samples for a, b in zip(loud, chunks(100), strict=True)])
    usual = np.sqrt(np.mean([one.samples.var() for one in list(chunks(100))[:-1]]))
    assert moved.std() == pytest.approx(0.5 * usual, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_windows_show_gaps_as_gaps_drop_repeats_and_invent_nothing(seed):
    done = Injected()
    faults = Faults(seed, drop=0.02, duplicate=0.05, reorder=0.05, late=0.02, gap=0.01, gap_s=3.0)
    device = DeviceWindows(clock=lambda: 0)
    late, segments = set(), []
    for chunk in inject(chunks(240), faults, done):
        emitted = device.push(chunk)
        segments += emitted.segments
        if emitted.late:
            late.add(chunk.seq)
    segments += device.flush()
    assert late <= done.late  # one that came when its place was still open is simply in time
    assert device.counts.duplicate >= len(done.repeated)
    grid = [one.start_ns // GRID_STEP_NS + at for one in segments for at in range(one.owned_start, one.owned_stop)]
    assert len(grid) == len(set(grid))
    measured = [
        (one.start_ns + at * GRID_STEP_NS) / STEP_NS
        for one in segments
        for at in range(one.owned_start, one.owned_stop)
        if one.valid[at]
    ]
    lost = done.dropped | late
    inside = [at for at in measured if int(at // N) in lost and 1.0 < at % N < N - 1.0]
    assert not inside
    kept = set(range(240)) - lost
    seen = {int(at // N) for at in measured}
    assert kept - seen == set() or all(seq - 1 in lost or seq + 1 in lost for seq in kept - seen)


@pytest.mark.parametrize(
    ("text", "said"), [("drops=0.1", "unknown fault drops"), ("drop=x", "no number"), ("drop=2", "probability")]
)
def test_what_cannot_be_meant_is_one_line(text, said):
    with pytest.raises(BadFaults, match=said):
        parse_faults(text)
    assert parse_faults("drop=0.25, seed=7") == Faults(seed=7, drop=0.25)

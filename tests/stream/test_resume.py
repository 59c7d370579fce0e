"""A crash at any place of the log: nothing is missing, and what is sent again is the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import RejectedChunk
from stream.messages import PpgChunk
from stream.resume import DeviceLog
from stream.windows import DeviceWindows

FS, SIZE = 64.0, 32
BEHIND_NS = 1_300_000_000  # the acceleration's way is longer


def chunk(device, seq, t0_ns, session="s", end=False, seed=0):
    rng = np.random.default_rng((seed, seq))
    values = rng.integers(0, 1000, (0 if end else SIZE, 1)).astype(np.int32)
    mg = rng.integers(-900, 900, (0 if end else SIZE, 3)).astype(np.int16)
    return PpgChunk(
        device, "p", session, seq, t0_ns, FS, ("ppg",), 0, "NU", 1.0, 0.0, 1, None, None, None, None, 0, 0, end, values,
        None, None if end else t0_ns - BEHIND_NS, None if end else FS, mg,
    )  # fmt: skip


def recording(device, seconds, gaps_at, start_s=3, end=True):
    """Chunks of half a second; before those in gaps_at time jumps by 3 s."""
    out, t0 = [], start_s * 1_000_000_000
    for seq in range(int(seconds * FS / SIZE)):
        t0 += 3_000_000_000 if seq in gaps_at else 0
        out.append(chunk(device, seq, t0))
        t0 += round(SIZE / FS * 1e9)
    return [*out, chunk(device, len(out), t0, end=True)] if end else out


def key(segment):
    return segment.device, segment.start_ns, segment.owned_start


def content(segment):
    arrays = (segment.ppg, segment.valid, segment.scale, segment.motion_mg)
    return *(one.tobytes() for one in arrays), segment.owned_stop, segment.last


def consume(log, crashes):
    """Run the log with a crash after each given number of messages; returns everything that was sent."""
    sent, committed, devices, acked, position, done = [], 0, {}, set(), 0, 0
    crashes = list(crashes)
    while position < len(log):
        one = log[position]
        step = devices.setdefault(one.device, DeviceLog(lambda: 0)).push(one, position)
        sent += step.segments
        acked |= set(step.free)
        position, done = position + 1, done + 1
        while committed in acked:
            committed += 1
        if crashes and done >= crashes[0]:
            crashes.pop(0)
            devices, acked, position = {}, {at for at in acked if at < committed}, committed
    return sent, committed


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 119), max_size=3),
    st.lists(st.integers(20, 330), min_size=1, max_size=4),
    st.integers(0, 10),
    st.randoms(use_true_random=False),
)
def test_a_crash_loses_and_changes_nothing(gaps_at, crashes, lag, random):
    first, second = recording("a", 60, set(gaps_at)), recording("b", 60, set(), start_s=40)
    log = [
        one for i in range(len(first) + lag) for one in (*first[i : i + 1], *second[i - lag : i - lag + 1][: i >= lag])
    ]
    for at in range(0, len(log) - 4, 4):  # neighbours may arrive in any order
        if random.random() < 0.2:
            log[at], log[at + 2] = log[at + 2], log[at]
    if random.random() < 0.5:
        log.insert(len(log) // 2, log[len(log) // 2 - 3])
    expected, _ = consume(log, [])
    sent, _ = consume(log, sorted(crashes))
    assert {key(one) for one in sent} == {key(one) for one in expected}
    contents = {key(one): content(one) for one in expected}
    for one in sent:
        assert content(one) == contents[key(one)]


def test_a_session_whose_first_chunks_are_swapped_loses_nothing():
    log = recording("a", 40, set())
    swapped = [log[1], log[0], *log[2:]]
    assert [key(one) for one in consume(swapped, [])[0]] == [key(one) for one in consume(log, [])[0]]


def test_without_a_crash_it_is_device_windows():
    log, plain = recording("a", 40, {30}), DeviceWindows(clock=lambda: 0)
    expected = [one for each in log for one in plain.push(each).segments]
    sent, committed = consume(log, [])
    assert [key(one) for one in sent] == [key(one) for one in expected]
    assert committed == len(log)


def test_offsets_follow_at_a_bounded_distance():
    log = recording("a", 120, set(), end=False)
    _, committed = consume(log, [])
    behind_s = (len(log) - committed) * SIZE / FS
    assert 30 <= behind_s <= 40


def test_a_silent_device_gives_what_it_owes_and_frees_everything():
    device = DeviceLog(lambda: 0)
    free = [
        token
        for place, one in enumerate(recording("a", 15, set(), end=False))
        for token in device.push(one, place).free
    ]
    step = device.flush()
    assert step.segments[-1].last
    assert sorted(free + step.free) == list(range(30))


def test_a_chunk_that_cannot_be_right_is_refused():
    device = DeviceLog(lambda: 0)
    with pytest.raises(RejectedChunk, match="rate"):
        device.push(PpgChunk("d", "p", "s", 0, 0, 5.0, ("x",), 0, "NU", 1.0, 0.0, 1, None, None, None, None, 0, 0, False, np.ones((3, 1), np.int32)), 0)  # fmt: skip # noqa: E501

"""Counts by id, latencies from the chunk that completed a window."""

from dataclasses import replace

import numpy as np

from deploy.stack.tally import Tally
from stream.messages import EcgSegment, PpgChunk

S = 1_000_000_000


def chunk(k):
    values, received = np.zeros((50, 1), np.int32), 1000 * S + k * S // 2
    return PpgChunk(
        "d", "p", "s", k, k * S // 2, 100.0, ("x",), 0, "NU", 1.0, 0.0, 1, None, None, None, None, received,
        0, False, values,
    )  # fmt: skip


def segment(start_s, closed_ns=0, inferred_ns=0, last=False):
    return EcgSegment(
        "p", "d", "s", start_s * S, 128, None, 0.0, (), 1.0, (), (), "m", 2, "estimated", 0, last,
        {"closed": closed_ns, "inferred": inferred_ns}, np.zeros((256, 12), "i2"), np.zeros((256, 2), "i2"),
        np.zeros(0, "i8"), np.zeros(0, "f4"), np.zeros(0, "f4"),
    )  # fmt: skip


def test_what_is_sent_twice_counts_once():
    tally = Tally()
    for one in (chunk(0), chunk(1), chunk(0), segment(5), segment(5), segment(7)):
        tally.take(one)
    assert (len(tally.chunks), len(tally.segments), tally.stop_ns) == (2, 2, 9 * S)


def test_it_is_whole_when_both_the_end_and_the_last_segment_were_counted():
    end = replace(chunk(1), samples=np.zeros((0, 1), np.int32), end=True)
    tally = Tally()
    tally.take(end)
    tally.take(segment(5))
    assert not tally.is_whole(9 * S)
    tally.take(segment(7))
    assert tally.is_whole(9 * S)
    silent = Tally()
    silent.take(segment(7))
    assert not silent.is_whole(9 * S)


def test_latency_counts_from_the_chunk_that_completed_the_window():
    tally = Tally()
    for k in range(30):
        tally.take(chunk(k))
    # owned 5..7 s needs PPG to 10.125 s: the chunk of 10.0 to 10.5 s, received at its start mark 1010 s
    tally.take(segment(5, closed_ns=1010 * S + 4_000_000, inferred_ns=1010 * S + 34_000_000))
    tally.take(segment(7, last=True))
    assert tally.latency_ms() == {
        "window": {"p50": 4.0, "p99": 4.0},
        "infer": {"p50": 30.0, "p99": 30.0},
        "chain": {"p50": 34.0, "p99": 34.0},
    }
    assert Tally().latency_ms() == {"window": {}, "infer": {}, "chain": {}}

"""The first sample's time from the stamp of the last."""

import numpy as np
import pytest

from ingest.devices.driver import Block
from ingest.devices.stamps import FirstSampleTime

SECOND = 1_000_000_000


def block(last_ns=None, n=50, columns=4, stream="ppg", **more):
    return Block(stream, tuple(map(str, range(columns))), np.zeros((n, columns), np.int64), last_ns=last_ns, **more)


@pytest.fixture
def times():
    return FirstSampleTime({"ppg": 50.0, "motion": 25.0})


def test_a_first_frame_is_laid_out_at_the_nominal_rate(times):
    assert times.of(block(10 * SECOND)) == 10 * SECOND - 49 * SECOND // 50


def test_the_next_one_follows_on_the_stamp_before_at_its_own_rate(times):
    times.of(block(10 * SECOND))
    # 50 samples in 1.1 s: 22 ms apart, the first 22 ms after the stamp
    assert times.of(block(11 * SECOND + SECOND // 10)) == 10 * SECOND + 22_000_000


@pytest.mark.parametrize(
    ("since_ns", "adjacent"),
    [(SECOND, True), (1_500_000_000, True), (1_500_000_001, False), (2 * SECOND, False), (0, False), (-SECOND, False)],
)
def test_a_lost_frame_does_not_stretch_the_next(times, since_ns, adjacent):
    times.of(block(10 * SECOND))
    at = 10 * SECOND + since_ns
    assert times.of(block(at)) == (10 * SECOND + round(since_ns / 50) if adjacent else at - 49 * SECOND // 50)


def test_every_series_has_its_own_stamps(times):
    times.of(block(10 * SECOND))
    times.of(block(10 * SECOND + 1, columns=3))
    times.of(block(10 * SECOND + 2, stream="motion", n=25))
    assert times.of(block(11 * SECOND)) == 10 * SECOND + SECOND // 50
    assert times.of(block(11 * SECOND + 2, stream="motion", n=25)) == 10 * SECOND + 2 + SECOND // 25


def test_a_frame_that_tells_its_period_is_believed(times):
    assert times.of(block(10 * SECOND, n=11, period_ns=1e6)) == 10 * SECOND - 10_000_000


def test_what_tells_the_first_or_nothing(times):
    assert times.of(block(first_ns=7)) == 7
    assert times.of(block(10 * SECOND, first_ns=7)) == 7
    assert times.of(block()) is None
    assert times.of(block(10 * SECOND, n=0)) is None

"""Sample times against the truth: drift, jitter, bursts, a restart, a rate that is not the announced one."""

import numpy as np
import pytest

from ingest.align import Aligner
from ingest.devices.driver import Block, StreamFormat

EPOCH = 1_700_000_000_000_000_000
FORM = StreamFormat(("a",), 55.0)


def polar_like(seconds, ppm=0.0, fs_hz=54.75, size=42, origin_ns=123_456_789, begun_ns=EPOCH):
    """(block, true UTC of its samples): stamps of the last sample, on a clock that runs `ppm` fast."""
    for n in range(int(seconds * fs_hz / size)):
        true = begun_ns + np.rint((np.arange(size) + n * size) * 1e9 / fs_hz).astype(np.int64)
        device = origin_ns + np.rint((true - begun_ns) * (1 + ppm * 1e-6)).astype(np.int64)
        values = np.arange(size)[:, None] + n * size
        yield Block("ppg", ("a",), values.astype(np.int64), last_ns=int(device[-1])), true


def jitter(rng, at_s, bursts=()):
    """Delay of a notification, s: some ms, and in a burst up to half a second."""
    return rng.exponential(0.004) + (rng.uniform(0, 0.5) if any(a <= at_s < b for a, b in bursts) else 0.0)


def run(aligner, stream, rng, bursts=(), begun_ns=EPOCH):
    """Errors in ms of all sample times given out; values must come once and in order."""
    truth, given, free_ns = {}, [], 0
    for block, true in stream:
        truth |= dict(zip(block.values[:, 0].tolist(), true.tolist(), strict=True))
        late = round(1e9 * jitter(rng, (true[-1] - begun_ns) / 1e9, bursts))
        free_ns = max(free_ns, int(true[-1]) + late)  # a link keeps the order
        given += aligner.push(block, free_ns)
    given += aligner.flush()
    times = np.concatenate([one.t0_ns + np.rint(np.arange(len(one.values)) * 1e9 / one.fs_hz) for one in given])
    values = np.concatenate([one.values[:, 0] for one in given])
    assert values.tolist() == sorted(truth)
    return (times - np.array([truth[one] for one in values.tolist()])) / 1e6


@pytest.mark.parametrize("ppm", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("seed", range(5))
def test_stamped_times_are_true_within_10_ms_under_drift_and_bursts(ppm, seed):
    bursts = [(60, 75), (200, 230), (400, 410)]
    error = run(Aligner(FORM, 55.0), polar_like(900, ppm), np.random.default_rng(seed), bursts)
    assert np.abs(error).max() < 10


@pytest.mark.parametrize("seed", range(5))
def test_a_burst_at_the_very_start_is_taken_out_once_it_is_over(seed):
    error = run(Aligner(FORM, 55.0), polar_like(300, 50.0), np.random.default_rng(seed), [(0, 10)])
    assert np.abs(error[15 * 55 :]).max() < 10
    assert error.min() > -10


def test_time_never_runs_back_more_than_it_must_and_intervals_keep_their_length():
    aligner = Aligner(FORM, 55.0)
    rng = np.random.default_rng(3)
    given = [
        one
        for block, true in polar_like(600, 100.0)
        for one in aligner.push(block, int(true[-1]) + round(1e9 * jitter(rng, 0)))
    ]
    starts = np.array([one.t0_ns for one in given])
    steps = np.diff(starts) / (42 / 54.75 * 1e9) - 1
    assert np.abs(steps).max() * 1e6 < 350  # the map's limit of 200 ppm beside 100 of true drift


def test_the_rate_is_measured_not_believed():
    aligner = Aligner(FORM, 135.0)
    for block, true in polar_like(120, 20.0):
        aligner.push(block, int(true[-1]) + 3_000_000)
    assert aligner.measured_hz == pytest.approx(54.75, rel=1e-4)


@pytest.mark.parametrize("origin_ns", range(7))
def test_a_frame_that_comes_twice_counts_once(origin_ns):
    aligner, values = Aligner(FORM, 55.0), []
    for block, true in polar_like(30, origin_ns=origin_ns):
        for _ in range(2):
            values += [one.values[:, 0] for one in aligner.push(block, int(true[-1]) + 5_000_000)]
    assert np.concatenate(values).tolist() == list(range(39 * 42))


def test_a_lost_frame_is_a_gap_and_what_follows_has_its_true_time():
    aligner, given, true_of = Aligner(FORM, 55.0), [], {}
    for n, (block, true) in enumerate(polar_like(60)):
        if n not in (20, 21, 40):
            true_of[int(block.values[0, 0])] = int(true[0])
            given += aligner.push(block, int(true[-1]) + 5_000_000)
    for one in given:
        assert abs(one.t0_ns - true_of[int(one.values[0, 0])] - 5_000_000) < 1_000_000


def test_a_device_that_restarts_its_clock_is_followed_after_the_hold():
    rng = np.random.default_rng(1)
    aligner, errors = Aligner(FORM, 55.0), []
    first = list(polar_like(60))
    second = list(polar_like(60, origin_ns=5, begun_ns=EPOCH + 70_000_000_000))
    for block, true in first + second:
        errors += [one.t0_ns for one in aligner.push(block, int(true[-1]) + round(1e9 * jitter(rng, 0)))]
    assert aligner.resets == 1
    late = [at - (EPOCH + 70_000_000_000) for at in errors if at > EPOCH + 65_000_000_000]
    assert abs(late[0]) < 10_000_000
    assert len(late) == len(second)


def test_what_came_before_a_restart_during_the_hold_is_given_up_and_the_rest_has_true_times():
    aligner, given = Aligner(FORM, 55.0), []
    first = list(polar_like(2, origin_ns=1_000_000_000_000))
    second = list(polar_like(20, origin_ns=5, begun_ns=EPOCH + 3_000_000_000))
    for block, true in first + second:
        given += aligner.push(block, int(true[-1]))
    assert aligner.resets == 1
    assert len(given) == len(second)
    assert np.abs([one.t0_ns - true[0] for one, (_, true) in zip(given, second, strict=True)]).max() < 10_000_000


@pytest.mark.parametrize("ahead_s", [11, 3600, 86_400 * 365])
def test_a_device_whose_clock_is_set_forward_is_followed_after_the_hold(ahead_s):
    aligner, given = Aligner(FORM, 55.0), []
    first = list(polar_like(30))
    second = list(
        polar_like(30, origin_ns=123_456_789 + (30 + ahead_s) * 1_000_000_000, begun_ns=EPOCH + 30_000_000_000)
    )
    for block, true in first + second:
        given += aligner.push(block, int(true[-1]))
    assert aligner.resets == 1
    late = given[-len(second) :]
    assert np.abs([one.t0_ns - true[0] for one, (_, true) in zip(late, second, strict=True)]).max() < 10_000_000


@pytest.mark.parametrize("off", [-0.004, 0.0, 0.004])
def test_a_device_that_only_counts_is_timed_by_arrival_whatever_its_true_rate(off):
    form, fs, rng = StreamFormat(("a",), 100.0), 100.0 * (1 + off), np.random.default_rng(5)
    aligner, errors, free = Aligner(form, 100.0), [], 0
    for n in range(100 * 300):
        true = EPOCH + round(n * 1e9 / fs)
        free = max(free, true + round(1e9 * jitter(rng, n / fs, [(100, 110)])))
        given = aligner.push(Block("ppg", ("a",), np.array([[n]])), free)
        errors += [(one.t0_ns - EPOCH - one.values[0, 0] * 1e9 / fs) / 1e6 for one in given]
    # in the 3 s of the hold a rate that is 0.4 % off cannot be told from jitter yet
    assert np.abs(errors).max() < (30 if off else 10)
    assert np.abs(errors[3000:]).max() < 10
    assert aligner.resets == 0
    assert aligner.measured_hz == pytest.approx(fs, rel=1e-3)


def test_lost_notifications_of_a_device_that_only_counts_are_seen_by_the_arrival_of_the_rest():
    form, rng = StreamFormat(("a",), 100.0), np.random.default_rng(5)
    aligner, last, free = Aligner(form, 100.0), np.inf, 0
    for n in range(100 * 60):
        if 3000 <= n < 3050:
            continue
        true = EPOCH + n * 10_000_000
        free = max(free, true + round(1e9 * jitter(rng, 0)))
        for one in aligner.push(Block("ppg", ("a",), np.array([[n]])), free):
            last = (one.t0_ns - EPOCH) / 1e6 - 10 * one.values[0, 0]
    assert aligner.resets == 1
    assert abs(last) < 10


def test_numbered_notifications_show_what_is_missing_and_ignore_repeats():
    form = StreamFormat(("a",), 75.0, counter_modulus=65_536, samples_per_count=25)
    aligner, given = Aligner(form, 75.0), []
    for n in [*range(65_520, 65_536), *range(20), 20, 20, 24, *range(25, 60)]:
        turn = n + 65_536 * (n < 1000)
        arrived = EPOCH + round((turn + 1) * 25e9 / 75)
        given += aligner.push(Block("ppg", ("a",), np.full((25, 1), n), counter=n), arrived)
    steps = np.diff([one.t0_ns for one in given]) / (25e9 / 75)
    assert sum(len(one.values) for one in given) == 25 * (16 + 21 + 36)
    assert sorted(np.rint(steps))[-1] == 4
    assert np.count_nonzero(np.rint(steps) != 1) == 1

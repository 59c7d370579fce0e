"""The account of a load run is right about what is missing, there twice and late."""

from pathlib import Path

import pytest

from deploy.load.audit import Found, audit
from deploy.load.wearables import make_tape, make_wearables
from ingest.recordings import read_recording, repeated
from stream.messages import GRID_STEP_NS

RECORDING = Path(__file__).parents[1] / "data" / "bidmc01-60s"
S = 1_000_000_000


@pytest.fixture(scope="module")
def wearables():
    tape = make_tape(read_recording(RECORDING), 30)
    made = make_wearables([tape], 3, "load-x-", 1_000_000 * S)
    for one in made:
        one.begun_ns = 1_000_000 * S
    return made


def perfect(wearables):
    windows = {(one.patient, at): 0.0 for one in wearables for at in one.expected()}
    samples = {one.patient: sum(one.expected().values()) for one in wearables}
    timings = [
        {"patient": who, "window_ns": at, "window_to_estimate_ms": 100.0, "window_to_write_ms": 150.0, "at_ns": at}
        for who, at in windows
    ]
    return windows, samples, timings


def test_wearables_own_every_sample_once_and_begin_apart(wearables):
    for one in wearables:
        starts = sorted(one.expected())
        ends = [at + n * GRID_STEP_NS for at, n in sorted(one.expected().items())]
        assert starts[1:] == ends[:-1]
        assert (ends[-1] - starts[0]) / S == pytest.approx(30, abs=0.02)
    assert len({one.wait_s for one in wearables}) == 3


def test_a_recording_repeated_is_joined_without_a_gap():
    one = read_recording(RECORDING)
    long = repeated(one, 150)
    assert len(long.samples) == 3 * len(one.samples)
    steps = set((long.times_ns[1:] - long.times_ns[:-1]).tolist())
    assert max(steps) - min(steps) <= 1
    assert (long.samples[len(one.samples) :][: len(one.samples)] == one.samples).all()


def test_what_is_whole_is_said_to_be_whole(wearables):
    found = audit(wearables, Found(*perfect(wearables)))
    assert found["sent"] == found["written"] == found["timed"] > 30
    assert (found["lost"], found["duplicated"], found["estimated_twice"]) == (0, 0, 0)
    assert (found["samples"]["lost"], found["samples"]["duplicated"]) == (0, 0)
    assert (found["estimate_p50_s"], found["write_p99_s"]) == (0.1, 0.15)


def test_what_is_missing_or_too_much_is_counted(wearables):
    windows, samples, timings = perfect(wearables)
    first = next(iter(windows))
    del windows[first]
    windows[first[0], 5 * S] = 0.0
    samples[wearables[1].patient] -= 7
    samples[wearables[2].patient] += 3
    found = audit(wearables, Found(windows, samples, [*timings, timings[0]]))
    assert (found["lost"], found["duplicated"], found["estimated_twice"]) == (1, 1, 1)
    assert (found["samples"]["lost"], found["samples"]["duplicated"]) == (7, 3)


def test_abstained_time_counts_as_written(wearables):
    windows, samples, timings = perfect(wearables)
    key = next(iter(windows))
    windows[key] = 1.0
    samples[key[0]] -= 128
    found = audit(wearables, Found(windows, samples, timings))
    assert found["samples"]["lost"] == found["samples"]["duplicated"] == 0

"""A replay with a fake broker and a fake clock."""

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.recordings import Recording, first_seconds, read_recording
from ingest.replay import ReplaySettings, chosen_shift_ns, remembered_shift_ns, replay
from ingest.session import ppg_chunks, reference_chunks, session_id
from stream.kafka import DEVICE_STATUS, ECG_REFERENCE, PPG_CHUNKS

DATA = Path(__file__).parents[1] / "data"
S = 1_000_000_000


class Clock:
    def __init__(self):
        self.now_ns = 1_700_000_000 * S
        self.slept = 0.0

    def __call__(self):
        return self.now_ns

    async def sleep(self, seconds):
        self.slept += seconds
        self.now_ns += round(seconds * 1e9)
        await asyncio.sleep(0)


class Broker:
    def __init__(self, clock, stop, stop_after):
        self.sent, self._clock, self._stop, self._after = [], clock, stop, stop_after

    async def send(self, topic, message, key):
        self.sent.append((topic, message, key, self._clock()))
        if len(self.of(PPG_CHUNKS)) >= self._after:
            self._stop.set()

    def of(self, topic):
        return [message for name, message, _, _ in self.sent if name == topic]


@pytest.fixture(scope="module")
def recording():
    return first_seconds(read_recording(DATA / "bidmc01-60s"), 20)


async def run(recording, **options):
    clock, stop = Clock(), asyncio.Event()
    broker = Broker(clock, stop, options.pop("stop_after", None) or 10**9)
    shift = options.pop("shift_ns", 0)
    done = await replay(recording, ReplaySettings("p", "d", **options), shift, broker, stop, clock, clock.sleep)
    return broker, clock, done


def same(one, other):
    return replace(one, received_ns=0, samples=0) == replace(other, received_ns=0, samples=0) or (
        one.seq == other.seq and one.t0_ns == other.t0_ns and np.array_equal(one.samples, other.samples)
    )


async def test_any_speed_sends_the_same(recording):
    expected = list(ppg_chunks(recording, "p", "d"))
    for speed in (1.0, 20.0, math.inf):
        broker, clock, done = await run(recording, speed=speed)
        assert done
        assert all(same(*pair) for pair in zip(broker.of(PPG_CHUNKS), expected, strict=True))
        assert clock.slept == pytest.approx(20 / speed, abs=0.1)
        assert len(broker.of(ECG_REFERENCE)) == 21
        assert {key for *_, key, _ in broker.sent} == {"d"}


async def test_a_chunk_is_sent_when_its_last_sample_was_due(recording):
    broker, _, _ = await run(recording)
    begun = 1_700_000_000 * S
    for _, message, _, at_ns in (one for one in broker.sent if one[0] == PPG_CHUNKS):
        end = message.t0_ns + round(len(message.samples) / message.fs_hz * 1e9)
        assert 0 <= at_ns - begun - end < 0.02 * S


async def test_the_end_is_told_and_a_stop_is_not_an_end(recording):
    broker, _, _ = await run(recording, speed=math.inf)
    last = broker.of(DEVICE_STATUS)[-1]
    assert (last.ended, last.state) == (True, "ended")
    assert broker.of(PPG_CHUNKS)[-1].end
    broker, _, done = await run(recording, speed=math.inf, stop_after=10)
    last = broker.of(DEVICE_STATUS)[-1]
    assert (done, last.ended, last.state) == (False, True, "stopped")
    assert not broker.of(PPG_CHUNKS)[-1].end


async def test_a_loop_goes_on_in_time_with_a_session_a_round(recording):
    broker, _, _ = await run(recording, speed=math.inf, loop=True, stop_after=200)
    chunks = broker.of(PPG_CHUNKS)
    rounds = list(dict.fromkeys(one.session for one in chunks))
    assert len(rounds) == 3
    starts = [next(one.t0_ns for one in chunks if one.session == name) for name in rounds]
    assert np.diff(starts).tolist() == [20 * S, 20 * S]
    times = [one.t0_ns for one in chunks]
    assert times == sorted(times)


def test_a_shift_to_now_is_whole_hops_and_starts_at_the_next(recording):
    now = 1_700_000_001 * S + 7
    shift = chosen_shift_ns(recording, ReplaySettings("p", "d", shift="now"), now)
    assert shift % (2 * S) == 0
    assert 0 <= next(ppg_chunks(recording, "p", "d", shift)).t0_ns - now < 2 * S


def test_an_interrupted_replay_is_gone_on_with_and_an_old_one_is_not(recording, tmp_path):
    settings, now = ReplaySettings("p", "d", shift="now"), 1_700_000_000 * S
    shift, file = remembered_shift_ns(recording, settings, tmp_path, now)
    assert remembered_shift_ns(recording, settings, tmp_path, now + 60 * S)[0] == shift
    assert remembered_shift_ns(recording, settings, tmp_path, now + 10_000 * S)[0] != shift
    file.write_text("broken")
    assert remembered_shift_ns(recording, settings, tmp_path, now + 90 * S)[0] != shift


@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.sampled_from([25.0, 54.75, 125.0, 999.0]))
def test_chunks_are_the_recording_and_never_cross_a_gap(runs, fs):
    step = 1e9 / fs
    places = np.concatenate([np.arange(n) + 1000 * k for k, n in enumerate(runs)])
    times = np.rint(places * step).astype(np.int64)
    values = np.arange(len(times), dtype=np.int32)
    made = Recording("r", "ppg", 0, False, fs, times, values, 1.0, 0.0, "NU", int(times[-1]))
    *chunks, end = ppg_chunks(made, "p", "d")
    assert np.concatenate([one.samples[:, 0] for one in chunks]).tolist() == values.tolist()
    assert end.end
    assert [one.seq for one in [*chunks, end]] == list(range(len(chunks) + 1))
    for one in chunks:
        inside = one.t0_ns + np.arange(len(one.samples)) * step
        assert np.abs(times[one.samples[:, 0]] - inside).max() <= 1


def test_a_session_is_its_content_channel_and_shift(recording):
    one = session_id(recording)
    assert one == session_id(replace(recording, demographics=recording.demographics))
    changed = recording.samples.copy()
    changed[3] += 1
    others = [
        session_id(recording, 2 * S),
        session_id(replace(recording, samples=changed)),
        session_id(replace(recording, channel="x")),
    ]
    assert len({one, *others}) == 4


def test_the_reference_covers_the_recording(recording):
    *chunks, end = reference_chunks(recording, "p", "d")
    assert end.end
    assert recording.reference is not None
    np.testing.assert_array_equal(np.concatenate([one.samples for one in chunks]), recording.reference.samples_mv)


async def test_a_slow_network_neither_slows_the_wearable_nor_changes_the_order(recording):
    """Each acknowledgement takes 2 s of a clock that a chunk takes 0.25 s of; the first of a topic may be overtaken."""
    clock, stop = Clock(), asyncio.Event()
    broker = Broker(clock, stop, 10**9)
    quick = broker.send

    async def slow(topic, message, key):
        until_ns = clock() + 2 * S
        if not broker.of(topic):
            while clock() < until_ns:  # as a client does that does not know the topic yet
                await clock.sleep(0.25)
        await quick(topic, message, key)
        for _ in range(20_000):
            if clock() >= until_ns:
                return
            await asyncio.sleep(0)
        clock.now_ns = until_ns  # nobody else goes on meanwhile: time does

    broker.send = slow
    begun_ns = clock()
    await replay(replace(recording, reference=None), ReplaySettings("p", "d"), 0, broker, stop, clock, clock.sleep)
    numbers = [one.seq for one in broker.of(PPG_CHUNKS)]
    assert numbers == sorted(numbers)
    assert len(numbers) > 80
    assert (clock() - begun_ns) / S < 25

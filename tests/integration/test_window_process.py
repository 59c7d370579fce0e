"""The window process on a real broker: exact, also when it is killed; bad messages are set aside."""

import asyncio
import time

import numpy as np
import pytest

from stream.kafka import DLQ, PPG_CHUNKS, PPG_LATE, PPG_SEGMENTS, Publisher, consume
from stream.messages import PpgChunk, PpgSegment, encode
from stream.windows import DeviceWindows

pytestmark = pytest.mark.integration
FS, SIZE = 125.0, 62


def chunks(device, seconds, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * FS)) / FS
    values = np.rint(1000 * np.exp(-(((t * 1.3) % 1 - 0.3) ** 2) / 0.01) + rng.normal(0, 5, len(t))).astype(np.int32)
    cuts = range(0, len(values), SIZE)
    return [
        PpgChunk(
            device,
            f"patient-{device}",
            f"s{seed}",
            seq,
            1_000_000_000 * seed + round(at / FS * 1e9),
            FS,
            ("PLETH",),
            0,
            "NU",
            1.0,
            0.0,
            1,
            None,
            None,
            None,
            None,
            0,
            0,
            False,
            values[at : at + SIZE, None],
        )
        for seq, at in enumerate(cuts)
    ]


def key(one):
    return one.device, one.start_ns


def content(one):
    return one.ppg.tobytes(), one.valid.tobytes(), one.scale.tobytes(), one.shape.tobytes(), one.owned_start


async def segments_until(kafka, expected, patience_s=40.0):
    """Everything on ppg.segments until all expected ids are there."""
    seen, stop, deadline = [], asyncio.Event(), time.monotonic() + patience_s

    async def take(records):
        seen.extend(one.message for one in records)

    async def watch():
        while {key(one) for one in seen} < expected and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        stop.set()

    await asyncio.gather(
        consume(kafka, group=None, kinds={PPG_SEGMENTS: PpgSegment}, process=take, publisher=None, stop=stop), watch()
    )
    return seen


def reference(sent):
    devices = {one.device: DeviceWindows(clock=lambda: 0) for one in sent}
    return {key(each): content(each) for one in sent for each in devices[one.device].push(one).segments}


async def test_windows_are_those_of_the_pure_code_also_after_two_kills(kafka, stage):
    first, second = chunks("a", 60, 1), chunks("b", 60, 2)
    log = [one for pair in zip(first, second, strict=True) for one in pair]
    log[40], log[42] = log[42], log[40]  # out of order
    log.insert(60, log[57])  # twice
    expected = reference(log)
    with stage("window") as process:
        async with Publisher(kafka) as publisher:
            for number, one in enumerate(log):
                await publisher.send(PPG_CHUNKS, one, one.device)
                if number in (len(log) // 2, 3 * len(log) // 4):
                    await asyncio.sleep(2.5)
                    process.kill()
        seen = await segments_until(kafka, set(expected))
        assert {key(one) for one in seen} == set(expected)
        assert all(content(one) == expected[key(one)] for one in seen)
        assert process.stop() == 0


async def test_bad_messages_are_set_aside_and_the_good_ones_go_on(kafka, stage):
    good = chunks("a", 16, 1)
    impossible = PpgChunk(
        "bad", "p", "s", 0, 0, 1.0, ("x",), 0, "NU", 1.0, 0.0, 1, None, None, None, None, 0, 0, False,
        np.zeros((1, 1), np.int32),
    )  # fmt: skip
    with stage("window") as process:
        async with Publisher(kafka) as publisher:
            await publisher._send(PPG_CHUNKS, b"garbage", b"a", ())
            await publisher._send(PPG_CHUNKS, b"\x00\x00\x00\x03\xe7body", b"a", ())
            await publisher._send(PPG_CHUNKS, b"", b"a", ())
            await publisher._send(PPG_CHUNKS, encode(good[0])[:40], b"a", ())
            await publisher.send(PPG_CHUNKS, impossible, "a")
            for one in good:
                await publisher.send(PPG_CHUNKS, one, one.device)
        seen = await segments_until(kafka, set(reference(good)))
        assert process.stop() == 0
    assert {key(one) for one in seen} == set(reference(good))
    errors = [dict(headers)["error"].decode() for headers in await headers_of(kafka, DLQ, 5)]
    assert len(errors) == 5
    for part in ("not 0", "999", "header", "PpgChunk", "rate 1.0 Hz"):
        assert any(part in one for one in errors), (part, errors)


async def headers_of(kafka, topic, count):
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(topic, auto_offset_reset="earliest", **kafka.client_options())
    await consumer.start()
    try:
        found = []
        while len(found) < count:
            for batch in (await asyncio.wait_for(consumer.getmany(timeout_ms=500), 5)).values():
                found += [one.headers for one in batch]
        return found
    finally:
        await consumer.stop()


async def test_a_late_chunk_goes_its_own_way(kafka, stage):
    sent = chunks("a", 20, 1)
    late = sent.pop(6)
    with stage("window") as process:
        async with Publisher(kafka) as publisher:
            for one in [*sent, late]:
                await publisher.send(PPG_CHUNKS, one, one.device)
        stop, found = asyncio.Event(), []

        async def take(records):
            found.extend(one.message.seq for one in records)
            stop.set()

        await asyncio.wait_for(
            consume(kafka, group=None, kinds={PPG_LATE: PpgChunk}, process=take, publisher=None, stop=stop), 30
        )
        assert found == [6]
        assert process.stop() == 0

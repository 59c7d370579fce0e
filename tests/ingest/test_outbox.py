"""The outbox against a broker that comes and goes: everything once, in order."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

import ingest.outbox
from ingest.outbox import Outbox
from ingest.spool import Spool
from stream.errors import BrokerUnavailable
from stream.messages import Numerics, decode


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(ingest.outbox, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(ingest.outbox, "_LAST_S", 0.05)


def message(n):
    return "numerics", Numerics("d", "p", "s", n, None, None, 0, np.zeros(0, "f4")), "d"


class Broker:
    """Answers while `is_there`."""

    def __init__(self):
        self.is_there = asyncio.Event()
        self.is_there.set()
        self.got = []

    @asynccontextmanager
    async def connect(self):
        if not self.is_there.is_set():
            await asyncio.sleep(0.01)
            raise BrokerUnavailable("no broker")
        yield self

    async def send_encoded(self, messages):
        await self.is_there.wait()
        self.got += [decode(value, Numerics).at_ns for topic, value, _ in messages if topic == "numerics"]
        self.statuses = [decode(value, Numerics).at_ns for topic, value, _ in messages if topic == "device.status"]
        await asyncio.sleep(0)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_while_the_broker_answers_nothing_touches_the_disk(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 10**7)
    outbox = Outbox(broker.connect, spool)
    running = asyncio.create_task(outbox.run())
    for n in range(100):
        outbox.put([message(n)])
        await asyncio.sleep(0)
    outbox.close()
    await running
    assert broker.got == list(range(100))
    assert list(tmp_path.glob("*.spool")) == []


async def test_an_outage_costs_nothing_and_keeps_the_order(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 10**7)
    outbox = Outbox(broker.connect, spool)
    running = asyncio.create_task(outbox.run())
    sent = 0
    for turn in range(3):
        for _ in range(50):
            outbox.put([message(sent)])
            sent += 1
            await asyncio.sleep(0.001)
        broker.is_there.clear()
        for _ in range(200):
            outbox.put([message(sent)])
            sent += 1
            await asyncio.sleep(0.001)
        assert outbox.is_away
        assert len(spool) > 100
        broker.is_there.set()
        await until(lambda: not outbox.is_away)
        assert turn >= 0
    outbox.close()
    await running
    assert broker.got == list(range(sent))
    assert len(spool) == 0


async def test_a_broker_that_is_away_from_the_start_is_waited_for(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 10**7)
    broker.is_there.clear()
    outbox = Outbox(broker.connect, spool)
    running = asyncio.create_task(outbox.run())
    for n in range(50):
        outbox.put([message(n)])
        await asyncio.sleep(0.002)
    broker.is_there.set()
    await until(lambda: len(broker.got) == 50)
    outbox.close()
    await running
    assert broker.got == list(range(50))


async def test_what_could_not_be_sent_is_sent_at_the_next_start_before_the_new(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 10**7)
    broker.is_there.clear()
    first = Outbox(broker.connect, spool)
    running = asyncio.create_task(first.run())
    first.put([message(n) for n in range(20)])
    await asyncio.sleep(0.1)
    first.put([message(20)])
    first.close()
    await asyncio.wait_for(running, 2)
    spool.close()
    broker.is_there.set()
    second = Outbox(broker.connect, Spool(tmp_path, 10**7))
    running = asyncio.create_task(second.run())
    second.put([message(21)])
    second.close()
    await running
    assert broker.got == list(range(22))


async def test_what_was_being_sent_when_the_broker_went_is_sent_at_the_next_start(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 10**7)
    first = Outbox(broker.connect, spool)
    running = asyncio.create_task(first.run())
    first.put([message(0)])
    await until(lambda: broker.got == [0])
    broker.is_there.clear()
    first.put([message(1)])  # given to the broker, which answers no more
    await until(lambda: first.is_away)
    first.put([message(2)])
    first.close()
    await asyncio.wait_for(running, 2)
    spool.close()
    broker.is_there.set()
    second = Outbox(broker.connect, Spool(tmp_path, 10**7))
    second.close()
    await second.run()
    assert broker.got == [0, 1, 2]


async def test_of_what_is_only_about_now_only_the_newest_waits(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 10**7)
    broker.is_there.clear()
    outbox = Outbox(broker.connect, spool)
    running = asyncio.create_task(outbox.run())
    for n in range(10):
        outbox.put_latest("device.status", message(n)[1], "d")
        await asyncio.sleep(0.02)
    assert len(spool) == 0
    broker.is_there.set()
    await until(lambda: getattr(broker, "statuses", None))
    assert broker.statuses == [9]
    outbox.close()
    await running


async def test_more_than_the_spool_holds_is_counted_and_the_newest_are_kept(tmp_path):
    broker, spool = Broker(), Spool(tmp_path, 20_000)
    broker.is_there.clear()
    outbox = Outbox(broker.connect, spool)
    running = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.1)
    for n in range(2000):
        outbox.put([message(n)])
    broker.is_there.set()
    await until(lambda: broker.got and broker.got[-1] == 1999)
    assert broker.got == list(range(2000 - len(broker.got), 2000))
    assert outbox.dropped == 2000 - len(broker.got)
    outbox.close()
    await running

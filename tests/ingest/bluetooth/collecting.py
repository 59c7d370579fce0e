"""Collectors on the simulated world: what came out, beside the truth."""

import asyncio
from dataclasses import dataclass, field

import numpy as np

from ingest.bluetooth.scanner import Target
from ingest.bluetooth.supervisor import Adapter, Supervisor
from ingest.collector import Collector
from ingest.devices.driver import DeviceOptions
from ingest.devices.registry import driver_named
from ingest.pipeline import Identity
from ingest.steady_clock import SteadyClock
from stream.kafka import DEVICE_STATUS, PPG_CHUNKS

NEAR_NS = 250_000_000  # a busy machine delivers late; how true times are is judged in tests/ingest/test_clock.py


@dataclass
class Kept:
    """An outbox that keeps everything."""

    messages: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    dropped: int = 0

    def put(self, messages):
        self.messages += messages

    def put_latest(self, topic, message, key):
        assert topic == DEVICE_STATUS
        self.statuses.append(message)

    def of(self, topic, device=None):
        return [one for where, one, _ in self.messages if where == topic and device in (None, one.device)]


class Ward:
    """Supervised devices, one adapter."""

    def __init__(self):
        self.outbox, self.adapter, self.clock = Kept(), Adapter(), SteadyClock()
        self.collectors, self.stop, self._tasks = [], asyncio.Event(), []
        self._scanning = asyncio.create_task(self.adapter.run())

    def watch(self, address, driver="polar", raw=None, options=None):
        number = len(self.collectors)
        identity = Identity(f"device-{number}", f"patient-{number}", f"session-{number}")
        collector = Collector(identity, driver_named(driver), self.outbox, self.clock, raw)
        target = Target(address)
        supervisor = Supervisor(target, collector, self.adapter, options or DeviceOptions(motion=False))
        self.collectors.append(collector)
        self._tasks.append(asyncio.create_task(supervisor.run(self.stop)))
        return collector

    async def until(self, condition, seconds=30.0):
        """Wait; fails with what the devices say of themselves."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            for task in self._tasks:
                assert not task.done(), task.exception()
            said = [(one.state, one.reason) for one in self.collectors]
            assert asyncio.get_running_loop().time() < deadline, said
            await asyncio.sleep(0.02)

    async def streaming(self, collector, seconds=30.0):
        """Until it streams and new samples come."""
        before = collector.pipeline.last_sample_ns
        await self.until(
            lambda: collector.state == "streaming" and collector.pipeline.last_sample_ns not in (before, None), seconds
        )

    async def end(self):
        self.stop.set()
        await asyncio.gather(*self._tasks)
        self._scanning.cancel()

    def samples(self, collector):
        """(times ns, (n, channels)) as they came out, in the order they did; numbered without a hole."""
        chunks = [one for one in self.outbox.of(PPG_CHUNKS, collector.identity.device) if not one.end]
        assert [one.seq for one in chunks] == list(range(len(chunks)))
        if not chunks:
            return np.zeros(0, np.int64), np.zeros((0, 1), np.int64)
        times = [one.t0_ns + np.rint(np.arange(len(one.samples)) * 1e9 / one.fs_hz).astype(np.int64) for one in chunks]
        return np.concatenate(times), np.concatenate([one.samples for one in chunks]).astype(np.int64)


def missing_and_wrong(ward, collector, player, truth=None):
    """How many of the samples that were sent did not come, and whether what came is an ordered part of them."""
    times, values = ward.samples(collector)
    truth = truth or player.truth("ppg")
    order = np.searchsorted(truth.true_ns, times - NEAR_NS)
    found, at = 0, 0
    for time, row, near in zip(times, values, order, strict=True):
        at = max(at, int(near))
        while at < len(truth.true_ns) and not np.array_equal(truth.values[at], row):
            at += 1
        assert at < len(truth.true_ns), f"a sample that was never sent, at {time}"
        assert abs(int(truth.true_ns[at]) - int(time)) < NEAR_NS
        found, at = found + 1, at + 1
    return len(truth.true_ns) - found

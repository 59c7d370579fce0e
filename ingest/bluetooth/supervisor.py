"""Keeps one device streaming: found, connected, subscribed, started, watched, and again when anything goes wrong.

scanning → connecting → subscribing → starting → streaming → (stalled) → backing off → scanning ..."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.bluetooth.daemon import watch_daemon
from ingest.bluetooth.link import LINK_ERRORS, Link, open_link
from ingest.bluetooth.scanner import Scanner, Target
from ingest.collector import Collector
from ingest.devices.driver import DeviceOptions
from ingest.metrics import CONNECTIONS

__all__ = ["Adapter", "Supervisor"]

log = logging.getLogger(__name__)
_LOOK_S, _FRESH_S = 0.1, 20.0
_STALL_S, _STALL_FRAMES = 3.0, 4
_FIRST_S, _MOST_S = 0.25, 4.0  # back-off; more would be noticed by a nurse before by us
_HEALTHY_S = 10.0  # a connection that lasted so long was a good one: the back-off starts anew


@dataclass(slots=True)
class Adapter:
    """One Bluetooth adapter: its scanner, and one connection made at a time. connect_s: how long one may take.

    `run` has to run beside the supervisors."""

    name: str | None = None
    connect_s: float = 8.0
    scanner: Scanner = field(init=False)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.scanner = Scanner(self.name)

    async def run(self) -> None:
        """Scan for whoever waits, and watch the daemon; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scanner.run())
            group.create_task(watch_daemon())


@dataclass(slots=True)
class Supervisor:
    """One device, found by `target` and read by `collector`."""

    target: Target
    collector: Collector
    adapter: Adapter
    options: DeviceOptions = field(default_factory=DeviceOptions)
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then the session is ended and the device let go."""
        reader = asyncio.create_task(self.collector.run())
        heart = asyncio.create_task(self._tick_every_second())
        try:
            while not stop.is_set():
                work = asyncio.create_task(self._connection(stop))
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                if not work.done() and self.collector.state != "streaming":
                    work.cancel()  # nothing to let go of yet, or `_connection` does it
                await asyncio.gather(work, return_exceptions=True)
                if not work.cancelled() and (error := work.exception()):
                    raise error
        finally:
            reader.cancel()
            heart.cancel()
            self.collector.end()

    async def _connection(self, stop: asyncio.Event) -> None:
        """One round; returns when the connection is over and the back-off has passed."""
        begun_s = self.clock()
        try:
            link = await self._connect()
        except LINK_ERRORS as error:
            CONNECTIONS.labels(self.collector.driver.name, "failed").inc()
            await self._back_off(_text(error))
            return
        CONNECTIONS.labels(self.collector.driver.name, "made").inc()
        why = "cancelled"
        try:
            why = await self._stream(link, stop)
        except LINK_ERRORS as error:
            why = _text(error)
        finally:
            self.collector.breaks(why)
            await link.close(is_polite=stop.is_set())
        if not stop.is_set():
            if self.clock() - begun_s > _HEALTHY_S:
                self._failures = 0
            await self._back_off(why)

    async def _connect(self) -> Link:
        """Find the device and connect, when it is its turn. Raises one of LINK_ERRORS."""
        while True:
            self.collector.enter("scanning")
            seen = await self.adapter.scanner.wait_for(self.target)
            heard_s = self.clock()
            self.collector.rssi_dbm = seen.rssi_dbm
            async with self.adapter.lock:
                if self.clock() - heard_s > _FRESH_S:
                    continue  # BlueZ forgets a device half a minute after it was heard: hear it again
                async with self.adapter.scanner.paused():
                    self.collector.enter("connecting")
                    on_frame = self.collector.connected()
                    return await open_link(seen, self.collector.driver, on_frame, self.adapter.connect_s)

    async def _stream(self, link: Link, stop: asyncio.Event) -> str:
        """Returns why it ended."""
        self.collector.enter("subscribing")
        await link.subscribe()
        self.collector.enter("starting")
        started = await link.run(self.collector.driver.start(self.options))
        self.collector.streams(started)
        self.collector.enter("streaming")
        limit_ns = 1e9 * max(_STALL_S, _STALL_FRAMES * self.collector.driver.frame_s)
        while not stop.is_set():
            if link.lost.is_set():
                return "the connection was lost"
            if self.collector.pipeline.stopped is not None:
                return f"the device stopped by itself ({self.collector.pipeline.stopped.why})"
            silent_ns = self.collector.clock.now_ns() - self.collector.frame_at_ns
            if silent_ns > limit_ns:
                # bluetoothd dies without a disconnect event: silence is the only sign
                why = f"nothing came for {silent_ns / 1e9:.1f} s"
                self.collector.enter("stalled", why)
                return why
            await asyncio.sleep(_LOOK_S)
        return "ended"

    async def _back_off(self, why: str) -> None:
        wait_s = min(_FIRST_S * 2**self._failures, _MOST_S) * random.uniform(0.5, 1.0)
        self._failures += 1
        self.collector.enter("backing off", why)
        await asyncio.sleep(wait_s)

    async def _tick_every_second(self) -> None:
        while True:
            self.collector.tick()
            await asyncio.sleep(1.0)


def _text(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return (str(error) or type(error).__name__).splitlines()[0]

"""One device's session: notifications in from any number of connections, messages out, raw frames kept beside.

The Bluetooth callback only stamps and queues; everything else is done by `run`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from ingest.devices.driver import Driver, Started
from ingest.metrics import DEVICE_STATE, DROPPED_FRAMES, FRAMES
from ingest.pipeline import Frame, Identity, Out, Pipeline
from ingest.raw_log import RawLog
from ingest.steady_clock import SteadyClock
from stream.kafka import DEVICE_STATUS
from stream.messages import DeviceStatus

__all__ = ["STATES", "Collector", "MessageOutbox"]

log = logging.getLogger(__name__)
STATES = (
    "scanning",
    "connecting",
    "subscribing",
    "starting",
    "streaming",
    "stalled",
    "backing off",
    "ended",
)
_QUEUE = 4096  # notifications: 40 s of the fastest device


class MessageOutbox(Protocol):
    """Where the messages go: an Outbox, or files."""

    @property
    def dropped(self) -> int:
        """Messages given up."""
        ...

    def put(self, messages: Iterable[Out]) -> None:
        """Keep messages until they are safe. Does not wait."""
        ...

    def put_latest(self, topic: str, message: object, key: str) -> None:
        """The same for what is only about now."""
        ...


@dataclass(slots=True)
class Collector:
    """state: one of STATES; reason: why it is not streaming, for people. raw: None keeps no raw frames."""

    identity: Identity
    driver: Driver
    outbox: MessageOutbox
    clock: SteadyClock
    raw: RawLog | None = None
    state: str = "scanning"
    reason: str = ""
    rssi_dbm: float | None = None
    generation: int = 0
    dropped_frames: int = 0
    reconnects: int = 0
    pipeline: Pipeline = field(init=False)
    frame_at_ns: int = 0  # when the newest notification of the main characteristic came
    _started: Started | None = None
    _queue: deque[Frame] = field(default_factory=deque)
    _something: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(self.identity, self.driver)

    def enter(self, state: str, reason: str | None = None) -> None:
        """The supervisor's word of where the device is. reason: why it does not stream; it stands until it does."""
        if reason is not None and reason != self.reason:
            log.warning("%s %s: %s", self.identity.device, state, reason)
        elif state != self.state:
            log.info("%s %s", self.identity.device, state)
        for one in STATES:
            DEVICE_STATE.labels(self.identity.device, one).set(one == state)
        self.state, self.reason = state, "" if state == "streaming" else (reason or self.reason)

    def connected(self) -> Callable[[str, bytes], None]:
        """A new connection: gives the callback for its notifications. One of an older connection is ignored."""
        self.generation += 1
        self._started = None
        generation, counted = self.generation, FRAMES.labels(self.driver.name)
        queue, something, now_ns, main = self._queue, self._something, self.clock.now_ns, self.driver.main

        def on_frame(characteristic: str, data: bytes) -> None:
            if generation != self.generation:
                return
            at_ns = now_ns()
            counted.inc()
            if characteristic == main:
                self.frame_at_ns = at_ns
            if len(queue) >= _QUEUE:
                self.dropped_frames += 1
                DROPPED_FRAMES.labels(self.driver.name).inc()
                return
            queue.append(Frame(at_ns, generation, characteristic, data))
            something.set()

        return on_frame

    def streams(self, started: Started) -> None:
        """The device agreed to stream. Frames that came before are taken too: it may begin before it answers."""
        self._started = started
        self.frame_at_ns = self.clock.now_ns()
        self.pipeline.begin(started)
        if self.raw is not None:
            self.raw.started(self.frame_at_ns, self.generation, started)
        self._something.set()

    def breaks(self, why: str) -> None:
        """The connection is over."""
        if self._started is not None:
            self._drain()
            self._started = None
            self.reconnects += 1
            self.outbox.put(self.pipeline.break_off())
            if self.raw is not None:
                self.raw.broken(self.clock.now_ns(), self.generation, why)
        self._queue.clear()
        self.generation += 1  # what still comes over it is not this session's any more

    async def run(self) -> None:
        """Turn notifications into messages until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            if self._started is not None:
                self._drain()
            await asyncio.sleep(0.05)  # a fast device's notifications are taken together

    def tick(self) -> None:
        """Once a second: the status for everybody who watches, and the raw frames to the system."""
        if step_ns := self.clock.follow():
            log.warning("the system's clock was set forward by %.1f s: sample times go with it", step_ns / 1e9)
        if self.raw is not None:
            self.raw.flush()
        self._publish(ended=self.state == "ended")

    def end(self) -> None:
        """The session ends on purpose: flush what is held, say so, close the raw log."""
        self.breaks("ended")
        now_ns = self.clock.now_ns()
        self.outbox.put(self.pipeline.end(now_ns))
        if self.raw is not None:
            self.raw.ended(now_ns, self.generation)
            self.raw.close()
        self.enter("ended")
        self._publish(ended=True)

    @property
    def drops(self) -> int:
        """What was measured and lost on this side: notifications, and messages that found no room on the disk."""
        return self.dropped_frames + self.outbox.dropped

    def _drain(self) -> None:
        out: list[Out] = []
        known = self.pipeline.gap_count
        while self._queue:
            frame = self._queue.popleft()
            if self.raw is not None:
                self.raw.frame(frame)
            out += self.pipeline.take(frame)
        if self.raw is not None and (new := self.pipeline.gap_count - known):
            self.raw.gaps(self.clock.now_ns(), self.pipeline.gaps[-new:])
        self.outbox.put(out)

    def _publish(self, ended: bool) -> None:
        line = self.pipeline
        status = DeviceStatus(
            device=self.identity.device,
            patient=self.identity.patient,
            session=self.identity.session,
            at_ns=self.clock.now_ns(),
            last_sample_ns=line.last_sample_ns,
            state=self.state,
            battery_percent=line.battery_percent,
            rssi_dbm=self.rssi_dbm,
            fs_hz=line.fs_hz,
            gaps=line.gap_count,
            drops=self.drops,
            ended=ended,
        )
        self.outbox.put_latest(DEVICE_STATUS, status, self.identity.device)

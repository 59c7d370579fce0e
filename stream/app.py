"""The window process: a thin faust app over `stream.resume`. Chunks in, conditioned windows out.

Guards, each for a measured way to lose data (faust-streaming 0.15.3): its consumer may commit past the one message in
flight (issue 606), an exception in an agent acknowledges the message, a changelog table is not needed and not used."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

from stream.errors import RejectedChunk
from stream.health import health
from stream.kafka import PPG_CHUNKS, PPG_LATE, PPG_SEGMENTS, KafkaSettings, Publisher, Record
from stream.messages import Demographics, MessageError, PpgChunk, decode
from stream.metrics import CHUNKS, CONSUMED, WINDOWS
from stream.resume import DeviceLog, Step
from stream.settings import WindowSettings

__all__ = ["run"]

log = logging.getLogger(__name__)
_SWEEP_S = 5.0


@dataclass(slots=True)
class _Device:
    log: DeviceLog
    partition: int
    heard_s: float


class _SafeConsumer(driver.Consumer):
    """Never commits past a message that is still held (faust issue 606)."""

    def _new_offset(self, tp: Any) -> int | None:
        acked = self._acked[tp]
        held = [one.offset for one in self._unacked_messages if one.tp == tp and not one.acked]
        if not acked or (held and min(held) < min(acked)):
            return None
        return super()._new_offset(tp)

    def _new_consumer_thread(self) -> Any:
        return _PromptThread(self, loop=self.loop, beacon=self.beacon)


class _PromptThread(driver.AIOKafkaConsumerThread):
    """Asks for new data every 100 ms; faust's 1.5 s is a delay on a broker that does not wake its waiters."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = 100
        return consumer


class _Transport(driver.Transport):
    Consumer = _SafeConsumer


for _ours in (_SafeConsumer, _PromptThread):  # mode would write its life-cycle lines in this module's name
    _ours.logger = logging.getLogger("faust")


@dataclass(slots=True)
class _Work:
    """What the agent does, apart from faust: every device's windows, sent before their chunks are given free."""

    settings: WindowSettings
    patients: Mapping[str, Demographics]
    publisher: Publisher
    devices: dict[str, _Device] = field(default_factory=dict)

    async def take(self, record: Record, event: Any) -> None:
        """One message of ppg.chunks. The event is acknowledged when no later window needs it."""
        try:
            chunk = decode(record.value, PpgChunk)
            device = self.devices.setdefault(
                chunk.device, _Device(DeviceLog(time.time_ns, self.patients), record.partition, 0.0)
            )
            device.heard_s, device.partition = time.monotonic(), record.partition
            step = device.log.push(chunk, event)
        except (MessageError, RejectedChunk) as error:
            await self.publisher.dead_letter(record, str(error))
            event.ack()
            return
        CHUNKS.labels("late" if step.late else "taken").inc()
        CONSUMED.labels(PPG_CHUNKS).inc()
        if step.late:
            await self.publisher.send(PPG_LATE, chunk, chunk.device)
        await self._send(step)

    async def sweep(self) -> None:
        """Give up devices that have been silent for long."""
        for name, one in list(self.devices.items()):
            if time.monotonic() - one.heard_s > self.settings.flush_after_s:
                log.info("a device was silent for %.0f s and is given up", self.settings.flush_after_s)
                del self.devices[name]
                await self._send(one.log.flush())

    async def _send(self, step: Step) -> None:
        await self.publisher.send_all((PPG_SEGMENTS, one, one.patient) for one in step.segments)
        WINDOWS.inc(len(step.segments))
        for event in step.free:
            event.ack()


def _make_app(kafka: KafkaSettings, folder: str) -> faust.App:
    app = faust.App(
        f"{kafka.group}-window",
        broker=[f"kafka://{one}" for one in kafka.bootstrap.split(",")],
        datadir=folder,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=6.0,
        broker_commit_interval=1.0,
        stream_wait_empty=False,
        web_enabled=False,
        autodiscover=False,
        **_credentials(kafka),
    )
    app.transport = _Transport(app.conf.broker_consumer, app, app.loop)
    return app


def _credentials(kafka: KafkaSettings) -> dict[str, Any]:
    options = kafka.client_options()
    if "SASL" in kafka.security_protocol:
        return {
            "broker_credentials": faust.SASLCredentials(
                username=kafka.sasl_username,
                password=kafka.sasl_password,
                mechanism=kafka.sasl_mechanism,
                ssl_context=options["ssl_context"],
            )
        }
    if options["ssl_context"] is not None:
        return {"broker_credentials": faust.SSLCredentials(context=options["ssl_context"])}
    return {}


async def run(
    settings: WindowSettings, kafka: KafkaSettings, patients: Mapping[str, Demographics], stop: asyncio.Event
) -> None:
    """Cut windows until `stop`. patients: what the settings know of people overrides what chunks say.

    Raises BrokerUnavailable; any other error of the agent ends the process with nothing acknowledged."""
    failure: list[BaseException] = []
    async with Publisher(kafka) as publisher:
        with tempfile.TemporaryDirectory(prefix="p2es-window-") as folder:
            app = _make_app(kafka, folder)
            work = _Work(settings, patients, publisher)

            @app.agent(app.topic(PPG_CHUNKS, key_type=bytes, value_type=bytes))
            async def windows(stream: Any) -> None:
                try:
                    async for event in stream.noack().events():
                        await work.take(_record(event), event)
                except Exception as error:
                    # faust would acknowledge the message and go on: end instead, the message is read again
                    failure.append(error)
                    stop.set()
                    raise

            @app.on_partitions_revoked.connect
            async def forget(*_: Any, **__: Any) -> None:
                work.devices.clear()  # whoever gets the partitions reads again what was held

            assert windows
            assert forget
            app.finalize()
            await app.start()
            try:
                health.set("broker", True)
                while not stop.is_set():
                    health.beat()
                    await work.sweep()
                    await _wait(stop, _SWEEP_S)
            finally:
                await app.stop()
    if failure:
        raise failure[0]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _record(event: Any) -> Record:
    message = event.message
    key = None if message.key is None else message.key.decode(errors="replace")
    return Record(
        message.topic, message.partition, message.offset, int(message.timestamp * 1000), key, event.value or b""
    )

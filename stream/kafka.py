"""Kafka for every room: topics, an acknowledged publisher, the loop consume - process - commit, dead letters.

Nothing is committed before what came of it is acknowledged, so a crash repeats messages and never loses one; whoever
reads must treat a repeated id as the same thing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, MessageSizeTooLargeError

from stream.cluster import KafkaSettings, backoff, connect
from stream.errors import BrokerUnavailable, WrongTopics
from stream.health import health
from stream.messages import (
    Alert,
    DeviceStatus,
    EcgSegment,
    MessageError,
    Motion,
    Numerics,
    PpgChunk,
    PpgSegment,
    ReferenceEcg,
    decode,
    encode,
)
from stream.metrics import CONSUMED, DEAD_LETTERS, LAG, PUBLISHED

__all__ = [
    "ALERTS",
    "ALERT_COMMANDS",
    "ALERT_STATE",
    "CONTRACTS",
    "DEVICE_STATUS",
    "DLQ",
    "ECG_REFERENCE",
    "ECG_SEGMENTS",
    "MOTION",
    "NUMERICS",
    "PPG_CHUNKS",
    "PPG_LATE",
    "PPG_SEGMENTS",
    "TOPICS",
    "KafkaSettings",
    "Publisher",
    "Record",
    "Reject",
    "backoff",
    "connect",
    "consume",
    "latest_by_key",
    "read_all",
    "wrong_partitions",
]

log = logging.getLogger(__name__)

PPG_CHUNKS, PPG_SEGMENTS, PPG_LATE = "ppg.chunks", "ppg.segments", "ppg.late"
ECG_SEGMENTS, ECG_REFERENCE = "ecg.segments", "ecg.reference"
ALERTS, ALERT_COMMANDS, ALERT_STATE = "alerts", "alerts.commands", "alerts.state"
DEVICE_STATUS, MOTION, NUMERICS, DLQ = "device.status", "motion", "numerics", "dlq"
CONTRACTS: dict[str, type] = {
    PPG_CHUNKS: PpgChunk,
    PPG_SEGMENTS: PpgSegment,
    PPG_LATE: PpgChunk,
    ECG_SEGMENTS: EcgSegment,
    ECG_REFERENCE: ReferenceEcg,
    ALERTS: Alert,
    ALERT_COMMANDS: Alert,
    ALERT_STATE: Alert,
    DEVICE_STATUS: DeviceStatus,
    MOTION: Motion,
    NUMERICS: Numerics,
}
TOPICS = (*CONTRACTS, DLQ)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One message as it lies on the broker; `message` is its contract, None when it could not be decoded. attempt: 1,
    and one more each time it was sent again from the dead letters."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str | None
    value: bytes
    message: Any = None
    attempt: int = 1


class Reject(Exception):
    """Raised by a processor: this record can never be processed, the others can."""

    def __init__(self, record: Record, reason: str) -> None:
        super().__init__(reason)
        self.record, self.reason = record, reason


class Publisher:
    """Acknowledged sending, in order, without duplicates of its own. An async context manager."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Publisher:
        """Connect. Raises BrokerUnavailable when no broker answers within the patience."""
        self._producer = await connect(
            self._settings,
            lambda: AIOKafkaProducer(
                acks="all", enable_idempotence=True, compression_type="lz4", **self._settings.client_options()
            ),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, topic: str, message: Any, key: str) -> None:
        """Returns once the broker has it; waits as long as the broker is away."""
        await self._send(topic, encode(message), key.encode(), ())

    async def send_all(self, messages: Iterable[tuple[str, Any, str]]) -> None:
        """Send (topic, message, key) in order and return once the broker has them all."""
        await self.send_encoded([(topic, encode(message), key) for topic, message, key in messages])

    async def send_encoded(self, messages: Sequence[tuple[str, bytes, str]]) -> None:
        """`send_all` for messages that are bytes already."""
        await self._deliver([(topic, value, key.encode(), ()) for topic, value, key in messages])

    async def dead_letter(self, record: Record, error: str) -> None:
        """Set a record aside where an operator can look at it and send it again."""
        log.warning("%s partition %d offset %d set aside: %s", record.topic, record.partition, record.offset, error)
        headers = {
            "source_topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "error": error,
            "attempt": str(record.attempt),
        }
        key = record.key.encode() if record.key else None
        DEAD_LETTERS.labels(record.topic).inc()
        await self._send(DLQ, record.value, key, tuple((name, value.encode()) for name, value in headers.items()))

    async def redrive(self, topic: str, value: bytes, key: str | None, place: str, attempt: int) -> None:
        """Send a dead letter to where it came from, and leave a note in dlq that it was."""
        encoded = key.encode() if key else None
        await self._send(topic, value, encoded, (("attempt", str(attempt).encode()),))
        await self._send(DLQ, b"", encoded, (("redriven", place.encode()),))

    async def _send(self, topic: str, value: bytes, key: bytes | None, headers: tuple) -> None:
        await self._deliver([(topic, value, key, headers)])

    async def _deliver(self, pending: list[tuple[str, bytes, bytes | None, tuple]]) -> None:
        """In order, also when some have to be sent again: those that failed go before all that come later."""
        assert self._producer is not None, "used outside its context"
        waits = iter(backoff())
        while pending:
            results = await self._tried(pending)
            failed = [(one, result) for one, result in zip(pending, results, strict=True) if result is not None]
            for topic, *_ in (one for one, result in zip(pending, results, strict=True) if result is None):
                PUBLISHED.labels(topic).inc()
            if failed:
                (topic, *_), error = failed[0]
                log.warning("broker does not take %s (%s); trying again", topic, error)
                await asyncio.sleep(next(waits))
            pending = [one for one, _ in failed]

    async def _tried(self, messages: list[tuple[str, bytes, bytes | None, tuple]]) -> list[KafkaError | None]:
        """What became of each message: None when the broker has it."""
        assert self._producer is not None
        futures: list[asyncio.Future] = []
        results: list[KafkaError | None] = []
        try:
            for topic, value, key, headers in messages:
                futures.append(await self._producer.send(topic, value, key, headers=list(headers)))
        except MessageSizeTooLargeError:
            raise
        except KafkaError as error:
            results = [error] * (len(messages) - len(futures))
        finally:
            known = await asyncio.gather(*futures, return_exceptions=True)
        for one in known:
            if isinstance(one, BaseException) and not isinstance(one, KafkaError):
                raise one
        return [one if isinstance(one, KafkaError) else None for one in known] + results


Process = Callable[[list[Record]], Awaitable[None]]


async def consume(
    settings: KafkaSettings,
    *,
    group: str | None,
    kinds: Mapping[str, type],
    process: Process,
    publisher: Publisher | None,
    stop: asyncio.Event,
    max_records: int = 64,
    poll_ms: int = 100,
    gather_ms: int = 0,
    start: str = "earliest",
) -> None:
    """Read topics, decode, process, commit; until `stop`.

    kinds: topic -> contract. group None: read every partition alone and commit nothing. start: earliest or latest,
    where the group has no offset. gather_ms: when a poll brought more than one record but not max_records, wait so
    long for others: one is never kept waiting, many are cheaper together.

    What cannot be decoded, and what the processor Rejects, goes to the dead letters (is
    only logged without a publisher). Any other error of the processor ends the loop with nothing committed."""
    async with _consumer(settings, group, list(kinds), start) as consumer:
        while not stop.is_set():
            health.beat()
            polled = await consumer.getmany(timeout_ms=poll_ms, max_records=max_records)
            if gather_ms and 1 < sum(map(len, polled.values())) < max_records:
                await asyncio.sleep(gather_ms / 1000)
                more = await consumer.getmany(max_records=max_records - sum(map(len, polled.values())))
                polled = {tp: [*polled.get(tp, ()), *more.get(tp, ())] for tp in {*polled, *more}}
            records = [_record(raw) for batch in polled.values() for raw in batch]
            if not records:
                continue
            good = []
            for one in records:
                try:
                    good.append(_decoded(one, kinds[one.topic]))
                except MessageError as error:
                    await _set_aside(publisher, one, str(error))
            await _process(good, process, publisher)
            if group is not None:
                await _commit(consumer, {tp: batch[-1].offset + 1 for tp, batch in polled.items() if batch})
            for tp, batch in polled.items():
                CONSUMED.labels(tp.topic).inc(len(batch))
                LAG.labels(tp.topic, tp.partition).set((consumer.highwater(tp) or 0) - batch[-1].offset - 1)


def wrong_partitions(topic: str, found: int, wanted: int) -> str:
    """The one line for a topic with another number of partitions than is set."""
    return (
        f"topic {topic} has {found} partitions and kafka.partitions is {wanted}: "
        "set kafka.partitions to what is there, or make the topic anew"
    )


async def read_all(settings: KafkaSettings, topic: str) -> list[Any]:
    """Every raw message of a topic, from its start to its present end."""
    found: list[Any] = []
    async with _consumer(settings, None, [topic], "earliest") as consumer:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
    return found


async def latest_by_key(settings: KafkaSettings, topic: str, kind: type) -> dict[str, Any]:
    """The newest message of every key of a compacted topic, read from its start to its present end."""
    found: dict[str, Any] = {}
    for raw in await read_all(settings, topic):
        try:
            found[(raw.key or b"").decode()] = decode(raw.value, kind)
        except MessageError as error:
            log.warning("%s offset %d ignored: %s", topic, raw.offset, error)
    return found


@asynccontextmanager
async def _consumer(
    settings: KafkaSettings, group: str | None, topics: list[str], start: str
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = await connect(
        settings,
        lambda: AIOKafkaConsumer(
            *topics,
            group_id=None if group is None else f"{settings.group}-{group}",
            enable_auto_commit=False,
            auto_offset_reset=start,
            session_timeout_ms=6_000,  # a killed member's partitions move on within seconds
            heartbeat_interval_ms=1_000,
            fetch_max_wait_ms=100,
            metadata_max_age_ms=10_000,
            **settings.client_options(),
        ),
    )
    try:
        missing = set(topics) - await consumer.topics()
        if missing:
            names = ", ".join(sorted(missing))
            raise BrokerUnavailable(f"the broker at {settings.bootstrap} has no topic {names}: run p2es topics init")
        for topic in topics:
            found = len(consumer.partitions_for_topic(topic) or ())
            if found != settings.partitions:
                raise WrongTopics(wrong_partitions(topic, found, settings.partitions))
        health.set("broker", True)
        yield consumer
    finally:
        await consumer.stop()


async def _process(records: list[Record], process: Process, publisher: Publisher | None) -> None:
    while records:
        try:
            await process(records)
        except Reject as reject:
            await _set_aside(publisher, reject.record, reject.reason)
            records = [one for one in records if one is not reject.record]
        else:
            return


async def _set_aside(publisher: Publisher | None, record: Record, error: str) -> None:
    if publisher is None:
        log.warning("%s partition %d offset %d ignored: %s", record.topic, record.partition, record.offset, error)
    else:
        await publisher.dead_letter(record, error)


async def _commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    for wait_s in backoff():
        try:
            await consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            log.info("partitions moved to another member: it will repeat the last records")
            return
        except KafkaError as error:
            log.warning("offsets not committed (%s); trying again", error)
            await asyncio.sleep(wait_s)
        else:
            return


def _record(raw: Any) -> Record:
    key = None if raw.key is None else raw.key.decode(errors="replace")
    attempt = dict(raw.headers).get("attempt", b"1")
    return Record(
        raw.topic,
        raw.partition,
        raw.offset,
        raw.timestamp,
        key,
        raw.value or b"",
        attempt=int(attempt) if attempt.isdigit() else 1,
    )


def _decoded(record: Record, kind: type) -> Record:
    return replace(record, message=decode(record.value, kind))

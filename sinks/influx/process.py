"""The InfluxDB process: Kafka -> line protocol -> confirmed write -> commit.

Points are a pure function of the message, so what a crash repeats is written over itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError

from sinks.influx.lines import (
    alert_lines,
    confirmed_lines,
    device_lines,
    estimate_lines,
    lag_lines,
    late_lines,
    number_lines,
    pulse_lines,
)
from sinks.influx.writer import Writer
from sinks.metrics import CONFIRMED_AFTER, REFUSED_LINES
from sinks.settings import InfluxSettings
from stream.errors import BrokerUnavailable
from stream.kafka import (
    ALERTS,
    CONTRACTS,
    DEVICE_STATUS,
    ECG_SEGMENTS,
    NUMERICS,
    PPG_LATE,
    PPG_SEGMENTS,
    KafkaSettings,
    Publisher,
    Record,
    consume,
)
from stream.lag import LagReader
from stream.messages import EcgSegment

__all__ = ["LINES", "run"]

log = logging.getLogger(__name__)

LINES: dict[str, Callable[[Any], list[str]]] = {
    ECG_SEGMENTS: estimate_lines,
    PPG_SEGMENTS: pulse_lines,
    PPG_LATE: late_lines,
    DEVICE_STATUS: device_lines,
    NUMERICS: number_lines,
    ALERTS: alert_lines,
}
_RECORDS = 64  # of one poll: about 10,000 lines
_REPORT_EVERY_S, _LAST_WORD_S = 5.0, 2.0


async def run(settings: InfluxSettings, kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Write until `stop`. Raises DatabaseRefused with nothing committed, BrokerUnavailable, WrongTopics."""
    async with Publisher(kafka) as publisher, Writer(settings) as writer:
        await writer.check()
        confirmed: list[str] = []
        reporting = [asyncio.create_task(one) for one in (_report(writer, confirmed), _watch_lag(writer, kafka))]

        async def process(records: list[Record]) -> None:
            lines: list[str] = []
            owners: list[int] = []
            for number, record in enumerate(records):
                added = LINES[record.topic](record.message)
                lines += added
                owners += [number] * len(added)
            refused: dict[int, str] = {}
            for one in await writer.write(lines):
                REFUSED_LINES.inc()
                refused.setdefault(owners[one.number], f"{one.reason} ({lines[one.number][:120]})")
            for number, reason in refused.items():
                await publisher.dead_letter(records[number], reason)
            confirmed.extend(_confirmed(records))

        try:
            await consume(
                kafka,
                group="influx",
                kinds={topic: CONTRACTS[topic] for topic in LINES},
                process=process,
                publisher=publisher,
                stop=stop,
                max_records=_RECORDS,
            )
        finally:
            for one in reporting:
                one.cancel()
            with suppress(TimeoutError):  # a database that is away must not keep us
                await asyncio.wait_for(writer.write(confirmed), _LAST_WORD_S)


async def _report(writer: Writer, confirmed: list[str]) -> None:
    """Latencies of the last seconds. What is not written when the process dies is lost: they are figures, not data."""
    while True:
        await asyncio.sleep(_REPORT_EVERY_S)
        lines = confirmed.copy()
        await writer.write(lines)
        del confirmed[: len(lines)]


async def _watch_lag(writer: Writer, kafka: KafkaSettings) -> None:
    """An extra: a broker that does not tell (the embedded one) costs the lag, and nothing else."""
    while True:
        try:
            async with LagReader(kafka) as reader:
                while True:
                    await writer.write(lag_lines(await reader.read(), time.time_ns()))
                    await asyncio.sleep(_REPORT_EVERY_S)
        except AttributeError:
            log.info("this broker does not tell consumer lag")
            return
        except (KafkaError, BrokerUnavailable, OSError) as error:
            log.debug("no consumer lag for now: %s", error)
            await asyncio.sleep(_REPORT_EVERY_S)


def _confirmed(records: list[Record]) -> Iterator[str]:
    now_ns = time.time_ns()
    for record in records:
        if isinstance(record.message, EcgSegment) and "closed" in record.message.stages_ns:
            CONFIRMED_AFTER.observe((now_ns - record.message.stages_ns["closed"]) / 1e9)
            yield from confirmed_lines(record.message, now_ns)

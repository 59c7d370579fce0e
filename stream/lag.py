"""How far each stage is behind, asked of the broker: a stage that died cannot tell its own lag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream.kafka import KafkaSettings, connect

__all__ = ["GROUPS", "Lag", "LagReader"]

GROUPS = ("window", "infer", "alert", "record", "influx")


@dataclass(frozen=True, slots=True)
class Lag:
    """messages: of the topic, after what `reader` committed."""

    reader: str
    topic: str
    messages: int


class LagReader:
    """An async context manager; ask as often as you like."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._admin: Any = None
        self._consumer: Any = None

    async def __aenter__(self) -> LagReader:
        options = self._kafka.client_options()
        self._admin = await connect(self._kafka, lambda: AIOKafkaAdminClient(**options))
        self._consumer = await connect(self._kafka, lambda: AIOKafkaConsumer(**options))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def read(self) -> list[Lag]:
        """Of every group that has committed anything. Raises KafkaError."""
        found: dict[tuple[str, str], int] = {}
        for reader in GROUPS:
            committed = await self._admin.list_consumer_group_offsets(f"{self._kafka.group}-{reader}")
            partitions: list[TopicPartition] = list(committed)
            ends = await self._consumer.end_offsets(partitions) if partitions else {}
            for each in partitions:
                behind = max(0, ends[each] - max(0, committed[each].offset))
                found[reader, each.topic] = found.get((reader, each.topic), 0) + behind
        return [Lag(reader, topic, messages) for (reader, topic), messages in found.items()]

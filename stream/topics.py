"""Topics on a real Kafka: made with the partitions and retention they need, and checked.

The key of a message decides its partition, and a device or a patient has to stay in one: so the number of partitions
is settled once, and another number is an error, never a silent change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from stream.errors import BrokerUnavailable, WrongTopics
from stream.kafka import ALERT_STATE, ALERTS, DLQ, TOPICS, KafkaSettings, connect, wrong_partitions

__all__ = ["TopicPlan", "check_topics", "make_topics", "planned_topics"]

_HOUR_MS = 3_600_000
_FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """partitions: how many. config: Kafka's names and values."""

    name: str
    partitions: int
    config: dict[str, str]


def planned_topics(kafka: KafkaSettings) -> list[TopicPlan]:
    """Waveforms are kept for retention_h; alerts and dead letters for an operator; alert state for ever, compacted."""
    special = {
        ALERT_STATE: {"cleanup.policy": "compact"},
        ALERTS: {"retention.ms": str(max(720, round(kafka.retention_h)) * _HOUR_MS)},
        DLQ: {"retention.ms": str(_FOR_EVER)},
    }
    usual = {"retention.ms": str(round(kafka.retention_h * _HOUR_MS))}
    return [TopicPlan(name, kafka.partitions, special.get(name, usual)) for name in TOPICS]


async def make_topics(kafka: KafkaSettings, say: Callable[[str], None]) -> None:
    """Make what is missing; say nothing of what is there. Raises WrongTopics, BrokerUnavailable."""
    async with _admin(kafka) as admin:
        present = set(await admin.list_topics())
        wanted = [one for one in planned_topics(kafka) if one.name not in present]
        made = (
            await admin.create_topics(
                [NewTopic(one.name, one.partitions, kafka.replication, topic_configs=one.config) for one in wanted]
            )
            if wanted
            else None
        )
        for topic, code, *reason in made.topic_errors if made else ():
            if code:
                said = reason[0] if reason and reason[0] else for_code(code).description
                raise WrongTopics(f"topic {topic} cannot be made: {said}")
            say(f"topic {topic} made")
    problems = await check_topics(kafka)
    if problems:
        raise WrongTopics(problems[0])


async def check_topics(kafka: KafkaSettings) -> list[str]:
    """What is wrong, one line each; empty when nothing is. Raises BrokerUnavailable."""
    async with _admin(kafka) as admin:
        found = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics() if one["partitions"]}
    problems = []
    for plan in planned_topics(kafka):
        if plan.name not in found:
            problems.append(f"no topic {plan.name}: run p2es topics init")
        elif found[plan.name] != plan.partitions:
            problems.append(wrong_partitions(plan.name, found[plan.name], plan.partitions))
    return problems


@asynccontextmanager
async def _admin(kafka: KafkaSettings):
    client = await connect(kafka, lambda: AIOKafkaAdminClient(**kafka.client_options()))
    try:
        yield client
    except KafkaError as error:
        raise BrokerUnavailable(f"the broker at {kafka.bootstrap}: {error}") from error
    finally:
        await client.close()

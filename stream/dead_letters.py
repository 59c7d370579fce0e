"""What was set aside, with its reason and the way back.

A letter stays in `dlq` for ever. What was sent again is remembered in the same topic by an empty letter whose header
`redriven` names the place of the first."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream.errors import NoSuchLetter
from stream.kafka import CONTRACTS, DLQ, KafkaSettings, Publisher, read_all
from stream.messages import MessageError, decode

__all__ = ["DeadLetter", "dead_letters", "find", "redrive"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """place: PARTITION:OFFSET in dlq. redriven: whether it was sent again."""

    place: str
    source_topic: str
    partition: int
    offset: int
    error: str
    attempt: int
    key: str | None
    at_ms: int
    value: bytes
    redriven: bool = False

    def facts(self) -> dict[str, Any]:
        """All but the content, as plain JSON values."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {key: value for key, value in plain.items() if key != "value"} | {"bytes": len(self.value)}

    def content(self) -> Any:
        """The message as plain JSON values, arrays by their shape; its first bytes when it cannot be read."""
        try:
            message = decode(self.value, CONTRACTS[self.source_topic])
        except (MessageError, KeyError):
            return {"hex": self.value[:64].hex()}
        return {item.name: _plain(getattr(message, item.name)) for item in dataclasses.fields(message)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return f"array of {' x '.join(map(str, value.shape))} {value.dtype}"
    return repr(value) if dataclasses.is_dataclass(value) or isinstance(value, tuple) else value


async def dead_letters(kafka: KafkaSettings) -> list[DeadLetter]:
    """All, oldest first. Raises BrokerUnavailable."""
    letters, sent = {}, set()
    for raw in await read_all(kafka, DLQ):
        headers = {name: value.decode(errors="replace") for name, value in raw.headers}
        if "redriven" in headers:
            sent.add(headers["redriven"])
            continue
        place = f"{raw.partition}:{raw.offset}"
        letters[place] = DeadLetter(
            place,
            headers.get("source_topic", "?"),
            int(headers.get("partition", -1)),
            int(headers.get("offset", -1)),
            headers.get("error", "?"),
            int(headers.get("attempt", 1)),
            None if raw.key is None else raw.key.decode(errors="replace"),
            raw.timestamp,
            raw.value or b"",
        )
    found = [dataclasses.replace(one, redriven=place in sent) for place, one in letters.items()]
    return sorted(found, key=lambda one: (one.at_ms, one.place))


async def find(kafka: KafkaSettings, place: str) -> DeadLetter:
    """One by its place. Raises NoSuchLetter."""
    for one in await dead_letters(kafka):
        if one.place == place:
            return one
    raise NoSuchLetter(f"no dead letter {place}: p2es dlq list shows all")


async def redrive(kafka: KafkaSettings, places: list[str] | None) -> list[DeadLetter]:
    """Send the named ones, or all that were not sent yet, to where they came from. Raises NoSuchLetter before any."""
    known = {one.place: one for one in await dead_letters(kafka)}
    missing = [place for place in places or () if place not in known]
    if missing:
        raise NoSuchLetter(f"no dead letter {missing[0]}: p2es dlq list shows all")
    chosen = [known[place] for place in places] if places else [one for one in known.values() if not one.redriven]
    chosen = [one for one in chosen if one.source_topic in CONTRACTS]
    async with Publisher(kafka) as publisher:
        for one in chosen:
            await publisher.redrive(one.source_topic, one.value, one.key, one.place, one.attempt + 1)
    return chosen

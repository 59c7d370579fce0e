"""What the tests of all decoders do: feed, cut, count."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ingest.devices.driver import Block, Decoder, Item, Numbers, Started, Steps
from ingest.errors import FrameError

__all__ = ["answered", "cut", "fed", "numbers", "only", "rows"]


def fed(decoder: Decoder, characteristic: str, frames: Iterable[bytes]) -> list[Item]:
    """All items; frames that are refused give none."""
    items: list[Item] = []
    for frame in frames:
        with suppress(FrameError):
            items += decoder.feed(characteristic, frame)
    return items


def rows(items: Iterable[Item]) -> list[list[int]]:
    """The samples of all blocks, one row a sample."""
    return [row for item in items if isinstance(item, Block) for row in item.values.tolist()]


def numbers(items: Iterable[Item]) -> list[Numbers]:
    return [item for item in items if isinstance(item, Numbers)]


def only(items: list[Item], kind: type = Block) -> Any:
    """The one item of that kind."""
    (found,) = [item for item in items if isinstance(item, kind)]
    return found


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes in pieces, cut at the places that lie within."""
    ends = sorted({place for place in places if 0 < place < len(data)})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


def answered(steps: Steps, *answers: bytes) -> tuple[list[Any], Started]:
    """What a generator of steps asks, each answered in turn (with nothing when the answers run out), and its end."""
    asked: list[Any] = []
    queue = list(answers)
    try:
        asked.append(next(steps))
        while True:
            asked.append(steps.send(queue.pop(0) if queue else b""))
    except StopIteration as end:
        return asked, end.value

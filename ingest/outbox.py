"""What is to be sent, in order: from memory while the broker answers, through the disk while it does not.

`put` never waits, so that a broker that is away never slows down a wearable."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol, TypeVar

from ingest.pipeline import Out
from ingest.spool import Entry, Spool
from stream.errors import BrokerUnavailable
from stream.kafka import backoff
from stream.messages import encode

__all__ = ["EncodedSender", "Outbox"]

log = logging.getLogger(__name__)
T = TypeVar("T")
_BATCH = 256
_PATIENCE_S = 1.0  # without an answer for so long, what waits goes to the disk
_LAST_S = 5.0


class EncodedSender(Protocol):
    """What an outbox needs of a publisher."""

    async def send_encoded(self, messages: Sequence[tuple[str, bytes, str]]) -> None:
        """Send (topic, message, key) in order; return once the broker has them all, however long that takes."""
        ...


class Outbox:
    """connect: gives a publisher; may raise BrokerUnavailable, and is tried again."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[EncodedSender]], spool: Spool) -> None:
        self._connect, self._spool = connect, spool
        self._waiting: deque[Entry] = deque()
        self._latest: dict[str, Entry] = {}
        self._is_away = False
        self._sent = -1  # what is kept on the disk up to this number was sent all the same
        self._something = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def dropped(self) -> int:
        """Messages given up because the disk had no room."""
        return self._spool.dropped

    @property
    def is_away(self) -> bool:
        """Whether messages wait on the disk."""
        return self._is_away

    def put(self, messages: Iterable[Out]) -> None:
        """Keep messages until the broker has them."""
        entries = [Entry(topic, key, encode(message)) for topic, message, key in messages]
        if not entries:
            return
        if self._is_away:
            self._spool.append(entries)
        else:
            self._waiting += entries
        self._something.set()

    def put_latest(self, topic: str, message: object, key: str) -> None:
        """Send when possible, unless a newer one of the same key comes before: for what is only about now."""
        self._latest[key] = Entry(topic, key, encode(message))
        self._something.set()

    async def run(self) -> None:
        """Send until `close` was called and all is sent; what is not by then is kept for the next start."""
        self._is_away = len(self._spool) > 0
        said = ""
        try:
            for wait_s in backoff():
                try:
                    await self._send_while_connected()
                    return
                except BrokerUnavailable as error:
                    if str(error) != said:
                        log.warning("%s; what is measured is kept on the disk meanwhile", error)
                    said = str(error)
                    self._go_away([])
                if self._stopping.is_set():
                    return
                await asyncio.sleep(wait_s)
        except _NoPatienceLeft:
            log.warning("%d messages wait on the disk for the next start", len(self._spool))
        finally:
            self._spool.append(self._waiting)
            self._waiting.clear()

    def close(self) -> None:
        """Nothing more will be put."""
        self._stopping.set()
        self._something.set()

    async def _send_while_connected(self) -> None:
        async with AsyncExitStack() as stack:
            sender = await self._patiently(stack.enter_async_context(self._connect()), [])
            while True:
                is_kept, batch = self._next()
                news, self._latest = list(self._latest.values()), {}
                if not batch and not news:
                    if self._stopping.is_set():
                        return
                    self._something.clear()
                    await self._something.wait()
                    continue
                messages = [(one.topic, one.value, one.key) for one in (*batch, *news)]
                await self._patiently(sender.send_encoded(messages), [] if is_kept else batch)
                if is_kept:
                    self._spool.done(batch)

    def _next(self) -> tuple[bool, list[Entry]]:
        """The oldest messages, and whether they are on the disk."""
        if self._is_away:
            kept = self._spool.oldest(self._sent)
            if kept:
                return True, kept
            self._is_away = False
            log.info("all that was kept on the disk is sent")
        return False, [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]

    async def _patiently(self, work: Coroutine[Any, Any, T], batch: list[Entry]) -> T:
        """Wait for the broker; `batch` is what it is being sent. Raises _NoPatienceLeft some time after `close`."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            if not (await asyncio.wait({task}, timeout=_PATIENCE_S))[0]:
                underway = self._go_away(batch)
                await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait({task}, timeout=_LAST_S)
                if not task.done():
                    raise _NoPatienceLeft
                self._sent = max(self._sent, underway)
            return task.result()
        finally:
            task.cancel()
            stopping.cancel()

    def _go_away(self, batch: list[Entry]) -> int:
        """From now on everything goes to the disk; the number of the last one of `batch` there, -1 if it is empty."""
        if not self._is_away:
            log.warning("the broker does not take messages: they are kept on the disk")
        self._is_away = True
        last = self._spool.append(batch) if batch else -1
        self._spool.append(self._waiting)
        self._waiting.clear()
        return last


class _NoPatienceLeft(Exception):
    """The broker is away and we are asked to end."""

"""Messages to the bus, in order, no faster than the bus takes them."""

from __future__ import annotations

import asyncio
import os
import select
from collections import deque
from functools import partial

from dbus_fast import Message
from dbus_fast.aio import MessageBus

__all__ = ["Outlet"]

_RETRY_S, _DRAIN_S = 0.001, 1.0


class Outlet:
    """dbus-fast 5.2 gives the connection up when the socket is full at the start of a message (BlockingIOError in
    write_callback), so it is given a message only when the socket has room."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._waiting: deque[Message] = deque()
        self._poll = select.poll()
        socket = bus._fd  # no public name for it
        assert socket is not None, "connect the bus first"
        self._poll.register(socket, select.POLLOUT)
        self._retry: asyncio.TimerHandle | None = None

    def send(self, message: Message) -> None:
        """Send, now or when there is room. On a dead bus, nothing happens. Closes the file descriptors it carries."""
        self._waiting.append(message)
        if self._retry is None:
            self._flush()

    async def drain(self) -> None:
        """Wait until all is sent, or the bus is dead or takes nothing any more."""
        until_s = asyncio.get_running_loop().time() + _DRAIN_S
        while self._waiting and self._bus.connected and asyncio.get_running_loop().time() < until_s:
            await asyncio.sleep(_RETRY_S)

    def close(self) -> None:
        """Send nothing any more."""
        for message in self._waiting:
            _close(message.unix_fds)
        self._waiting.clear()
        if self._retry is not None:
            self._retry.cancel()

    def _flush(self) -> None:
        self._retry = None
        while self._waiting and self._bus.connected:
            if not self._poll.poll(0):
                self._retry = asyncio.get_running_loop().call_later(_RETRY_S, self._flush)
                return
            message = self._waiting.popleft()
            sent = self._bus.send(message)
            if message.unix_fds:  # the receiver has its own copies: ours would keep the sockets open
                sent.add_done_callback(partial(_sent, message.unix_fds))


def _sent(fds: list[int], _: asyncio.Future) -> None:
    _close(fds)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)

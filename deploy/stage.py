"""A stage as a process: stopped by SIGTERM or Ctrl-C, which lets it finish, commit and close."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

__all__ = ["run_stage"]


def run_stage(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)` until it ends or a signal sets `stop`."""

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(stop)

    asyncio.run(until_stopped())

"""A stage as a process: stopped by SIGTERM or Ctrl-C, which lets it finish, commit and close."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

from deploy.health import HealthSettings, serve_health

__all__ = ["run_stage"]


def run_stage(main: Callable[[asyncio.Event], Awaitable[None]], health: HealthSettings | None = None) -> None:
    """Run `main(stop)` until it ends or a signal sets `stop`; health: where it answers for itself meanwhile."""

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with serve_health(health or HealthSettings()):
            await main(stop)

    asyncio.run(until_stopped())

"""/metrics, /healthz and /readyz of a stage, beside its work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from deploy.errors import DeployError
from stream.health import health

__all__ = ["HealthSettings", "serve_health"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """host, port: where a stage answers /metrics, /healthz and /readyz; port 0 does not answer at all. Each stage needs
    a port of its own."""

    host: str = "127.0.0.1"
    port: int = 0


@asynccontextmanager
async def serve_health(settings: HealthSettings) -> AsyncIterator[None]:
    """Answer for as long as the context lasts. Raises DeployError when the port is taken."""
    if not settings.port:
        yield
        return
    app = web.Application()
    app.add_routes([web.get("/metrics", _metrics), web.get("/healthz", _alive), web.get("/readyz", _ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        await runner.cleanup()
        raise DeployError(f"health.port {settings.port} is in use: give each stage its own") from error
    try:
        yield
    finally:
        await runner.cleanup()


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n") if health.is_alive() else web.Response(status=503, text="the main loop stands\n")


async def _ready(_: web.Request) -> web.Response:
    missing = health.missing()
    return (
        web.Response(status=503, text=f"waiting for {', '.join(missing)}\n") if missing else web.Response(text="ok\n")
    )

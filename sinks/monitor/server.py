"""The live page: aiohttp serves it, a websocket feeds it."""

from __future__ import annotations

import asyncio
import json
import logging
from importlib.resources import files
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sinks.errors import PortInUse
from sinks.metrics import PAGES
from sinks.monitor.state import Message, MonitorState
from sinks.settings import MonitorSettings
from sinks.wfdb_writer import LABEL
from stream.kafka import (
    ALERT_STATE,
    ALERTS,
    DEVICE_STATUS,
    ECG_REFERENCE,
    ECG_SEGMENTS,
    PPG_SEGMENTS,
    KafkaSettings,
    Record,
    consume,
    latest_by_key,
)
from stream.messages import Alert, DeviceStatus, EcgSegment, PpgSegment, ReferenceEcg

__all__ = ["Monitor", "run"]

log = logging.getLogger(__name__)
_BEAT_S = 1.0  # the server's sign of life to the page
_WAITING = 512  # messages a slow page may be behind before it is cut off and comes back for a snapshot


class Monitor:
    """The page's server. Use as an async context manager; `show` a message to all pages."""

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self._state = MonitorState(settings.minutes)
        self._pages: dict[web.WebSocketResponse, asyncio.Queue[str]] = {}
        self.ready = False
        app = web.Application()
        app.add_routes([
            web.get("/", self._index),
            web.get("/ws", self._socket),
            web.get("/healthz", self._health),
            web.get("/readyz", self._readiness),
            web.static("/page", str(files("sinks.monitor") / "page")),
        ])  # fmt: skip
        app.on_response_prepare.append(_harden)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{self._settings.host}:{self._settings.port}/"

    async def __aenter__(self) -> Monitor:
        """Start serving. Raises PortInUse."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise PortInUse(
                f"port {self._settings.port} on {self._settings.host} cannot be used ({error.strerror}): "
                "stop the program there, or choose another with --set monitor.port=NUMBER"
            ) from error
        log.info("live page at %s", self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        for page in list(self._pages):
            await page.close(code=WSCloseCode.GOING_AWAY)
        await self._runner.cleanup()

    def show(self, message: Message) -> None:
        """Tell every page."""
        shown = self._state.take(message)
        if shown is not None:
            self._broadcast(json.dumps(shown, separators=(",", ":")))

    def _broadcast(self, text: str) -> None:
        for page, queue in list(self._pages.items()):
            try:
                queue.put_nowait(text)
            except asyncio.QueueFull:
                log.warning("a page is too slow and is cut off; it will connect again")
                self._forget(page)

    def _forget(self, page: web.WebSocketResponse) -> None:
        self._pages.pop(page, None)
        PAGES.set(len(self._pages))

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(str(files("sinks.monitor") / "page" / "index.html"))

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readiness(self, _: web.Request) -> web.Response:
        return web.json_response({"ready": self.ready}, status=200 if self.ready else 503)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        page = web.WebSocketResponse(heartbeat=10, compress=False)
        await page.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        hello: dict[str, Any] = {"kind": "hello", "label": LABEL, "messages": self._state.snapshot()}
        await page.send_str(json.dumps(hello, separators=(",", ":")))
        self._pages[page] = queue
        PAGES.set(len(self._pages))
        sending = asyncio.create_task(self._feed(page, queue))
        try:
            async for message in page:  # pages only listen; this ends when they leave
                if message.type == WSMsgType.ERROR:
                    break
        finally:
            self._forget(page)
            sending.cancel()
        return page

    async def _feed(self, page: web.WebSocketResponse, queue: asyncio.Queue[str]) -> None:
        while page in self._pages:
            try:
                text = await asyncio.wait_for(queue.get(), _BEAT_S)
            except TimeoutError:
                text = '{"kind":"alive"}'
            try:
                await page.send_str(text)
            except ConnectionError:
                break
        await page.close(code=WSCloseCode.TRY_AGAIN_LATER)


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-cache"


async def run(settings: MonitorSettings, kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Serve until `stop`. Raises PortInUse, BrokerUnavailable."""
    async with Monitor(settings) as monitor:
        for alert in (await latest_by_key(kafka, ALERT_STATE, Alert)).values():
            monitor.show(alert)
        monitor.ready = True

        async def process(records: list[Record]) -> None:
            for record in records:
                monitor.show(record.message)

        await consume(
            kafka,
            group=None,  # every page server sees everything, and has nothing to commit
            kinds={
                PPG_SEGMENTS: PpgSegment,
                ECG_SEGMENTS: EcgSegment,
                ECG_REFERENCE: ReferenceEcg,
                DEVICE_STATUS: DeviceStatus,
                ALERTS: Alert,
            },
            process=process,
            publisher=None,
            stop=stop,
            start="latest",
        )

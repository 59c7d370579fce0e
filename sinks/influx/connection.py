"""One pool of connections to InfluxDB, for as long as a context lasts."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

from sinks.settings import InfluxSettings

__all__ = ["Connection"]


class Connection:
    """An async context manager; what reads and what writes build on it."""

    def __init__(self, settings: InfluxSettings, timeout_s: float, gzip: bool) -> None:
        self._settings, self._timeout_s, self._gzip = settings, timeout_s, gzip
        self._opened: InfluxDBClientAsync | None = None

    def _secret(self) -> str:
        return self._settings.secret()

    @property
    def _client(self) -> InfluxDBClientAsync:
        assert self._opened is not None, "used outside its context"
        return self._opened

    async def __aenter__(self) -> Self:
        """Raises BadToken."""
        timeout_ms = round(1000 * self._timeout_s)
        self._opened = InfluxDBClientAsync(
            self._settings.url, self._secret(), self._settings.org, timeout=timeout_ms, enable_gzip=self._gzip
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.close()

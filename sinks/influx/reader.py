"""Flux in, rows out."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException

from sinks.errors import DatabaseRefused
from sinks.settings import InfluxSettings

__all__ = ["Reader"]

_PATIENCE_MS = 60_000  # a query over a long load run reads a lot


class Reader:
    """An async context manager. token_file: of a token that may read the bucket."""

    def __init__(self, settings: InfluxSettings, token_file: Path) -> None:
        self._settings, self._token = settings, token_file.read_text().strip()
        self._client: InfluxDBClientAsync | None = None

    async def __aenter__(self) -> Reader:
        self._client = InfluxDBClientAsync(
            self._settings.url, self._token, self._settings.org, timeout=_PATIENCE_MS, enable_gzip=True
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def rows(self, flux: str) -> list[dict[str, Any]]:
        """Every row of every table. Raises DatabaseRefused."""
        assert self._client is not None, "used outside its context"
        try:
            tables = await self._client.query_api().query(flux)
        except (ApiException, aiohttp.ClientError, TimeoutError) as error:
            raise DatabaseRefused(f"InfluxDB at {self._settings.url} does not answer a query ({error})") from error
        return [record.values for table in tables for record in table.records]

"""Flux in, rows out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
from influxdb_client.rest import ApiException

from sinks.errors import DatabaseRefused
from sinks.influx.connection import Connection
from sinks.settings import InfluxSettings

__all__ = ["Reader"]

_PATIENCE_S = 60.0  # a query over a long load run reads a lot


class Reader(Connection):
    """An async context manager. token_file: of a token that may read the bucket."""

    def __init__(self, settings: InfluxSettings, token_file: Path) -> None:
        super().__init__(settings, _PATIENCE_S, gzip=True)
        self._token = token_file.read_text().strip()

    def _secret(self) -> str:
        return self._token

    async def rows(self, flux: str) -> list[dict[str, Any]]:
        """Every row of every table. Raises DatabaseRefused."""
        try:
            tables = await self._client.query_api().query(flux)
        except (ApiException, aiohttp.ClientError, TimeoutError) as error:
            raise DatabaseRefused(f"InfluxDB at {self._settings.url} does not answer a query ({error})") from error
        return [record.values for table in tables for record in table.records]

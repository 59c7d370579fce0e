"""Lines into InfluxDB, nothing forgotten: a batch is confirmed, or what the database will never take is named.

| answer | what is done |
|---|---|
| no connection, time-out, 429, 5xx | wait (Retry-After, else doubling with jitter), send the batch again, for ever |
| 413 | halve the batch |
| 400, 422 | halve until the bad line is alone; it is refused, the others are written |
| 401, 403, 404 | stop: the token or the bucket is wrong, and no batch can go |

Not the library's own batching writer: its queue has no bound, and it drops what it could not send."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from influxdb_client.rest import ApiException

from sinks.errors import DatabaseRefused
from sinks.influx.connection import Connection
from sinks.metrics import RETRIES, WRITE_SECONDS, WRITTEN_LINES
from sinks.settings import InfluxSettings
from stream.kafka import backoff

__all__ = ["Refused", "Writer"]

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 30.0
_MOST_REFUSED = 64  # of one batch: beyond, the rest of it is refused unseen rather than sent line by line
_NOTHING = "# nothing"  # a comment is a valid batch of no lines
_FATAL = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
_BAD_LINES = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True, slots=True)
class Refused:
    """number: of the line in what was given to `write`. reason: in the database's words."""

    number: int
    reason: str


class Writer(Connection):
    """An async context manager around one connection pool."""

    def __init__(self, settings: InfluxSettings) -> None:
        super().__init__(settings, settings.timeout_s, settings.gzip)

    async def check(self) -> None:
        """Whether the database takes this token for this bucket, by a write of nothing; waits while it is away.

        Raises DatabaseRefused."""
        await self._send([_NOTHING])

    async def write(self, lines: Sequence[str]) -> list[Refused]:
        """Return when every line is confirmed or refused. Raises DatabaseRefused."""
        refused: list[Refused] = []
        size = self._settings.batch_lines
        for at in range(0, len(lines), size):
            before = len(refused)
            waiting = [(at, list(lines[at : at + size]))]
            while waiting:
                first, part = waiting.pop()
                answer = await self._send(part)
                if answer is None:
                    continue
                alone = len(part) == 1 or len(refused) - before >= _MOST_REFUSED
                if alone:
                    refused += [Refused(first + k, answer) for k in range(len(part))]
                else:
                    half = len(part) // 2
                    waiting += [(first + half, part[half:]), (first, part[:half])]
        return refused

    async def _send(self, part: list[str]) -> str | None:
        """None when confirmed, a reason when this must be sent in smaller pieces. Waits while the database is away."""
        away = False
        for wait_s in backoff(0.2, _LONGEST_WAIT_S):
            begun_s, asked_s = time.monotonic(), None
            try:
                confirmed = await self._client.write_api().write(self._settings.bucket, record="\n".join(part))
            except ApiException as error:
                if error.status in _FATAL:
                    raise DatabaseRefused(self._explain(error)) from error
                if error.status in _BAD_LINES or error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                    return _words(error)
                reason, asked_s = f"{error.status} {_words(error)}", _retry_after(error)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = str(error) or type(error).__name__
            else:
                if not confirmed:  # something that answers 200 to everything is no InfluxDB
                    raise DatabaseRefused(f"what answers at {self._settings.url} is no InfluxDB: set influx.url")
                WRITE_SECONDS.observe(time.monotonic() - begun_s)
                WRITTEN_LINES.inc(len(part))
                if away:
                    log.info("InfluxDB is back")
                return None
            RETRIES.inc()
            if not away:
                log.warning("InfluxDB does not take data (%s); waiting for it, nothing is lost", reason)
            away = True
            await asyncio.sleep(wait_s if asked_s is None else asked_s)
        raise AssertionError("the back-off never ends")

    def _explain(self, error: ApiException) -> str:
        settings = self._settings
        if error.status == HTTPStatus.NOT_FOUND:
            return (
                f"InfluxDB at {settings.url} has no bucket {settings.bucket} in {settings.org} that this token may "
                "write: run p2es influx init, or set influx.bucket and influx.org"
            )
        return f"InfluxDB at {settings.url} refuses the token ({_words(error)}): set influx.token_file to a write token"


def _words(error: ApiException) -> str:
    """The reason in the body, in one line."""
    return " ".join(str(getattr(error, "message", None) or error.body or error.reason or "no reason given").split())[
        :300
    ]


def _retry_after(error: ApiException) -> float | None:
    """Seconds the server asks to wait, if it does so in seconds."""
    headers = {key.lower(): value for key, value in dict(error.headers or {}).items()}
    try:
        return min(max(0.0, float(headers["retry-after"])), 10 * _LONGEST_WAIT_S)
    except (KeyError, ValueError):
        return None

"""Each thing the stages need, looked at from here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import aiohttp

from deploy.settings import Settings, calibration_files
from inference.errors import InferenceError
from inference.personal.calibration import read_calibration
from inference.runtimes import load_networks
from ingest.errors import IngestError
from ingest.spool import probe_spool
from sinks.errors import SinkError
from sinks.influx.writer import Writer
from sinks.recorder.process import probe
from stream.errors import StreamError
from stream.topics import check_topics

__all__ = ["Finding", "examine"]

_PATIENCE_S = 3.0
_SKEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    is_well: bool
    text: str


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, whatever is wrong with the one before."""
    looks: dict[str, Callable[[Settings], Awaitable[str]]] = {
        "broker and topics": _broker,
        "InfluxDB and token": _database,
        "clock": _clock,
        "model": _model,
        "recordings": _recordings,
        "spool": _spool,
    }
    return [await _look(subject, look, settings) for subject, look in looks.items()]


async def _look(subject: str, look: Callable[[Settings], Awaitable[str]], settings: Settings) -> Finding:
    try:
        return Finding(subject, True, await look(settings))
    except (StreamError, SinkError, InferenceError, IngestError) as error:
        return Finding(subject, False, str(error))


class _Unwell(SinkError):
    """Something is wrong that no other error names."""


async def _broker(settings: Settings) -> str:
    problems = await check_topics(replace(settings.kafka, patience_s=_PATIENCE_S))
    if problems:
        raise _Unwell("; ".join(problems))
    return f"{settings.kafka.bootstrap}, every topic with {settings.kafka.partitions} partitions"


async def _database(settings: Settings) -> str:
    async with Writer(settings.influx) as writer:
        try:
            await asyncio.wait_for(writer.check(), _PATIENCE_S)
        except TimeoutError as error:
            raise _Unwell(f"no InfluxDB at {settings.influx.url}: is it running, and is influx.url right?") from error
    return f"{settings.influx.url}, bucket {settings.influx.bucket} takes this token"


async def _clock(settings: Settings) -> str:
    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{settings.influx.url}/health") as answer,
        ):
            there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        return "not compared: InfluxDB does not tell its own"
    off_s = time.time() - there
    if abs(off_s) > _SKEW_S:
        raise _Unwell(f"{off_s:+.0f} s against InfluxDB's: mend NTP, or latencies and 'signal lost' are wrong")
    return f"within {_SKEW_S:.0f} s of InfluxDB's"


async def _model(settings: Settings) -> str:
    networks = await asyncio.to_thread(load_networks, settings.infer.engine)
    files = calibration_files(settings)
    for patient, file in files.items():
        read_calibration(file, networks.weights_id, patient)
    calibrated = f", {len(files)} patients calibrated" if files else ""
    return f"{networks.model_id} on {networks.device}{calibrated}"


async def _recordings(settings: Settings) -> str:
    probe(settings.record.folder)
    return f"{settings.record.folder} can be written"


async def _spool(settings: Settings) -> str:
    folder = settings.collect.spool_folder
    return f"{folder} {'is in use by a collector' if probe_spool(folder) else 'can be written'}"

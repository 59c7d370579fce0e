"""N virtual wearables through the stages into the database, and the account of it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tqdm import tqdm

from deploy.errors import ProcessDied
from deploy.load.audit import Found, audit
from deploy.load.cost import Costs
from deploy.load.wearables import Wearable, make_tape, make_wearables
from deploy.settings import Settings, as_toml
from deploy.stack.supervisor import Supervisor
from deploy.testbed.servers import free_port
from ingest.recordings import Recording
from sinks.influx.queries import abstentions_flux, sample_counts_flux, timings_flux
from sinks.influx.reader import Reader
from stream.kafka import Publisher

__all__ = ["LoadWish", "run_load"]

log = logging.getLogger(__name__)
_STAGES = {"window": ["window"], "infer": ["infer"], "alert": ["alert"], "influx": ["influx", "write"]}
_READY_S, _STALLED_S, _LOOK_S = 60.0, 30.0, 2.0
_LAST_REPORT_S = 6.0  # the influx process writes its latencies every 5 s


@dataclass(frozen=True, slots=True)
class LoadWish:
    """What was asked for. workers: stage -> processes of it (1 when left out). servers: name -> pid of what is to be
    measured besides the stages."""

    recordings: Sequence[Recording]
    patients: int
    seconds: float
    read_token: Path
    workers: Mapping[str, int]
    servers: Mapping[str, int]


async def run_load(wish: LoadWish, settings: Settings, stop: asyncio.Event) -> dict[str, Any]:
    """Start the stages, send, wait until all is written or nothing moves any more, count.

    Raises ProcessDied, BrokerUnavailable, DatabaseRefused."""
    tapes = [await asyncio.to_thread(make_tape, one, wish.seconds) for one in wish.recordings]
    with tempfile.TemporaryDirectory(prefix="p2es-load-") as folder, Supervisor(Path(folder)) as children:
        ports = _start(children, settings, wish.workers, Path(folder))
        await _until_ready(children, ports)
        pids = {name: child.process.pid for name, child in children.children.items()}
        costs = Costs({**pids, **wish.servers, "sender": os.getpid()})
        wearables = make_wearables(tapes, wish.patients, f"load-{secrets.token_hex(3)}-", time.time_ns())
        begun_ns = time.time_ns()
        async with Publisher(settings.kafka) as publisher:
            sending = asyncio.gather(*(one.run(publisher, stop) for one in wearables))
            await _watch(sending, children, costs, wish.seconds)
        async with Reader(settings.influx, wish.read_token) as reader:
            found = await _until_written(reader, settings, wearables, begun_ns, children)
        restarts = sum(child.restarts for child in children.children.values())
    report = audit(wearables, found)
    return {**report, "seconds": wish.seconds, "restarts": restarts, "stages": costs.report(report["written"])}


def _start(children: Supervisor, settings: Settings, workers: Mapping[str, int], folder: Path) -> list[int]:
    """Returns the ports at which the stages tell whether they are ready."""
    file = folder / "p2es.toml"
    file.touch(0o600)
    file.write_text(as_toml(settings))
    ports = []
    for stage, words in _STAGES.items():
        for number in range(workers.get(stage, 1)):
            ports.append(free_port())
            program = [sys.executable, "-m", "deploy.cli", "--settings", str(file)]
            name = stage if not number else f"{stage}-{number + 1}"
            children.start(name, [*program, "--set", f"health.port={ports[-1]}", *words])
    return ports


async def _until_ready(children: Supervisor, ports: Sequence[int]) -> None:
    deadline = time.monotonic() + _READY_S
    async with aiohttp.ClientSession() as session:
        for port in ports:
            while not await _is_ready(session, port):
                children.check()
                if time.monotonic() > deadline:
                    raise ProcessDied(f"a stage was not ready after {_READY_S:.0f} s")
                await asyncio.sleep(0.2)


async def _is_ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def _watch(sending: asyncio.Future, children: Supervisor, costs: Costs, seconds: float) -> None:
    """Until everything is sent: keep the stages, note their costs, show how far it is."""
    begun_s = time.monotonic()
    with tqdm(total=round(seconds), unit="s", disable=not sys.stderr.isatty()) as bar:
        while not sending.done():
            await asyncio.wait([sending], timeout=_LOOK_S)
            children.check()
            costs.look()
            bar.update(min(round(time.monotonic() - begun_s), bar.total) - bar.n)
    await sending


async def _until_written(
    reader: Reader, settings: Settings, wearables: Sequence[Wearable], begun_ns: int, children: Supervisor
) -> Found:
    wanted = sum(len(one.tape.owned) for one in wearables)
    prefix = wearables[0].patient[:-3]
    bucket, seen, moved_s = settings.influx.bucket, -1, time.monotonic()
    while True:
        rows = await reader.rows(_since(abstentions_flux(bucket, prefix), begun_ns))
        if len(rows) != seen:
            seen, moved_s = len(rows), time.monotonic()
        if len(rows) >= wanted or time.monotonic() - moved_s > _STALLED_S:
            break
        children.check()
        await asyncio.sleep(1)
    await asyncio.sleep(_LAST_REPORT_S)
    counts = await reader.rows(_since(sample_counts_flux(bucket, prefix), begun_ns))
    timings = await reader.rows(_since(timings_flux(bucket, prefix), begun_ns))
    return Found(
        {(row["patient"], _grid_ns(row["_time"])): row["_value"] for row in rows},
        {row["patient"]: row["_value"] for row in counts},
        [{**row, "at_ns": round(row["_time"].timestamp() * 1e6) * 1000} for row in timings],
    )


def _since(flux: str, begun_ns: int) -> str:
    """The shipped queries, over this run; event times may lie a little before it."""
    begin_s = begun_ns // 1_000_000_000 - 10
    return flux.replace("v.timeRangeStart", str(begin_s)).replace("v.timeRangeStop", "1h")


def _grid_ns(moment: Any) -> int:
    """A datetime has microseconds only; samples lie 7812.5 us apart."""
    return round(moment.timestamp() * 128) * 7_812_500

"""Wearables into Kafka, or into files: the parts put together, as many devices as were asked for."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from deploy.settings import Settings
from ingest.bluetooth.scanner import Target
from ingest.bluetooth.supervisor import Adapter, Supervisor
from ingest.collector import Collector, MessageOutbox
from ingest.devices.driver import PPG, DeviceOptions, Driver
from ingest.devices.registry import driver_named
from ingest.errors import BadDevice
from ingest.outbox import Outbox
from ingest.pipeline import Identity, Out
from ingest.raw_log import RawLog
from ingest.settings import DeviceSettings
from ingest.spool import Spool
from ingest.steady_clock import SteadyClock
from sinks.errors import SinkError
from sinks.recorder.process import Recorder, folder_name, probe
from stream.health import health
from stream.kafka import DEVICE_STATUS, MOTION, NUMERICS, PPG_CHUNKS, Publisher
from stream.messages import DeviceStatus

__all__ = ["Wish", "collect", "record", "wishes"]

log = logging.getLogger(__name__)
Show = Callable[[list[Collector]], None]
_SHOW_S, _STORE_S = 0.25, 1.0
_RECORDED = (PPG_CHUNKS, MOTION, NUMERICS)


@dataclass(frozen=True, slots=True)
class Wish:
    """One device that is wanted: how it is known, and what is chosen for it."""

    target: str
    chosen: DeviceSettings


def wishes(settings: Settings, targets: list[str], patients: list[str], driver: str | None) -> list[Wish]:
    """The devices asked for on the command line, with what the settings say of them; all of the settings' when none
    is asked for. Raises BadDevice."""
    known = settings.devices
    if not targets:
        if not known:
            raise BadDevice("no device: name one with --device (p2es scan shows what is near), or in [devices.ID]")
        return [_complete(Wish(name, one)) for name, one in known.items()]
    if patients and len(patients) != len(targets):
        raise BadDevice(f"{len(targets)} devices and {len(patients)} patients: give each --device its --patient")
    found = []
    for number, target in enumerate(targets):
        chosen = known.get(target, DeviceSettings())
        if patients:
            chosen = replace(chosen, patient=patients[number])
        if driver is not None:
            chosen = replace(chosen, driver=driver)
        found.append(_complete(Wish(target, chosen)))
    return found


def _complete(wish: Wish) -> Wish:
    if not wish.chosen.patient:
        raise BadDevice(f"whose is {wish.target}? Give --patient, or patient in [devices.{wish.target}]")
    if wish.chosen.driver is not None:
        driver_named(wish.chosen.driver)
    return wish


async def collect(settings: Settings, wanted: list[Wish], stop: asyncio.Event, show: Show | None = None) -> None:
    """Devices into Kafka until `stop`. Raises IngestError before anything is sent."""
    spool = Spool(settings.collect.spool_folder, round(settings.collect.spool_mb * 1e6))
    outbox = Outbox(lambda: Publisher(settings.kafka), spool)
    sending = asyncio.create_task(outbox.run())
    try:
        await _run(settings, wanted, outbox, stop, sending, show)
    finally:
        outbox.close()
        await sending
        spool.close()


async def record(settings: Settings, wanted: list[Wish], stop: asyncio.Event, show: Show | None = None) -> None:
    """Devices into session folders, without a broker. Raises IngestError, Unwritable."""
    probe(settings.record.folder)
    files = _Files(Recorder(settings.record))
    storing = asyncio.create_task(files.run())
    own = replace(settings, collect=replace(settings.collect, folder=settings.record.folder))
    try:
        await _run(own, wanted, files, stop, storing, show)
    finally:
        storing.cancel()
        with suppress(asyncio.CancelledError, SinkError):
            await storing
        files.close()


async def _run(
    settings: Settings,
    wanted: list[Wish],
    outbox: MessageOutbox,
    stop: asyncio.Event,
    keeper: asyncio.Task,
    show: Show | None,
) -> None:
    """Until `stop`, or until something ends that should not: its error is raised when all devices are let go."""
    adapter = Adapter(settings.collect.adapter, settings.collect.connect_s)
    clock, collectors = SteadyClock(), []
    scanning = asyncio.create_task(adapter.run())
    devices = [asyncio.create_task(_device(settings, one, outbox, clock, adapter, stop, collectors)) for one in wanted]
    health.set("devices", True)
    try:
        while not stop.is_set():
            health.beat()
            if show is not None:
                show(collectors)
            done, _ = await asyncio.wait(
                {scanning, keeper, *devices}, timeout=_SHOW_S, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                stop.set()
        results = await asyncio.gather(*devices, return_exceptions=True)
        for one in (*results, *(task.exception() for task in (scanning, keeper) if task.done())):
            if isinstance(one, BaseException):
                raise one
    finally:
        scanning.cancel()


async def _device(
    settings: Settings,
    wish: Wish,
    outbox: MessageOutbox,
    clock: SteadyClock,
    adapter: Adapter,
    stop: asyncio.Event,
    collectors: list[Collector],
) -> None:
    driver = await _driver(wish, outbox, clock, adapter, stop)
    if driver is None:
        return
    collectors.append(_collector(settings, wish, driver, outbox, clock))
    options = DeviceOptions(wish.chosen.fs_hz, wish.chosen.motion, wish.chosen.sdk_mode)
    await Supervisor(Target(wish.target), collectors[-1], adapter, options).run(stop)


async def _driver(
    wish: Wish, outbox: MessageOutbox, clock: SteadyClock, adapter: Adapter, stop: asyncio.Event
) -> Driver | None:
    """The settings' word, or what the device's advertisement says; None when stopped before it was heard.

    Raises BadDevice. Until it is heard it is reported as scanning, so that its absence is noticed."""
    if wish.chosen.driver is not None:
        return driver_named(wish.chosen.driver)
    log.info("looking for %s", wish.target)
    search = asyncio.create_task(adapter.scanner.wait_for(Target(wish.target)))
    try:
        while not search.done():
            if stop.is_set():
                return None
            outbox.put_latest(DEVICE_STATUS, _unheard(wish, clock.now_ns()), _plain(wish.target))
            await asyncio.wait({search}, timeout=_STORE_S)
    finally:
        search.cancel()
    seen = search.result()
    if seen.driver is None:
        raise BadDevice(
            f"no driver knows {seen.name or seen.address}: name one with --driver (p2es devices lists them)"
        )
    return seen.driver


def _unheard(wish: Wish, now_ns: int) -> DeviceStatus:
    return DeviceStatus(
        device=_plain(wish.target),
        patient=wish.chosen.patient or "",
        session="",
        at_ns=now_ns,
        last_sample_ns=None,
        state="scanning",
        battery_percent=None,
        rssi_dbm=None,
        fs_hz=None,
        gaps=0,
        drops=0,
        ended=False,
    )


def _collector(settings: Settings, wish: Wish, driver: Driver, outbox: MessageOutbox, clock: SteadyClock) -> Collector:
    chosen, patient = wish.chosen, wish.chosen.patient or ""
    identity = Identity(
        device=_plain(wish.target),
        patient=patient,
        session=f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}",
        channel=_channel(driver, chosen.channel),
        polarity=chosen.polarity,
        pulse_delay_s=chosen.pulse_delay_s,
    )
    folder = settings.collect.folder / folder_name(patient) / folder_name(identity.session)
    raw = None
    if settings.collect.keep_raw:
        raw = RawLog(folder, driver.name, identity, round(settings.collect.raw_mb * 1e6))
    return Collector(identity, driver, outbox, clock, raw)


def _channel(driver: Driver, name: str | None) -> int | None:
    if name is None:
        return None
    there = driver.streams[PPG].channels if PPG in driver.streams else ()
    if name not in there:
        raise BadDevice(f"a {driver.title} has no channel {name}: {', '.join(there) or 'it gives no waveform'}")
    return there.index(name)


def _plain(target: str) -> str:
    return "".join(one for one in target.lower() if one.isalnum())


class _Files:
    """A MessageOutbox that stores what the recorder stores, each second."""

    dropped = 0

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._waiting: list[Out] = []

    def put(self, messages: Iterable[Out]) -> None:
        """Keep for the next second."""
        self._waiting += [one for one in messages if one[0] in _RECORDED]

    def put_latest(self, topic: str, message: object, key: str) -> None:
        """Nothing: there is nobody to tell."""

    async def run(self) -> None:
        """Store each second. Raises Unwritable."""
        while True:
            await asyncio.sleep(_STORE_S)
            await asyncio.to_thread(self._store)

    def close(self) -> None:
        """Store the rest."""
        self._store()
        self._recorder.close()

    def _store(self) -> None:
        waiting, self._waiting = self._waiting, []
        for _, message, _ in waiting:
            self._recorder.take(message)
        self._recorder.flush()

"""One scanner for all devices: parallel searches fight over BlueZ's discovery (bleak issues 958, 1603)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bleak import BleakAdapter, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakError

from ingest.devices.driver import Advert, Driver
from ingest.devices.registry import DRIVERS, driver_for
from ingest.errors import NoBluetooth

__all__ = ["Scanner", "Seen", "Target", "scan"]

log = logging.getLogger(__name__)
_ROUND_S = 5.0  # a discovery that found nobody is begun anew: it may belong to a daemon that died
_RETRY_S, _LOOK_S = 1.0, 0.05
_UNHEARD_LOOKS = 20
_CALL_S = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A device that advertises, or is connected (then rssi_dbm is None). driver: None when none is known for it."""

    device: BLEDevice
    address: str
    name: str | None
    rssi_dbm: int | None
    driver: Driver | None


@dataclass(frozen=True, slots=True)
class Target:
    """A device that is looked for, by its address (an id on macOS) or its name, or the end of its name as it is
    printed on many (`9B9F3829` of `Polar Sense 9B9F3829`)."""

    text: str

    def matches(self, seen: Seen) -> bool:
        """Case does not matter."""
        wanted, name = self.text.lower(), (seen.name or "").lower()
        return wanted in (seen.address.lower(), name) or (len(wanted) >= 4 and name.endswith(wanted))


@dataclass(slots=True)
class Scanner:
    """Scans while anybody waits and nobody connects. adapter: such as hci1, None for the system's."""

    adapter: str | None = None
    last_error: str = ""
    _waiting: dict[asyncio.Future[Seen], Target] = field(default_factory=dict)
    _pauses: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._idle.set()

    async def wait_for(self, target: Target) -> Seen:
        """The device, as soon as it is heard from now on."""
        found: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._waiting[found] = target
        try:
            return await found
        finally:
            self._waiting.pop(found, None)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """No scanning inside: weak adapters cannot do both."""
        self._pauses += 1
        try:
            await self._idle.wait()
            yield
        finally:
            self._pauses -= 1

    async def run(self) -> None:
        """Until cancelled. What goes wrong is said once and tried again: daemons and adapters come back."""
        while True:
            if self._pauses or not self._waiting:
                await asyncio.sleep(_LOOK_S)
                continue
            try:
                await self._round()
                self.last_error = ""
            except (BleakError, OSError, EOFError, TimeoutError) as error:
                text = no_bluetooth(error)
                if text != self.last_error:
                    log.warning("%s Trying again.", text)
                self.last_error = text
                await asyncio.sleep(_RETRY_S)

    async def _round(self) -> None:
        scanner = _bleak_scanner(self._heard, self.adapter)
        self._idle.clear()
        try:
            await asyncio.wait_for(scanner.start(), _CALL_S)
            try:
                for look in range(round(_ROUND_S / _LOOK_S)):
                    if self._pauses or not self._waiting:
                        break
                    if look == _UNHEARD_LOOKS:
                        await self._ask_for_connected()
                    await asyncio.sleep(_LOOK_S)
            finally:
                await asyncio.wait_for(scanner.stop(), _CALL_S)
        finally:
            self._idle.set()

    async def _ask_for_connected(self) -> None:
        """A device that somebody still holds, such as a p2es that was killed, does not advertise."""
        try:
            adapter = await BleakAdapter.get(bluez={"adapter": self.adapter} if self.adapter else {})
            devices = await adapter.get_connected_devices([uuid for one in DRIVERS.values() for uuid in one.services])
        except NotImplementedError:
            return
        for device in devices:
            props = device.details.get("props", {}) if isinstance(device.details, dict) else {}
            services = tuple(one.lower() for one in props.get("UUIDs", ()))
            driver = driver_for(Advert(device.name, services))
            self._give(Seen(device, device.address, device.name, None, driver))

    def _heard(self, device: BLEDevice, advert: AdvertisementData) -> None:
        self._give(_seen(device, advert))

    def _give(self, seen: Seen) -> None:
        for found, target in self._waiting.items():
            if not found.done() and target.matches(seen):
                found.set_result(seen)


def _seen(device: BLEDevice, advert: AdvertisementData) -> Seen:
    name = advert.local_name or device.name
    driver = driver_for(Advert(name, tuple(one.lower() for one in advert.service_uuids)))
    return Seen(device, device.address, name, advert.rssi, driver)


def _bleak_scanner(heard: Callable[[BLEDevice, AdvertisementData], None], adapter: str | None) -> BleakScanner:
    return BleakScanner(heard, bluez={"adapter": adapter} if adapter else {})


async def scan(seconds: float, adapter: str | None = None) -> list[Seen]:
    """All devices heard in so many seconds, the strongest first. Raises NoBluetooth."""
    found: dict[str, Seen] = {}

    def heard(device: BLEDevice, advert: AdvertisementData) -> None:
        found[device.address] = _seen(device, advert)

    try:
        async with _bleak_scanner(heard, adapter):
            await asyncio.sleep(seconds)
    except (BleakError, OSError, EOFError) as error:
        raise NoBluetooth(no_bluetooth(error)) from error
    return sorted(found.values(), key=lambda one: -(one.rssi_dbm or 0))


def no_bluetooth(error: BaseException) -> str:
    """One line for what keeps this machine from using Bluetooth."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        return f"Bluetooth cannot be used: {error.args[0]}; is an adapter there, and switched on?"
    if isinstance(error, FileNotFoundError):
        return "Bluetooth cannot be used: no D-Bus system bus; are dbus and bluetoothd (package bluez) running?"
    return f"Bluetooth cannot be used: {error or type(error).__name__}; is bluetoothd running, and the adapter on?"

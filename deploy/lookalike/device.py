"""One device on D-Bus: seen, connected, disconnected, forgotten.

Source: BlueZ, src/device.c (dev_connect, device_request_disconnect, device_remove_connection)."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from dbus_fast import Message, Variant

from deploy.lookalike.gatt import Gatt
from deploy.lookalike.objects import DEVICE, FAILED, BlueZError, Objects, Properties, in_progress, reply, unknown_method
from deploy.lookalike.peripheral import ConnectFault, Peripheral

__all__ = ["Device", "Timing"]

_ABORTED = BlueZError(FAILED, "le-connection-abort-by-local")
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, seconds. advert: between advertisements. connect: until Connect is answered. resolve: from
    then until the services are known. connect_limit: how long Connect waits for a device that does not advertise.
    temporary: a device that was never connected is forgotten when it has not been heard for so long."""

    advert_s: float = 0.1
    connect_s: float = 0.02
    resolve_s: float = 0.03
    connect_limit_s: float = 20.0
    temporary_s: float = 30.0


class Device:
    """A peripheral as bluetoothd shows it, and the peripheral's link to it."""

    def __init__(self, objects: Objects, adapter: str, peripheral: Peripheral, timing: Timing) -> None:
        self.path = f"{adapter}/dev_{peripheral.address.replace(':', '_')}"
        self.peripheral = peripheral
        self.gatt = Gatt(objects, self.path, peripheral)
        self._objects, self._adapter, self._timing = objects, adapter, timing
        self._connecting: asyncio.Task[None] | None = None
        self._resolving: asyncio.Task[None] | None = None
        self._heard_s = 0.0
        self._known = False  # was connected once, so it is not temporary
        self._random = random.Random(peripheral.seed)

    @property
    def connected(self) -> bool:
        """Whether the link stands."""
        return self.peripheral.link is self

    def advertise(self, now_s: float) -> None:
        """It was heard while somebody scans."""
        self._heard_s = now_s
        rssi = Variant("n", self.peripheral.rssi_dbm + self._random.randint(-3, 3))
        if self.path in self._objects:
            self._objects.change(self.path, DEVICE, {"RSSI": rssi})
        else:
            self._objects.add(self.path, {DEVICE: self._properties() | {"RSSI": rssi}})

    def fade(self) -> None:
        """Nobody scans any more: its signal strength is no longer known."""
        if self.path in self._objects and "RSSI" in self._objects[self.path][DEVICE]:
            self._objects.change(self.path, DEVICE, {}, ["RSSI"])

    def age(self, now_s: float) -> None:
        """Forget it when it is temporary and has not been heard for long."""
        idle = not self._known and not self.connected and self._connecting is None
        if idle and self.path in self._objects and now_s - self._heard_s > self._timing.temporary_s:
            self.forget()

    def forget(self) -> None:
        """bluetoothd no longer knows it: its objects go."""
        self.drop()
        self.gatt.withdraw()
        self._known = False
        if self.path in self._objects:
            self._objects.remove(self.path)

    async def call(self, message: Message) -> Message:
        """Answer a method call on the device. Raises BlueZError."""
        if message.member == "Connect":
            await self._connect()
        elif message.member == "Pair":
            await self._connect()
            self._objects.change(self.path, DEVICE, {"Paired": Variant("b", True), "Bonded": Variant("b", True)})
        elif message.member == "Disconnect":
            await self._disconnect()
        else:
            raise unknown_method(message)
        return reply(message)

    def send(self, characteristic: str, data: bytes) -> bool:
        """See Link."""
        return self.gatt.send(characteristic, data)

    def drop(self) -> None:
        """See Link. Without a link, nothing happens."""
        self._cancel()
        if not self.connected:
            return
        self.gatt.disconnected()
        self._flip(connected=False)
        self.peripheral.linked(None)

    def lose(self) -> None:
        """bluetoothd died: the device sees its link go, and no program is told."""
        self._cancel()
        self.gatt.disconnected()
        if self.connected:
            self.peripheral.linked(None)

    async def _connect(self) -> None:
        if self._connecting is not None:
            raise in_progress("In Progress")
        if self.connected:
            return
        self._known = True
        self._connecting = task = asyncio.create_task(self._establish())
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            if self._connecting is task:
                self._connecting = None
        if task.cancelled():
            raise BlueZError(FAILED, "br-connection-canceled")  # so spelled for low energy too
        task.result()

    async def _establish(self) -> None:
        faults = self.peripheral.faults.connects
        fault = faults.pop(0) if faults else None
        if fault is ConnectFault.IN_PROGRESS:
            raise in_progress()
        if fault is ConnectFault.NEVER_ANSWERS:
            await asyncio.Event().wait()
        await self._wait_for_advertisement()
        await asyncio.sleep(self._timing.connect_s)
        self._flip(connected=True)
        if fault is ConnectFault.ABORTED:
            self._flip(connected=False)
            raise _ABORTED
        self.peripheral.linked(self)
        self._resolving = asyncio.create_task(self._resolve(fault))

    async def _resolve(self, fault: ConnectFault | None) -> None:
        await asyncio.sleep(self._timing.resolve_s)
        if fault is ConnectFault.DROPPED_MEANWHILE:
            self.drop()
            return
        self.gatt.publish()
        # only now: bleak collects the services the moment this turns true
        services = Variant("as", list(self.peripheral.services))
        self._objects.change(self.path, DEVICE, {"UUIDs": services, "ServicesResolved": Variant("b", True)})

    async def _wait_for_advertisement(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timing.connect_limit_s
        while not self.peripheral.advertising:
            if loop.time() > until:
                raise _ABORTED
            await asyncio.sleep(_POLL_S)

    async def _disconnect(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self.connected:
            await asyncio.sleep(self.peripheral.faults.disconnect_s)
        self.drop()

    def _cancel(self) -> None:
        for task in (self._connecting, self._resolving):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._resolving = None

    def _flip(self, *, connected: bool) -> None:
        changed = {"Connected": Variant("b", connected)}
        if not connected:
            changed["ServicesResolved"] = Variant("b", False)
        self._objects.change(self.path, DEVICE, changed)

    def _properties(self) -> Properties:
        peripheral = self.peripheral
        properties = {
            "Address": Variant("s", peripheral.address),
            "AddressType": Variant("s", peripheral.address_type),
            "Name": Variant("s", peripheral.name),
            "Alias": Variant("s", peripheral.name),
            "Adapter": Variant("o", self._adapter),
            "UUIDs": Variant("as", list(peripheral.advertised)),
        }
        for flag in ("Paired", "Bonded", "Trusted", "Blocked", "Connected", "ServicesResolved", "LegacyPairing"):
            properties[flag] = Variant("b", False)
        if peripheral.manufacturer:
            data = {company: Variant("ay", value) for company, value in peripheral.manufacturer.items()}
            properties["ManufacturerData"] = Variant("a{qv}", data)
        return properties

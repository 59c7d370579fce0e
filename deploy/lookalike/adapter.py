"""The Bluetooth adapter on D-Bus: power, and scanning that several programs share. Source: BlueZ, src/adapter.c."""

from __future__ import annotations

from collections.abc import Iterable

from dbus_fast import Message, Variant

from deploy.lookalike.device import Device
from deploy.lookalike.objects import ADAPTER, FAILED, BlueZError, Objects, in_progress, reply, unknown_method

__all__ = ["Adapter"]


class Adapter:
    """devices: by path, shared with the owner."""

    def __init__(self, objects: Objects, path: str, devices: dict[str, Device]) -> None:
        self.path = path
        self._objects, self._devices = objects, devices
        self._filters: dict[str, frozenset[str]] = {}  # wished services by client; a scan may be without one
        self._scanning: set[str] = set()

    def show(self) -> None:
        """Put the adapter on the bus."""
        properties = {
            "Address": Variant("s", "00:00:00:00:00:01"),
            "Name": Variant("s", "lookalike"),
            "Alias": Variant("s", "lookalike"),
            "Class": Variant("u", 0),
            "Powered": Variant("b", True),
            "Discovering": Variant("b", False),
            "Pairable": Variant("b", True),
            "Roles": Variant("as", ["central", "peripheral"]),  # bleak wants "central"
            "UUIDs": Variant("as", []),
        }
        self._objects.add(self.path, {ADAPTER: properties})

    @property
    def powered(self) -> bool:
        """Whether it is switched on."""
        return self._objects[self.path][ADAPTER]["Powered"].value

    def power(self, on: bool) -> None:
        """Switch it on or off; off breaks every link and ends every scan."""
        if not on:
            for device in self._devices.values():
                device.drop()
            self._scanning.clear()
            self._stopped()
        self._objects.change(self.path, ADAPTER, {"Powered": Variant("b", on)})

    def tick(self, now_s: float) -> None:
        """Every device that advertises is heard by who scans for it, and old ones are forgotten."""
        for device in self._devices.values():
            if device.peripheral.advertising and not device.connected and self._wanted(device):
                device.advertise(now_s)
            else:
                device.age(now_s)

    def call(self, message: Message) -> Message:
        """Answer a method call on the adapter. Raises BlueZError."""
        sender = message.sender or ""
        if message.member == "SetDiscoveryFilter":
            wished: Iterable[str] = message.body[0]["UUIDs"].value if "UUIDs" in message.body[0] else ()
            self._filters[sender] = frozenset(wished)
        elif message.member == "StartDiscovery":
            self._start(sender)
        elif message.member == "StopDiscovery":
            self._stop(sender)
        elif message.member == "RemoveDevice":
            self._remove(message.body[0])
        else:
            raise unknown_method(message)
        return reply(message)

    def left(self, sender: str) -> None:
        """A client is no longer on the bus."""
        self._filters.pop(sender, None)
        if sender in self._scanning:
            self._stop(sender)

    def _wanted(self, device: Device) -> bool:
        advertised = set(device.peripheral.advertised)
        filters = (self._filters.get(sender, frozenset()) for sender in self._scanning)
        return any(not wished or wished & advertised for wished in filters)

    def _start(self, sender: str) -> None:
        if not self.powered:
            raise BlueZError("org.bluez.Error.NotReady", "Resource Not Ready")
        if sender in self._scanning:
            raise in_progress()
        self._scanning.add(sender)
        self._objects.change(self.path, ADAPTER, {"Discovering": Variant("b", True)})

    def _stop(self, sender: str) -> None:
        if sender not in self._scanning:
            raise BlueZError(FAILED, "No discovery started")
        self._scanning.discard(sender)
        if not self._scanning:
            self._stopped()

    def _stopped(self) -> None:
        for device in self._devices.values():
            device.fade()
        self._objects.change(self.path, ADAPTER, {"Discovering": Variant("b", False)})

    def _remove(self, path: str) -> None:
        if path not in self._devices or path not in self._objects:
            raise BlueZError("org.bluez.Error.DoesNotExist", "Does Not Exist")
        self._devices[path].forget()

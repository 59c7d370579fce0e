"""The characteristics of one device on D-Bus: read, write, subscribe.

As bluetoothd does it by default (Cache = always): the objects appear with the first connection and stay when it breaks,
and so do the subscriptions of clients that are still on the bus. Every subscribed client causes a signal of its own for
each notification, so two clients of one program make it hear everything twice. Source: BlueZ, src/gatt-client.c."""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass, field

from dbus_fast import Message, Variant

from deploy.lookalike.objects import (
    CHARACTERISTIC,
    FAILED,
    SERVICE,
    BlueZError,
    Objects,
    in_progress,
    reply,
    unknown_method,
)
from deploy.lookalike.peripheral import Characteristic, Peripheral

__all__ = ["Gatt"]

_NOTIFIES = frozenset({"notify", "indicate"})


@dataclass(slots=True, eq=False)
class _Entry:
    path: str
    uuid: str
    made: Characteristic
    subscribers: set[str] = field(default_factory=set)
    acquired: socket.socket | None = None


class Gatt:
    """The GATT objects of one peripheral below its device's path."""

    def __init__(self, objects: Objects, device_path: str, peripheral: Peripheral) -> None:
        self._objects, self._device_path, self._peripheral = objects, device_path, peripheral
        self._entries: dict[str, _Entry] = {}
        self._by_uuid: dict[str, _Entry] = {}

    def publish(self) -> None:
        """The services are known: show them, or only what changed since the last connection."""
        if self._entries:
            for path in self._entries:
                self._objects.change(path, CHARACTERISTIC, {"MTU": Variant("q", self._peripheral.mtu)})
            return
        handle = 1
        for service, characteristics in self._peripheral.services.items():
            # bleak reads the handles off the paths' last four digits
            path = f"{self._device_path}/service{handle:04x}"
            self._objects.add(path, {SERVICE: self._service(service)})
            for uuid, made in characteristics.items():
                self._publish_characteristic(f"{path}/char{handle + 1:04x}", path, uuid, made)
                handle += 3
            handle += 1

    def withdraw(self) -> None:
        """The device is forgotten; its objects are taken away by their owner."""
        self.disconnected()
        self._entries.clear()
        self._by_uuid.clear()

    def send(self, uuid: str, data: bytes) -> bool:
        """Carry one notification; False when nobody is subscribed or the receiver's socket is full."""
        entry = self._by_uuid.get(uuid)
        if entry is None:
            return False
        if entry.acquired is not None:
            return self._send_acquired(entry, data)
        for _ in entry.subscribers:
            self._objects.change(entry.path, CHARACTERISTIC, {"Value": Variant("ay", data)})
        return bool(entry.subscribers)

    def disconnected(self) -> None:
        """The link is gone: sockets close, subscriptions wait for the next connection."""
        for entry in self._entries.values():
            self._release(entry)

    def left(self, sender: str) -> None:
        """A client is no longer on the bus."""
        for entry in self._entries.values():
            entry.subscribers.discard(sender)

    def call(self, message: Message) -> Message:
        """Answer a method call on a characteristic; who sends the answer closes the file descriptors in it.

        Raises BlueZError."""
        entry = self._entries.get(message.path or "")
        if entry is None or message.member not in _METHODS:
            raise unknown_method(message)
        return _METHODS[message.member](self, entry, message)

    def _publish_characteristic(self, path: str, service: str, uuid: str, made: Characteristic) -> None:
        properties = {
            "UUID": Variant("s", uuid),
            "Service": Variant("o", service),
            "Value": Variant("ay", b""),
            "Flags": Variant("as", list(made.flags)),
            "MTU": Variant("q", self._peripheral.mtu),
        }
        if _NOTIFIES & set(made.flags):
            properties["Notifying"] = Variant("b", False)
        if "notify" in made.flags:  # BlueZ 5.66 has it not for those that only indicate: bleak then falls back
            properties["NotifyAcquired"] = Variant("b", False)
        self._entries[path] = self._by_uuid[uuid] = _Entry(path, uuid, made)
        self._objects.add(path, {CHARACTERISTIC: properties})

    def _service(self, uuid: str) -> dict[str, Variant]:
        return {
            "UUID": Variant("s", uuid),
            "Device": Variant("o", self._device_path),
            "Primary": Variant("b", True),
            "Includes": Variant("ao", []),
        }

    def _read(self, entry: _Entry, message: Message) -> Message:
        self._need_link()
        if "read" not in entry.made.flags:
            raise BlueZError("org.bluez.Error.NotPermitted", "Read not permitted")
        value = entry.made.read()
        # so a read also reaches those who are subscribed, as on real BlueZ
        self._objects.change(entry.path, CHARACTERISTIC, {"Value": Variant("ay", value)})
        return reply(message, "ay", value)

    def _write(self, entry: _Entry, message: Message) -> Message:
        self._need_link()
        if not {"write", "write-without-response"} & set(entry.made.flags):
            raise BlueZError("org.bluez.Error.NotSupported", "Operation is not supported")
        entry.made.write(bytes(message.body[0]))
        return reply(message)

    def _start(self, entry: _Entry, message: Message) -> Message:
        if self._acquired(entry):
            raise BlueZError("org.bluez.Error.NotPermitted", "Notify acquired")
        if not _NOTIFIES & set(entry.made.flags):
            raise BlueZError("org.bluez.Error.NotSupported", "Operation is not supported")
        entry.subscribers.add(message.sender or "")
        self._objects.change(entry.path, CHARACTERISTIC, {"Notifying": Variant("b", True)})
        return reply(message)

    def _stop(self, entry: _Entry, message: Message) -> Message:
        if self._acquired(entry):
            self._release(entry)
            return reply(message)
        if message.sender not in entry.subscribers:
            raise BlueZError(FAILED, "No notify session started")
        entry.subscribers.discard(message.sender or "")
        if not entry.subscribers:
            self._objects.change(entry.path, CHARACTERISTIC, {"Notifying": Variant("b", False)})
        return reply(message)

    def _acquire(self, entry: _Entry, message: Message) -> Message:
        self._need_link()
        if self._acquired(entry):
            raise BlueZError("org.bluez.Error.NotPermitted", "Notify acquired")
        if entry.subscribers:
            raise in_progress("In Progress")
        if not _NOTIFIES & set(entry.made.flags):
            raise BlueZError("org.bluez.Error.NotSupported", "Operation is not supported")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        entry.acquired = ours
        self._objects.change(entry.path, CHARACTERISTIC, {"NotifyAcquired": Variant("b", True)})
        return reply(message, "hq", 0, self._peripheral.mtu, fds=[theirs.detach()])

    def _acquired(self, entry: _Entry) -> bool:
        if entry.acquired is None:
            return False
        try:
            entry.acquired.recv(1)
        except BlockingIOError:
            return True
        self._release(entry)  # nothing to read and not blocked: the client closed its end
        return False

    def _send_acquired(self, entry: _Entry, data: bytes) -> bool:
        assert entry.acquired is not None
        try:
            entry.acquired.send(data)
        except OSError as error:
            if error.errno != errno.EAGAIN:  # the client closed its end: it wants no more
                self._release(entry)
            return False
        return True

    def _release(self, entry: _Entry) -> None:
        if entry.acquired is None:
            return
        with contextlib.suppress(OSError):
            entry.acquired.close()
        entry.acquired = None
        self._objects.change(entry.path, CHARACTERISTIC, {"NotifyAcquired": Variant("b", False)})

    def _need_link(self) -> None:
        if not self._peripheral.connected:
            raise BlueZError(FAILED, "Not connected")


_METHODS = {
    "ReadValue": Gatt._read,
    "WriteValue": Gatt._write,
    "StartNotify": Gatt._start,
    "StopNotify": Gatt._stop,
    "AcquireNotify": Gatt._acquire,
}

"""The tree of D-Bus objects that bluetoothd shows, and the signals that tell of its changes.

Of plain messages and one dictionary: D-Bus introspection would cost more than the notifications themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dbus_fast import ErrorType, Message, MessageType, Variant

__all__ = [
    "ADAPTER",
    "BlueZError",
    "CHARACTERISTIC",
    "DEVICE",
    "FAILED",
    "OBJECT_MANAGER",
    "Objects",
    "PROPERTIES",
    "Properties",
    "SERVICE",
    "in_progress",
    "reply",
    "unknown_method",
]

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
FAILED = "org.bluez.Error.Failed"

Properties = dict[str, Variant]


class BlueZError(Exception):
    """The answer to a method call that fails. name: of the D-Bus error."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


def in_progress(text: str = "Operation already in progress") -> BlueZError:
    """What BlueZ answers to a second request of the same kind."""
    return BlueZError("org.bluez.Error.InProgress", text)


def unknown_method(message: Message) -> BlueZError:
    """The standard answer to a method that is not there."""
    return BlueZError(ErrorType.UNKNOWN_METHOD.value, f"no method {message.interface}.{message.member} here")


def reply(message: Message, signature: str = "", *body: Any, fds: Iterable[int] = ()) -> Message:
    """The good answer to a method call."""
    return Message.new_method_return(message, signature, list(body), list(fds))


class Objects:
    """Objects by path: {interface: {property: value}}. send: puts a message on the bus."""

    def __init__(self, send: Callable[[Message], object]) -> None:
        self._send = send
        self._tree: dict[str, dict[str, Properties]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._tree

    def __getitem__(self, path: str) -> dict[str, Properties]:
        return self._tree[path]

    def add(self, path: str, interfaces: dict[str, Properties]) -> None:
        """Show an object, and tell of it."""
        self._tree[path] = interfaces
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def remove(self, path: str) -> None:
        """Take an object and all below it away, the lowest first."""
        for one in sorted((other for other in self._tree if f"{other}/".startswith(f"{path}/")), reverse=True):
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [one, list(self._tree.pop(one))])

    def change(self, path: str, interface: str, changed: Properties, invalidated: Iterable[str] = ()) -> None:
        """Set properties, or take them away, and tell of it even when they were so before, as BlueZ does."""
        gone = list(invalidated)
        properties = self._tree[path][interface]
        properties.update(changed)
        for name in gone:
            properties.pop(name, None)
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, gone])

    def below(self, path: str, interface: str) -> list[str]:
        """Paths under one that have an interface."""
        return [other for other, has in self._tree.items() if other.startswith(f"{path}/") and interface in has]

    def answer(self, message: Message) -> Message | None:
        """Answer what is asked of the tree itself: GetManagedObjects, Get, GetAll. None for anything else.

        Raises BlueZError for objects and properties that are not there."""
        if message.interface == OBJECT_MANAGER and message.member == "GetManagedObjects":
            return reply(message, "a{oa{sa{sv}}}", self._tree)
        found = self._tree.get(message.path or "")
        if found is None:
            raise BlueZError(ErrorType.UNKNOWN_OBJECT.value, f"no object at {message.path}")
        if message.interface == PROPERTIES and message.member in ("Get", "GetAll"):
            return self._properties(message, found)
        return None

    def _properties(self, message: Message, found: Mapping[str, Properties]) -> Message:
        properties = found.get(message.body[0])
        if properties is None:
            raise BlueZError(ErrorType.UNKNOWN_INTERFACE.value, f"no interface {message.body[0]} at {message.path}")
        if message.member == "GetAll":
            return reply(message, "a{sv}", properties)
        if message.body[1] not in properties:
            raise BlueZError(ErrorType.UNKNOWN_PROPERTY.value, f"no property {message.body[1]} at {message.path}")
        return reply(message, "v", properties[message.body[1]])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self._send(
            Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
        )

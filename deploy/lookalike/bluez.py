"""A look-alike of bluetoothd on a private bus, so that bleak's own BlueZ backend runs unmodified, without a radio.

What it has not: pairing agents, a radio's delays and losses of its own, ATT errors, descriptors, several adapters."""

from __future__ import annotations

import asyncio
import contextlib

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from deploy.lookalike.adapter import Adapter
from deploy.lookalike.device import Device, Timing
from deploy.lookalike.objects import (
    ADAPTER,
    CHARACTERISTIC,
    DEVICE,
    FAILED,
    PROPERTIES,
    BlueZError,
    Objects,
    reply,
    unknown_method,
)
from deploy.lookalike.outlet import Outlet
from deploy.lookalike.peripheral import Peripheral

__all__ = ["FakeBlueZ"]

_NAME = "org.bluez"
_BUS = "org.freedesktop.DBus"


class FakeBlueZ:
    """Use as an async context manager, or start() and stop(). Peripherals may come and go at any time.

    address: of the bus. adapter: name of the only adapter."""

    def __init__(self, address: str, *, adapter: str = "hci0", timing: Timing | None = None) -> None:
        self._address, self._adapter_path = address, f"/org/bluez/{adapter}"
        self._timing = timing or Timing()
        self._peripherals: list[Peripheral] = []
        self._devices: dict[str, Device] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bus: MessageBus | None = None
        self._outlet: Outlet | None = None
        self.calls: list[tuple[str, str]] = []  # (member, path) of every method call, for tests

    async def __aenter__(self) -> FakeBlueZ:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Come up on the bus, with an adapter that is switched on and knows nobody yet."""
        bus = MessageBus(bus_address=self._address, negotiate_unix_fd=True)
        await bus.connect()
        self._bus, self._outlet = bus, Outlet(bus)
        self._objects = Objects(self._send)
        self._devices.clear()
        self._adapter = Adapter(self._objects, self._adapter_path, self._devices)
        self._objects.add("/org/bluez", {"org.bluez.AgentManager1": {}, "org.bluez.ProfileManager1": {}})
        self._adapter.show()
        for peripheral in self._peripherals:
            self._show(peripheral)
        bus.add_message_handler(self._receive)
        # who leaves the bus has its scans and subscriptions ended
        rule = f"type='signal',sender='{_BUS}',member='NameOwnerChanged'"
        await bus.call(Message(destination=_BUS, path="/org/freedesktop/DBus", interface=_BUS, member="AddMatch",
                               signature="s", body=[rule]))  # fmt: skip
        await bus.request_name(_NAME)
        self._spawn(self._advertise())

    async def stop(self) -> None:
        """Links break properly, then the name goes from the bus."""
        for device in self._devices.values():
            device.drop()
        if self._outlet is not None:
            await self._outlet.drain()
        await self.crash()

    async def crash(self) -> None:
        """As kill -9 of bluetoothd: the name goes from the bus, no client is told of anything; start() brings it back.

        The devices see their links go."""
        bus, self._bus = self._bus, None
        outlet, self._outlet = self._outlet, None
        if outlet is not None:
            outlet.close()
        for task in self._tasks:
            task.cancel()
        for device in self._devices.values():
            device.lose()
        if bus is not None:
            bus.disconnect()
            with contextlib.suppress(EOFError, OSError):  # the bus itself may be dead already
                await bus.wait_for_disconnect()

    @property
    def running(self) -> bool:
        """Whether it is on the bus."""
        return self._bus is not None

    def add(self, peripheral: Peripheral) -> Peripheral:
        """Bring a device into range."""
        self._peripherals.append(peripheral)
        if self._bus is not None:
            self._show(peripheral)
        return peripheral

    def remove(self, peripheral: Peripheral) -> None:
        """Take a device out of range for good, and forget it."""
        self._peripherals.remove(peripheral)
        self.forget(peripheral)
        self._devices.pop(self._path(peripheral), None)

    def forget(self, peripheral: Peripheral) -> None:
        """bluetoothd loses what it knows of a device; it is found anew when it advertises."""
        if self._bus is not None:
            self._devices[self._path(peripheral)].forget()

    def knows(self, peripheral: Peripheral) -> bool:
        """Whether a device has an object on the bus: it was heard by a scan that looks for it, and not forgotten."""
        return self._bus is not None and self._path(peripheral) in self._objects

    def power(self, on: bool) -> None:
        """Switch the adapter."""
        self._adapter.power(on)

    def _show(self, peripheral: Peripheral) -> None:
        device = Device(self._objects, self._adapter_path, peripheral, self._timing)
        self._devices[device.path] = device

    def _path(self, peripheral: Peripheral) -> str:
        return next(path for path, device in self._devices.items() if device.peripheral is peripheral)

    async def _advertise(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._adapter.tick(loop.time())
            await asyncio.sleep(self._timing.advert_s)

    def _receive(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                self._left(message.body[0])
            return False
        if message.message_type is not MessageType.METHOD_CALL or self._bus is None:
            return False
        self.calls.append((message.member or "", message.path or ""))
        self._spawn(self._serve(message))
        return True

    def _left(self, sender: str) -> None:
        self._adapter.left(sender)
        for device in self._devices.values():
            device.gatt.left(sender)

    async def _serve(self, message: Message) -> None:
        try:
            answer = await self._answer(message)
        except BlueZError as error:
            answer = Message.new_error(message, error.name, error.text)
        except Exception as error:  # noqa: BLE001 - a bug here must not look like a daemon that hangs
            answer = Message.new_error(message, FAILED, repr(error))
        self._send(answer)

    async def _answer(self, message: Message) -> Message:
        answer = self._objects.answer(message)
        if answer is not None:
            return answer
        path = message.path or ""
        if message.interface == PROPERTIES and message.member == "Set":
            return self._set(message)
        if message.interface == ADAPTER and path == self._adapter_path:
            return self._adapter.call(message)
        if message.interface == DEVICE and path in self._devices:
            return await self._devices[path].call(message)
        if message.interface == CHARACTERISTIC and "/service" in path:
            return self._devices[path[: path.index("/service")]].gatt.call(message)
        raise unknown_method(message)

    def _set(self, message: Message) -> Message:
        interface, name, value = message.body
        if (interface, name) == (ADAPTER, "Powered"):
            self.power(value.value)
        else:
            self._objects.change(message.path or "", interface, {name: value})
        return reply(message)

    def _send(self, message: Message) -> None:
        if self._outlet is not None:  # a killed one says nothing more
            self._outlet.send(message)

    def _spawn(self, coroutine) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""Notices the death of bluetoothd (Linux). bleak 3.1 does not: it says nothing, and goes on believing in the dead
daemon's devices and services, which the daemon's successor does not have."""

from __future__ import annotations

import asyncio
import logging
import sys

from bleak.exc import BleakError

__all__ = ["watch_daemon"]

log = logging.getLogger(__name__)
_RETRY_S = 2.0
_RULE = (
    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',"
    "arg0='org.bluez'"
)


async def watch_daemon() -> None:
    """Until cancelled: when bluetoothd dies, make bleak forget what it knew, which also reports each link as lost."""
    if sys.platform != "linux":
        return
    while True:
        try:
            await _watch_one_bus()
        except (OSError, EOFError, BleakError) as error:
            log.debug("no D-Bus to watch: %s", error)
        await asyncio.sleep(_RETRY_S)


async def _watch_one_bus() -> None:
    from dbus_fast import BusType, Message
    from dbus_fast.aio import MessageBus

    died = asyncio.Event()

    def heard(message: Message) -> None:
        if message.member == "NameOwnerChanged" and message.body[0] == "org.bluez" and message.body[1]:
            died.set()

    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        bus.add_message_handler(heard)
        await bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=[_RULE],
            )
        )
        gone = asyncio.create_task(bus.wait_for_disconnect())
        while not gone.done():
            waiting = asyncio.create_task(died.wait())
            await asyncio.wait({gone, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if died.is_set():
                died.clear()
                log.warning("bluetoothd is gone: all links are lost until it is back")
                await _make_bleak_forget()
        gone.exception()  # bleak tells the same in its own way
    finally:
        bus.disconnect()


async def _make_bleak_forget() -> None:
    from bleak.backends.bluezdbus.manager import get_global_bluez_manager

    manager = await get_global_bluez_manager()
    # bleak rebuilds all its knowledge after its bus was lost, and has no other way to be told (3.1)
    bus = getattr(manager, "_bus", None)
    if bus is None:
        log.warning("this version of bleak cannot be made to forget; restart p2es if devices do not come back")
        return
    bus.disconnect()

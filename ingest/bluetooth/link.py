"""One connection to one device: made, subscribed, asked to stream, closed. What comes after it is another Link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError
from bleak_retry_connector import BleakClientWithServiceCache, establish_connection

from ingest.bluetooth.scanner import Seen
from ingest.devices.driver import Ask, Driver, Read, Started, Steps, Write
from ingest.devices.plain import BATTERY_LEVEL
from ingest.errors import DeviceRefused

__all__ = ["LINK_ERRORS", "Link", "open_link"]

log = logging.getLogger(__name__)
LINK_ERRORS = (
    BleakError,
    DeviceRefused,
    OSError,
    EOFError,
    TimeoutError,
    KeyError,
)  # KeyError: bleak, services changed
_ANSWER_S, _CLOSE_S = 5.0, 3.0

OnFrame = Callable[[str, bytes], None]


class Link:
    """Made by `open_link`. lost: set when the link is known to be down; a daemon that dies does not set it."""

    def __init__(self, driver: Driver, on_frame: OnFrame) -> None:
        self.lost = asyncio.Event()
        self._driver, self._on_frame = driver, on_frame
        self._client: BleakClient | None = None
        self._answers: dict[str, asyncio.Queue[bytes]] = {}
        self._is_open = False

    async def run(self, steps: Steps) -> Started:
        """Ask the device what `steps` yield. Raises DeviceRefused, BleakError, TimeoutError."""
        answer: bytes | None = None
        while True:
            try:
                ask = next(steps) if answer is None else steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = await asyncio.wait_for(self._ask(ask), _ANSWER_S)

    async def subscribe(self) -> None:
        """All characteristics of the driver. Raises DeviceRefused when the device lacks one or cuts its frames."""
        assert self._client is not None
        for uuid in self._driver.notify:
            found = self._client.services.get_characteristic(uuid)
            if found is None:
                if uuid in self._driver.optional:
                    continue
                raise DeviceRefused(f"it has no characteristic {uuid}: is it a {self._driver.title}?")
            self._check_mtu(found)
            await asyncio.wait_for(self._client.start_notify(found, self._notified), _ANSWER_S)
            if uuid == BATTERY_LEVEL and "read" in found.properties:  # notified only when it changes
                level = await asyncio.wait_for(self._client.read_gatt_char(found), _ANSWER_S)
                self._on_frame(uuid, bytes(level))

    async def close(self, is_polite: bool) -> None:
        """Let the device go. is_polite: ask it to stop first; a device that does not answer is not waited for."""
        self._is_open = False  # what still comes belongs to nobody: BlueZ takes 2 s to disconnect
        if self._client is None:
            return
        try:
            if is_polite and not self.lost.is_set():
                await asyncio.wait_for(self.run(self._driver.stop()), _CLOSE_S)
        except LINK_ERRORS as error:
            log.debug("the device did not answer to stop: %s", error)
        try:
            await asyncio.wait_for(self._client.disconnect(), _CLOSE_S)
        except LINK_ERRORS as error:
            log.debug("not disconnected: %s", error)

    def _check_mtu(self, characteristic: BleakGATTCharacteristic) -> None:
        # BlueZ knows the MTU of a characteristic only (client.mtu_size is always 23 there)
        mtu = characteristic.max_write_without_response_size + 3
        if characteristic.uuid == self._driver.main and mtu < self._driver.min_mtu:
            raise DeviceRefused(
                f"the link carries {mtu - 3} bytes a notification and a {self._driver.title} sends up to "
                f"{self._driver.min_mtu - 3}: its samples would be cut; a newer Bluetooth adapter or driver is needed"
            )

    async def _ask(self, ask: Ask) -> bytes:
        assert self._client is not None
        if isinstance(ask, Read):
            return bytes(await self._client.read_gatt_char(ask.characteristic))
        if isinstance(ask, Write):
            answers = self._answers_of(ask.answered_by) if ask.answered_by else None
            while answers is not None and not answers.empty():
                answers.get_nowait()  # of an earlier question
            await self._client.write_gatt_char(ask.characteristic, ask.data)  # with response where the device has it
            return b"" if answers is None else await answers.get()
        return await self._answers_of(ask.characteristic).get()

    def _answers_of(self, characteristic: str) -> asyncio.Queue[bytes]:
        return self._answers.setdefault(characteristic, asyncio.Queue(64))

    def _notified(self, sender: BleakGATTCharacteristic, data: bytearray) -> None:
        if not self._is_open:
            return
        frame = bytes(data)
        if sender.uuid in self._answers and not self._answers[sender.uuid].full():
            self._answers[sender.uuid].put_nowait(frame)
        self._on_frame(sender.uuid, frame)

    def _disconnected(self, _: Any) -> None:
        if self._is_open:  # bleak also calls back during connect, when it tries again by itself
            self.lost.set()


async def open_link(seen: Seen, driver: Driver, on_frame: OnFrame, timeout_s: float) -> Link:
    """Connect. Raises one of LINK_ERRORS, with nothing left open."""
    link = Link(driver, on_frame)
    async with asyncio.timeout(timeout_s):
        client = await establish_connection(
            BleakClientWithServiceCache,
            seen.device,
            seen.name or seen.address,
            link._disconnected,
            max_attempts=2,
        )
    link._client = client
    link._is_open = True
    if not client.is_connected:
        await link.close(is_polite=False)
        raise BleakError("the link went down while it was made")
    return link

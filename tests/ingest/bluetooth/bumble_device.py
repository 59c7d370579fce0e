"""A simulated device as a real GATT server over bumble's air."""

import asyncio
import struct
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from bumble.core import AdvertisingData
from bumble.device import Connection
from bumble.gatt import Characteristic, CharacteristicValue, Service

from deploy.wearable.simulator import Frame, Simulator
from tests.ingest.bluetooth.bumble_backend import Radio

__all__ = ["Server"]

_FLAGS = {
    "read": Characteristic.Properties.READ,
    "write": Characteristic.Properties.WRITE,
    "write-without-response": Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
    "notify": Characteristic.Properties.NOTIFY,
    "indicate": Characteristic.Properties.INDICATE,
}
_INTERVAL_MS = 20.0  # between advertisements; its own default makes every connection wait for a second
_TICK_S = 0.005


class Server:
    """Use as an async context manager. sent: frames that were given to the subscriber, cut or not."""

    def __init__(self, radio: Radio, device: Simulator, address: str, now_ns) -> None:
        self.address, self.sent = address, list[Frame]()
        self._simulated, self._now_ns = device, now_ns
        self._device = radio.device(device.name, address)
        self._made = {
            uuid: self._characteristic(uuid, flags)
            for characteristics in device.services.values()
            for uuid, flags in characteristics.items()
        }
        self._device.add_services(
            Service(uuid, [self._made[one] for one in characteristics])
            for uuid, characteristics in device.services.items()
        )
        self._device.on("connection", self._connected)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Server":
        await self._device.power_on()
        self._device.advertising_data = self._advertisement()
        await self._device.start_advertising(
            auto_restart=True, advertising_interval_min=_INTERVAL_MS, advertising_interval_max=_INTERVAL_MS
        )
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._device.power_off()

    async def drop(self) -> None:
        """The device ends its links."""
        for connection in list(self._device.connections.values()):
            await connection.disconnect()

    def _advertisement(self) -> bytes:
        short = b"".join(struct.pack("<H", int(uuid[4:8], 16)) for uuid in self._simulated.advertised)
        return bytes(
            AdvertisingData(
                [
                    (AdvertisingData.FLAGS, b"\x06"),
                    (AdvertisingData.COMPLETE_LOCAL_NAME, self._simulated.name.encode()),
                    (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, short),
                ]
            )
        )

    def _characteristic(self, uuid: str, flags: Iterable[str]) -> Characteristic:
        properties = Characteristic.Properties(0)
        for flag in flags:
            properties |= _FLAGS[flag]
        value = CharacteristicValue(
            read=lambda _: self._simulated.read(uuid), write=partial(self._written, uuid)
        )  # fmt: skip
        return Characteristic(uuid, properties, Characteristic.READABLE | Characteristic.WRITEABLE, value)

    async def _written(self, uuid: str, connection: Connection, data: bytes) -> None:
        answers = self._simulated.on_write(uuid, bytes(data), self._now_ns())
        # the answer to the write goes out first
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._send(answers, connection)))

    def _connected(self, connection: Connection) -> None:
        connection.on("disconnection", lambda _: self._simulated.disconnected())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            frames = self._simulated.due_frames(self._now_ns())
            for connection in list(self._device.connections.values()):
                self._simulated.connected(connection.att_mtu - 3)
                await self._send(frames, connection)

    async def _send(self, frames: Iterable[Frame], connection: Connection) -> None:
        for frame in frames:
            made = self._made[frame.characteristic]
            if made.properties & Characteristic.Properties.INDICATE:
                await self._device.indicate_subscriber(connection, made, frame.data)
            else:
                await self._device.notify_subscriber(connection, made, frame.data)
            self.sent.append(frame)

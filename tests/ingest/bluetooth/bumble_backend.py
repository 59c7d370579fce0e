"""bleak over bumble's simulated air: real ATT and GATT bytes, where the BlueZ look-alike has D-Bus.

    radio = Radio()
    device = await BleakScanner.find_device_by_address(address, backend=BumbleScanner, radio=radio)
    BleakClient(device, backend=BumbleClient, radio=radio)

Only what the tests need: one adapter, no pairing, no caches."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError
from bumble import core, hci
from bumble.controller import Controller
from bumble.device import Connection, Device, Peer
from bumble.host import Host
from bumble.link import LocalLink

__all__ = ["BumbleClient", "BumbleScanner", "Radio", "long_uuid"]

_TYPE = core.AdvertisingData.Type
_SERVICE_LISTS = (
    _TYPE.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    _TYPE.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    _TYPE.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    _TYPE.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)


class Radio:
    """The air of one test: every device made here hears every other."""

    def __init__(self) -> None:
        self.one_at_a_time = asyncio.Lock()  # a controller runs one LE Create Connection
        self._link = LocalLink()
        self._central: Device | None = None

    def device(self, name: str, address: str) -> Device:
        """A device with a controller of its own, not yet on."""
        device = Device(name=name, address=hci.Address(address))
        device.host = Host()
        device.host.controller = Controller(name, link=self._link)
        return device

    async def central(self) -> Device:
        """Our own adapter, on."""
        if self._central is None:
            self._central = self.device("central", "C0:00:00:00:00:01")
            await self._central.power_on()
        return self._central


class BumbleScanner(BaseBleakScanner):
    """See BaseBleakScanner."""

    def __init__(self, detection_callback, service_uuids, scanning_mode, *, radio: Radio, **_: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        self._radio = radio

    async def start(self) -> None:
        """See BaseBleakScanner."""
        self.seen_devices = {}
        self._device = await self._radio.central()
        self._device.on("advertisement", self._heard)
        if not self._device.is_scanning:
            await self._device.start_scanning(active=True, filter_duplicates=False)

    async def stop(self) -> None:
        """See BaseBleakScanner."""
        self._device.remove_listener("advertisement", self._heard)
        if self._device.is_scanning:
            await self._device.stop_scanning()

    def _heard(self, advertisement) -> None:
        lists = (advertisement.data.get_all(kind, raw=False) for kind in _SERVICE_LISTS)
        services = list(dict.fromkeys(long_uuid(one) for kind in lists for one in _flat(kind)))  # told twice
        if not self.is_allowed_uuid(services):
            return
        name = advertisement.data.get(_TYPE.COMPLETE_LOCAL_NAME, raw=False)
        address = advertisement.address.to_string(with_type_qualifier=False)
        data = AdvertisementData(name, {}, {}, services, None, advertisement.rssi, ())
        self.call_detection_callbacks(self.create_or_update_device(address, address, name, {}, data), data)


class BumbleClient(BaseBleakClient):
    """See BaseBleakClient. mtu: what is asked for, None to stay at 23: bumble does not ask by itself."""

    def __init__(
        self, target, services=None, *, disconnected_callback, timeout, radio: Radio, mtu: int | None = 247, **_: Any
    ) -> None:
        super().__init__(target, disconnected_callback=disconnected_callback, timeout=timeout)
        self._radio, self._mtu, self._name = radio, mtu, getattr(target, "name", None) or self.address
        self._connection: Connection | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **_: Any) -> None:
        central = await self._radio.central()
        async with self._radio.one_at_a_time:
            if central.is_scanning:
                await central.stop_scanning()
            try:
                self._connection = await central.connect(hci.Address(self.address), timeout=self._timeout)
            except core.TimeoutError:
                raise BleakDeviceNotFoundError(self.address, "not found") from None
        self._connection.on("disconnection", self._gone)
        peer = Peer(self._connection)
        if self._mtu is not None:
            await peer.request_mtu(self._mtu)
        await peer.discover_services()
        self.services = await self._discovered(peer)

    async def disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.disconnect()

    async def pair(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError

    async def unpair(self) -> None:
        raise NotImplementedError

    async def read_gatt_char(self, characteristic, **_: Any) -> bytearray:
        self._need()
        return bytearray(await characteristic.obj.read_value())

    async def write_gatt_char(self, characteristic, data, response: bool) -> None:
        self._need()
        await characteristic.obj.write_value(bytes(data), with_response=response)

    async def read_gatt_descriptor(self, descriptor, **_: Any) -> bytearray:
        self._need()
        return bytearray(await descriptor.obj.read_value())

    async def write_gatt_descriptor(self, descriptor, data) -> None:
        self._need()
        await descriptor.obj.write_value(bytes(data))

    async def start_notify(self, characteristic, callback: Callable[[bytearray], None], **_: Any) -> None:
        self._need()
        await characteristic.obj.subscribe(lambda value: callback(bytearray(value)))

    async def stop_notify(self, characteristic) -> None:
        self._need()
        await characteristic.obj.unsubscribe()

    async def _discovered(self, peer: Peer) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        for service in peer.services:
            made = BleakGATTService(service, service.handle, long_uuid(service.uuid))
            found.add_service(made)
            for one in await service.discover_characteristics():
                await one.discover_descriptors()
                flags = list(gatt_char_props_to_strs(one.properties))
                found.add_characteristic(
                    BleakGATTCharacteristic(
                        one, one.handle, long_uuid(one.uuid), flags, lambda: self.mtu_size - 3, made
                    )
                )
        return found

    def _gone(self, _: Any) -> None:
        self._connection = self.services = None
        if self._disconnected_callback:
            self._disconnected_callback()

    def _need(self) -> None:
        if self._connection is None:
            raise BleakError("Not connected")


def long_uuid(short: core.UUID) -> str:
    """128 bits, lower case, as bleak spells them."""
    return str(uuid.UUID(bytes=bytes(reversed(short.to_bytes(force_128=True)))))


def _flat(lists) -> list[core.UUID]:
    return [one for entry in lists or [] for one in (entry if isinstance(entry, (list, tuple)) else [entry])]

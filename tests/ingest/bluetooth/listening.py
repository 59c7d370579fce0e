"""A plain bleak client of a simulated Verity Sense, and waiting without fixed sleeps."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from deploy.lookalike.bus import PrivateBus
from deploy.lookalike.player import Player
from deploy.wearable.verity import HEART_RATE, PMD_CONTROL, PMD_DATA

START_LIGHT = bytes.fromhex("02010001370001011600040104")
PATIENCE_S = 5.0
_SETTLE_S = 1.0


async def until(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait for something to become true. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)


async def settled(bus: PrivateBus) -> None:
    """End the bus and let bleak hear of it, or its tasks would outlive the test's event loop."""
    bus.kill()
    limit = time.monotonic() + _SETTLE_S
    while len(asyncio.all_tasks()) > 1 and time.monotonic() < limit:
        await asyncio.sleep(0.005)


async def find(address: str) -> BLEDevice:
    found = await BleakScanner.find_device_by_address(address, timeout=PATIENCE_S)
    assert found is not None
    return found


class Heard:
    """What one client heard. gone: how often it was told that the link is lost."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.beats: list[bytes] = []
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = 0

    def lost(self, client: BleakClient) -> None:
        self.gone += 1

    async def subscribe(self, client: BleakClient, **how) -> None:
        await client.start_notify(PMD_CONTROL, lambda _, data: self.answers.put_nowait(bytes(data)), **how)
        await client.start_notify(PMD_DATA, lambda _, data: self.frames.append(bytes(data)), **how)
        await client.start_notify(HEART_RATE, lambda _, data: self.beats.append(bytes(data)), **how)

    async def command(self, client: BleakClient, command: bytes) -> bytes:
        await client.write_gatt_char(PMD_CONTROL, command, response=True)
        return await asyncio.wait_for(self.answers.get(), PATIENCE_S)

    async def stream(self, client: BleakClient, **how) -> None:
        """Subscribe, and start the light."""
        await self.subscribe(client, **how)
        assert (await self.command(client, START_LIGHT))[:4] == b"\xf0\x02\x01\x00"


@asynccontextmanager
async def streaming(player: Player, heard: Heard, **how) -> AsyncIterator[BleakClient]:
    """Connected and streaming; disconnected at the end."""
    async with BleakClient(await find(player.peripheral.address), disconnected_callback=heard.lost) as client:
        await heard.stream(client, **how)
        yield client


def sent(player: Player) -> list[bytes]:
    """The data frames that went out whole."""
    return [frame.data for frame in player.sent if frame.characteristic == PMD_DATA]

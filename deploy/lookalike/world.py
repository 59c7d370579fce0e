"""Simulated devices in reach of the BlueZ look-alike: one object to make, break and ask for the truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from deploy.lookalike.bluez import FakeBlueZ
from deploy.lookalike.device import Timing
from deploy.lookalike.peripheral import Peripheral
from deploy.lookalike.player import Player
from deploy.wearable.simulator import Simulator

__all__ = ["World", "flow"]

_TICK_S = 0.01  # a usual connection interval; frames leave at such steps


def flow(speed: float = 1.0, origin_ns: int | None = None) -> Callable[[], int]:
    """A clock of UTC, in ns, that never steps back. speed: how much faster than true time it runs from origin_ns
    on (now when left out); a later process with the same two goes on where this one would be."""
    wall, steady = time.time_ns(), time.monotonic_ns()
    origin = wall if origin_ns is None else origin_ns
    return lambda: origin + round((wall - origin + time.monotonic_ns() - steady) * speed)


class World:
    """Use as an async context manager. bus_address: of a PrivateBus. now_ns: UTC, flow() when left out.

    bluez: the look-alike. players: the devices, in the order they were added."""

    def __init__(
        self,
        bus_address: str,
        *,
        now_ns: Callable[[], int] | None = None,
        timing: Timing | None = None,
        tick_s: float = _TICK_S,
    ) -> None:
        self.now_ns = now_ns or flow()
        self.bluez = FakeBlueZ(bus_address, timing=timing)
        self.players: list[Player] = []
        self._tick_s = tick_s
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> World:
        await self.bluez.start()
        self._ticking = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._ticking is not None
        self._ticking.cancel()
        failed = (await asyncio.gather(self._ticking, return_exceptions=True))[0]
        await self.bluez.stop()
        if isinstance(failed, Exception):
            raise failed

    def add(
        self,
        device: Simulator,
        address: str | None = None,
        *,
        mtu: int | None = None,
        rssi_dbm: int = -55,
        seed: int = 0,
        keep_frames: bool = True,
    ) -> Player:
        """Bring a device into range. address: made up when left out. Others as in Player."""
        address = address or f"A0:9E:1A:00:{len(self.players) // 256:02X}:{len(self.players) % 256 + 1:02X}"
        player = Player(
            device, address, self.now_ns, mtu=mtu, rssi_dbm=rssi_dbm, seed=seed, keep_frames=keep_frames
        )  # fmt: skip
        self.players.append(player)
        self.bluez.add(player.peripheral)
        return player

    def remove(self, player: Player) -> None:
        """Take a device out of range for good."""
        self.players.remove(player)
        self.bluez.remove(player.peripheral)

    @property
    def peripheral(self) -> Peripheral:
        """The first device's."""
        return self.players[0].peripheral

    def tick(self) -> None:
        """Send what is due; called by itself every few milliseconds."""
        for player in self.players:
            player.tick()

    async def _run(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(self._tick_s)

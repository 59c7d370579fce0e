"""Many wearables at once: notifications lost, and what the collector costs.

Simulated oximeters, 100 notifications a second each, over a real D-Bus, first into a client that throws everything away
(the baseline: simulators, D-Bus, bleak), then into the collector. Run: `python -m benchmarks.bluetooth --json`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time

from bleak import BleakClient, BleakScanner

from deploy.lookalike.bus import BUS_VARIABLE, PrivateBus
from deploy.lookalike.world import World
from tests.ingest.bluetooth.collecting import Ward
from tests.simulators.berrymed import DATA, BerryMed


def fill(world: World, devices: int) -> None:
    """Oximeters in range."""
    for _ in range(devices):
        world.add(BerryMed(world.now_ns(), chunk=5))


async def measured(seconds: float) -> float:
    """Share of one core that this process takes from now on."""
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


async def bare(bus: str, devices: int, seconds: float) -> float:
    """The baseline's share of a core."""
    async with World(bus) as world:
        fill(world, devices)
        heard = 0

        def throw_away(*_: object) -> None:
            nonlocal heard
            heard += 1

        wanted = {player.peripheral.address for player in world.players}
        found = {}
        async with BleakScanner() as scanner:
            async for device, _ in scanner.advertisement_data():
                if device.address in wanted:
                    found[device.address] = device
                if len(found) == len(wanted):
                    break
        clients = [BleakClient(one) for one in found.values()]
        for client in clients:
            await client.connect()
            await client.start_notify(DATA, throw_away)
        share = await measured(seconds)
        for client in clients:
            await client.disconnect()
    return share


async def collected(bus: str, devices: int, seconds: float) -> dict[str, float]:
    """The collector's share, and what it lost."""
    async with World(bus) as world:
        fill(world, devices)
        ward = Ward()
        watched = [ward.watch(player.peripheral.address, driver="berrymed") for player in world.players]
        await ward.until(lambda: all(one.state == "streaming" for one in watched), 120)
        share = await measured(seconds)
        gaps = sum(len(one.pipeline.gaps) for one in watched)
        for player in world.players:
            player.stall()
        frames, before = 0, -1
        while frames != before:  # what is under way arrives; a busy machine takes a while
            before = frames
            await asyncio.sleep(2)
            frames = sum(one.pipeline.frames for one in watched)
        sent = sum(len(player.sent) for player in world.players)
        await ward.end()
        dropped = sum(one.dropped_frames for one in watched)
    return {"share": share, "sent": sent, "received": frames, "gaps": gaps, "dropped": dropped}


def main() -> None:
    """Print one object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    wish = parser.parse_args()
    with PrivateBus() as bus:
        os.environ[BUS_VARIABLE] = bus.address
        base = asyncio.run(bare(bus.address, wish.devices, wish.seconds))
        found = asyncio.run(collected(bus.address, wish.devices, wish.seconds))
    figures = {
        "devices": wish.devices,
        "notifications_per_s": 100 * wish.devices,
        "sent": found["sent"],
        "lost": found["sent"] - found["received"],
        "gaps": found["gaps"],
        "core_share_baseline": round(base, 3),
        "core_share_collecting": round(found["share"], 3),
        "collector_over_baseline": round(found["share"] / base, 2),
    }
    if wish.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    sys.exit(main())

"""Simulated devices and the look-alike of bluetoothd as a process of its own, to be killed and started anew.

    python -m deploy.lookalike.serve --world one
    python -m deploy.lookalike.serve --world ward.json --bus ADDRESS --start-ns 1767225600000000000

It says one line of JSON when it is there: the bus's address (its own bus, when none was given) and the devices. What
the devices measure and what their clocks show follows from the world, --start-ns and the wall clock alone, so a second
process with the same three goes on where the first was killed. Lines on its standard input are orders: "drop 0",
"stall 0", "resume 0", "away 0", "back 0", "reboot 0", with the number of a device."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import importlib
import json
import logging
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from deploy.errors import BadSettings, DeployError
from deploy.lookalike.bus import PrivateBus
from deploy.lookalike.device import Timing
from deploy.lookalike.player import Player
from deploy.lookalike.world import World, flow
from deploy.wearable.light import pulse_light
from deploy.wearable.simulator import Simulator
from deploy.wearable.verity import Verity

__all__ = ["build", "main", "make_device", "read_world"]

log = logging.getLogger(__name__)

WORLDS: Mapping[str, Mapping[str, Any]] = {
    "one": {"devices": [{"kind": "verity"}]},
    "ward": {
        "devices": [
            {"kind": "verity", "options": {"seed": seed, "ppm": 12.0 * seed - 20, "name": f"Polar Sense 0000000{seed}"}}
            for seed in range(4)
        ]
    },
}
_WORLD_KEYS = ("devices", "speed", "timing")
_DEVICE_KEYS = ("kind", "address", "mtu", "rssi_dbm", "seed", "faults", "options")
_ORDERS: Mapping[str, Callable[[Player], None]] = {
    "drop": Player.drop,
    "stall": Player.stall,
    "resume": Player.resume,
    "away": Player.away,
    "back": Player.back,
    "reboot": Player.reboot,
}


def read_world(name: str) -> Mapping[str, Any]:
    """A world by its name, or of a JSON file. Raises BadSettings."""
    if name in WORLDS:
        return WORLDS[name]
    try:
        world = json.loads(Path(name).read_text())
    except (OSError, ValueError) as error:
        raise BadSettings(f"world {name}: no file of JSON, and none of {', '.join(WORLDS)} ({error})") from error
    if not isinstance(world, dict) or not isinstance(world.get("devices"), list):
        raise BadSettings(f"world {name}: an object with a list of devices was expected")
    _check_keys(f"world {name}", world, _WORLD_KEYS)
    for device in world["devices"]:
        _check_keys(f"a device of world {name}", device, _DEVICE_KEYS)
    return world


def make_device(kind: str, start_ns: int, options: Mapping[str, Any]) -> Simulator:
    """kind: "verity" (options: seed, bpm, seconds, light = .npy of (n, 4), and the Verity's own), or module:callable,
    called with start_ns and the options. Raises BadSettings."""
    if kind == "verity":
        return _verity(start_ns, **options)
    module, _, name = kind.partition(":")
    try:
        return getattr(importlib.import_module(module), name)(start_ns=start_ns, **options)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadSettings(f'device kind {kind}: neither "verity" nor module:callable ({error})') from error


def build(world: Mapping[str, Any], bus_address: str, start_ns: int) -> World:
    """Everything that a description says; not yet on the bus."""
    built = World(
        bus_address, now_ns=flow(world.get("speed", 1.0), start_ns), timing=Timing(**world.get("timing", {}))
    )  # fmt: skip
    for one in world["devices"]:
        device = make_device(one["kind"], start_ns, one.get("options", {}))
        chosen = {key: one[key] for key in ("address", "mtu", "rssi_dbm", "seed") if key in one}
        player = built.add(device, **chosen, keep_frames=False)
        for fault, value in one.get("faults", {}).items():
            setattr(player.peripheral.faults, fault, value)
    return built


def _verity(
    start_ns: int, *, seed: int = 0, bpm: float = 72.0, seconds: float = 60.0, light: str | None = None, **options: Any
) -> Verity:
    samples = pulse_light(seconds, bpm=bpm, seed=seed) if light is None else np.load(light)
    return Verity(samples, start_ns, heart_bpm=bpm, **options)


def _check_keys(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise BadSettings(f"{where}: unknown key {key}; {f'did you mean {near[0]}?' if near else ', '.join(known)}")


def _obey(world: World, order: str) -> None:
    words = order.split()
    if not words:
        return
    try:
        _ORDERS[words[0]](world.players[int(words[1])])
    except (KeyError, IndexError, ValueError):
        log.warning("order not understood: %s", order.strip())


async def _serve(world: World, address: str) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with world:
        devices = [{"address": one.peripheral.address, "name": one.peripheral.name} for one in world.players]
        sys.stdout.write(json.dumps({"bus": address, "devices": devices}) + "\n")
        sys.stdout.flush()
        orders = asyncio.create_task(_listen(world))
        await stop.wait()
        orders.cancel()


async def _listen(world: World) -> None:
    if not _gives_orders():
        return
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _obey(world, line.decode(errors="replace"))


def _gives_orders() -> bool:
    """Whether standard input is something that can be waited for: /dev/null and files cannot."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM. Returns the exit status: 2 for bad input, 1 for what else fails."""
    parser = argparse.ArgumentParser(prog="deploy.lookalike.serve", description="simulated Bluetooth devices")
    parser.add_argument("--world", default="one", help=f"JSON file, or one of {', '.join(WORLDS)}")
    parser.add_argument("--bus", help="address of a D-Bus to come up on; its own when left out")
    parser.add_argument("--start-ns", type=int, help="UTC at which the devices were turned on; now when left out")
    chosen = parser.parse_args(arguments)
    try:
        with ExitStack() as stack:
            address = chosen.bus or stack.enter_context(PrivateBus()).address
            start_ns = time.time_ns() if chosen.start_ns is None else chosen.start_ns
            asyncio.run(_run(read_world(chosen.world), address, start_ns))
    except DeployError as error:
        sys.stderr.write(f"p2es: {error}\n")
        return 2 if isinstance(error, BadSettings) else 1
    return 0


async def _run(description: Mapping[str, Any], address: str, start_ns: int) -> None:
    await _serve(build(description, address, start_ns), address)


if __name__ == "__main__":
    sys.exit(main())

"""Many devices, many faults; and a Bluetooth daemon that is killed."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from deploy.lookalike.peripheral import ConnectFault
from deploy.orphans import die_with_parent
from deploy.wearable.light import pulse_light
from tests.ingest.bluetooth.collecting import NEAR_NS, Ward, missing_and_wrong

pytestmark = pytest.mark.integration
SECONDS = float(os.environ.get("WARD_SECONDS", "20"))  # 300 for the long run


def break_one(rng, band):
    """One of the things that happen; what it costs is noted by the player."""
    kind = rng.choice(["drop", "stall", "twice", "cut", "reboot", "connects"])
    faults = band.peripheral.faults
    faults.copies, faults.cut_bytes = 1, None
    band.resume()
    if kind == "drop":
        band.drop()
    elif kind == "stall":
        band.stall()
    elif kind == "twice":
        faults.copies = 2
    elif kind == "cut":
        faults.cut_bytes = 60
    elif kind == "reboot":
        band.reboot(0.4)
    else:
        choices = [ConnectFault.IN_PROGRESS, ConnectFault.ABORTED, ConnectFault.DROPPED_MEANWHILE]
        band.peripheral.fail_connects(rng.choices(choices, k=2))
        band.drop()


async def back_again(ward, one, back_s):
    await ward.until(lambda: one.state == "streaming")
    back_s.append(time.monotonic())
    await ward.streaming(one)


async def test_eight_devices_under_random_faults_recover_and_account_for_every_sample(world, verity):
    rng, ward = random.Random(5), Ward()
    bands = [
        world.add(verity(pulse_light(SECONDS + 120, seed=n), ppm=25.0 * n - 90, name=f"Polar Sense 0000000{n}"))
        for n in range(8)
    ]
    watched = [ward.watch(band.peripheral.address) for band in bands]
    for one in watched:
        await ward.streaming(one, 30)
    process = psutil.Process()
    until, memory = time.monotonic() + SECONDS, [process.memory_info().rss]
    while time.monotonic() < until:
        break_one(rng, rng.choice(bands))
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        memory.append(process.memory_info().rss)
    for band in bands:  # the last fault is over
        band.peripheral.faults.copies, band.peripheral.faults.cut_bytes = 1, None
        band.peripheral.faults.connects.clear()
        band.resume()
    over_s, back_s = time.monotonic(), []
    await asyncio.gather(*(back_again(ward, one, back_s) for one in watched))
    print(f"after the last fault all streamed again within {max(back_s) - over_s:.1f} s")
    await ward.end()
    for band, one in zip(bands, watched, strict=True):
        assert missing_and_wrong(ward, one, band) == 0
        times, _ = ward.samples(one)
        holes = np.flatnonzero(np.diff(times) > 1.5e9 / 54.75)
        found = np.array([(gap.start_ns, gap.stop_ns) for gap in one.pipeline.gaps]).reshape(-1, 2)
        assert len(found) == len(holes)
        assert np.abs(found - np.stack([times[holes], times[holes + 1]], axis=1)).max(initial=0) < 1000  # ns
        true_ns = band.truth("ppg").true_ns
        assert len(holes) >= np.count_nonzero(np.diff(true_ns) > NEAR_NS)
    later = memory[len(memory) // 2 :]
    assert later[-1] - later[0] < 30_000_000


async def test_a_killed_bluetooth_daemon_is_noticed_and_its_successor_is_used(bus, tmp_path, caplog):
    world = tmp_path / "world.json"
    address = "A0:9E:1A:00:00:01"
    world.write_text(json.dumps({"devices": [{"kind": "verity", "address": address}]}))
    start_ns = time.time_ns()

    async def daemon():
        command = [sys.executable, "-m", "deploy.lookalike.serve", "--world", world]
        process = await asyncio.create_subprocess_exec(
            *command, "--bus", bus.address, "--start-ns", str(start_ns), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, preexec_fn=die_with_parent, cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline()
        return process

    first = await daemon()
    ward = Ward()
    one = ward.watch(address)
    await ward.streaming(one)
    killed_s = time.monotonic()
    first.send_signal(signal.SIGKILL)
    await first.wait()
    await ward.until(lambda: one.state != "streaming", 8)
    noticed_s = time.monotonic() - killed_s
    await asyncio.sleep(2)
    second = await daemon()
    await ward.streaming(one, 20)
    assert "bluetoothd is gone" in caplog.text
    assert noticed_s < 3
    await ward.end()
    times, values = ward.samples(one)
    assert len(one.pipeline.gaps) == 1
    assert (np.diff(times) > 0).all()
    assert len(values) > 84
    second.kill()
    await second.wait()

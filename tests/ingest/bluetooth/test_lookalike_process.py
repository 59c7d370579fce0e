"""The look-alike's processes: what is missing is named, none outlives its parent, a killed one goes on where it was."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from bleak import BleakClient
from bleak.exc import BleakError

from deploy.errors import BadSettings
from deploy.lookalike.bus import NoPrivateBus, PrivateBus
from deploy.lookalike.serve import main, make_device, read_world
from deploy.orphans import die_with_parent
from deploy.wearable.verity import EPOCH_NS
from tests.ingest.bluetooth.listening import Heard, find, settled, until

SERVE = [sys.executable, "-m", "deploy.lookalike.serve", "--world"]
ADDRESS = "A0:9E:1A:00:00:01"
FAST_BAND = {"kind": "verity", "address": ADDRESS, "options": {"fs_hz": 840.0, "ppm": 20_000.0}}


def test_without_dbus_daemon_its_package_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoPrivateBus, match="Debian package: dbus"), PrivateBus():
        pass


def test_a_daemon_that_does_not_start_says_why(monkeypatch, tmp_path):
    program = tmp_path / "dbus-daemon"
    program.write_text("#!/bin/sh\necho no such thing >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NoPrivateBus, match="no such thing"), PrivateBus():
        pass


def test_the_bus_leaves_nothing_behind():
    with PrivateBus() as bus:
        folder = Path(bus.address.split("path=")[1].split(",")[0]).parent
        assert folder.is_dir()
        os.kill(bus.pid, 0)
        pid = bus.pid
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_owner_takes_its_bus_with_it():
    code = "from deploy.lookalike.bus import PrivateBus\nimport time\n"
    code += "with PrivateBus() as bus:\n    print(bus.pid, flush=True)\n    time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, preexec_fn=die_with_parent
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        daemon = int(owner.stdout.readline())
        owner.kill()
    until_s = time.monotonic() + 5
    while Path(f"/proc/{daemon}/stat").exists() and time.monotonic() < until_s:
        state = Path(f"/proc/{daemon}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":  # dead, and whoever inherits it has not looked yet
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{daemon}/stat").exists()


def start(world: Path, bus: PrivateBus, start_ns: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*SERVE, str(world), "--bus", bus.address, "--start-ns", str(start_ns)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    assert said["bus"] == bus.address
    return process


def order(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{words}\n")
    process.stdin.flush()


async def test_killed_and_started_again_its_devices_go_on_where_they_were(bus, tmp_path):
    world, start_ns = tmp_path / "world.json", time.time_ns() - 1000_000_000_000
    world.write_text(json.dumps({"devices": [FAST_BAND]}))
    before, after = Heard(), Heard()
    process = start(world, bus, start_ns)
    try:
        client = BleakClient(await find(ADDRESS))
        await client.connect()
        await before.stream(client)
        await until(lambda: len(before.frames) > 2)
        process.kill()
        process.communicate()
        process = start(world, bus, start_ns)
        with suppress(BleakError):  # the new one does not know the device
            await client.disconnect()
        async with BleakClient(await find(ADDRESS)) as client:
            await after.stream(client)
            await until(lambda: len(after.frames) > 2)
            now_ns = time.time_ns()
            order(process, "stall 0")
            await asyncio.sleep(0.3)
            count = len(after.frames)
            await asyncio.sleep(0.3)
            assert len(after.frames) == count
        process.terminate()
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()
        await settled(bus)
    stamps = [int.from_bytes(heard.frames[-1][1:9], "little") + EPOCH_NS for heard in (before, after)]
    assert stamps[0] < stamps[1]
    for stamp_ns in stamps:  # 2 % fast since 1000 s
        assert 10e9 < stamp_ns - now_ns < 25e9


def test_what_cannot_be_meant_is_said(tmp_path, capsys):
    file = tmp_path / "world.json"
    file.write_text('{"devices": [{"knd": "verity"}]}')
    with pytest.raises(BadSettings, match="did you mean kind"):
        read_world(str(file))
    file.write_text("[]")
    with pytest.raises(BadSettings, match="list of devices"):
        read_world(str(file))
    with pytest.raises(BadSettings, match="module:callable"):
        make_device("nosuch:Device", 0, {})
    assert main(["--world", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("p2es: world nowhere: no file of JSON, and none of one, ward")

"""A wearable in reach of `p2es collect`, for tests that run it as a process."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np

from deploy.lookalike.bus import BUS_VARIABLE, PrivateBus
from deploy.orphans import die_with_parent
from deploy.wearable.light import pulse_light

__all__ = ["ADDRESS", "NAME", "Room", "room"]

ADDRESS, NAME = "A0:9E:1A:00:00:01", "Polar Sense 0A1B2C3D"
P2ES = [sys.executable, "-m", "deploy.cli"]


class Room:
    """A bus, the look-alike of bluetoothd as a process, and one Verity Sense that plays `light` again and again."""

    def __init__(self, folder, bus):
        self.folder, self.bus = folder, bus
        self.light = pulse_light(30.0, seed=3)
        np.save(folder / "light.npy", self.light)
        options = {"light": str(folder / "light.npy"), "ppm": 40.0}
        world = {"devices": [{"kind": "verity", "address": ADDRESS, "options": options}]}
        (folder / "world.json").write_text(json.dumps(world))
        self._start_ns = time.time_ns()
        self.start_daemon()

    def start_daemon(self):
        command = [sys.executable, "-m", "deploy.lookalike.serve", "--world", str(self.folder / "world.json")]
        self.daemon = subprocess.Popen(
            [*command, "--bus", self.bus.address, "--start-ns", str(self._start_ns)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        assert self.daemon.stdout is not None
        assert json.loads(self.daemon.stdout.readline())["devices"]

    def order(self, text):
        assert self.daemon.stdin is not None
        self.daemon.stdin.write(text + "\n")
        self.daemon.stdin.flush()

    def start(self, *words, log=None):
        """p2es with this room's Bluetooth."""
        return subprocess.Popen(
            [*P2ES, *words], stderr=None if log is None else log.open("w"), preexec_fn=die_with_parent,
            env=os.environ | {BUS_VARIABLE: self.bus.address, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def run(self, *words, expect=0):
        done = subprocess.run(
            [*P2ES, *words], check=False, capture_output=True, text=True, timeout=60,
            env=os.environ | {BUS_VARIABLE: self.bus.address, "COLUMNS": "160"},
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def holes(self, samples):
        """Where `samples` (n, 4) do not go on as the wearable played them; fails on one that it never played."""
        size = len(self.light)
        places = {row.tobytes(): at for at, row in enumerate(self.light)}
        assert len(places) == size
        at = np.array([places[row.tobytes()] for row in samples.astype(np.int64)])
        return np.flatnonzero(np.diff(at) % size != 1)


@contextmanager
def room(folder):
    with PrivateBus() as bus:
        one = Room(folder, bus)
        try:
            yield one
        finally:
            one.daemon.send_signal(signal.SIGKILL)
            one.daemon.wait()

"""The demo's wearable: a simulated Verity Sense behind the look-alike of bluetoothd, read by the real collector."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.lookalike.bus import BUS_VARIABLE
from deploy.stack.supervisor import Supervisor
from ingest.recordings import read_recording

__all__ = ["ADDRESS", "WEARABLE_RECORDING", "start_wearable"]

WEARABLE_RECORDING = Path(__file__).parents[1] / "recordings" / "polar-sense-3min.txt"
ADDRESS, NAME = "A0:9E:1A:0B:2C:3D", "Polar Sense 0B2C3D01"


def start_wearable(children: Supervisor, p2es: Sequence[str], bus_address: str, patient: str, folder: Path) -> None:
    """Start `bluetooth` and `collect`. Both may be killed and come back; the wearable measures on meanwhile."""
    light = folder / "wearable-light.npy"
    np.save(light, _light())
    world = folder / "wearable-world.json"
    device = {
        "kind": "verity",
        "address": ADDRESS,
        "options": {"light": str(light.absolute()), "name": NAME, "ppm": 20},
    }
    world.write_text(json.dumps({"devices": [device]}))
    serve = [sys.executable, "-m", "deploy.lookalike.serve", "--world", str(world), "--bus", bus_address]
    children.start("bluetooth", [*serve, "--start-ns", str(time.time_ns())])
    collect = [*p2es, "collect", "--plain", "--device", ADDRESS, "--patient", patient]
    children.start("collect", collect, environment={BUS_VARIABLE: bus_address})


def _light() -> np.ndarray:
    """(n, 4) three green channels and ambient, as they were recorded."""
    channels = ("channel 0", "channel 1", "channel 2", "ambient")
    return np.stack([read_recording(WEARABLE_RECORDING, one).samples for one in channels], axis=1)

"""How long a window and a sample take through the whole chain, one patient at the pace of life: the embedded broker and
real Kafka side by side in one run, both into the testbed's InfluxDB.

Run: `python -m benchmarks.chain` (about 5 minutes; needs what `p2es testbed up` needs)."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import numpy as np

from benchmarks.knee import load
from deploy.settings import Settings, as_toml, read_settings
from deploy.stack.broker import embedded_broker
from deploy.stack.demo import DEMO_RECORDING
from deploy.testbed.servers import free_port
from deploy.testbed.testbed import bring_up
from stream.messages import GRID_STEP_NS

P2ES = [sys.executable, "-m", "deploy.cli", "--log-level", "error"]


async def ages_on_page(port: int, process: subprocess.Popen) -> list[float]:
    """Seconds from the measuring of each sample to its arrival in a browser's websocket, until the replay ends."""
    found: list[float] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/ws") as socket:
        while process.poll() is None:
            message = json.loads((await socket.receive()).data)
            now_ns = time.time_ns()
            if message["kind"] == "ecg":
                at = message["at"] + np.arange(len(message["leads"][0]))
                found += ((now_ns - at * GRID_STEP_NS) / 1e9).tolist()
    return found


def page(settings: Settings, folder: Path, seconds: float) -> list[float]:
    """Window, infer and monitor on a live replay."""
    port = free_port()
    file = folder / "page.toml"
    file.write_text(as_toml(replace(settings, monitor=replace(settings.monitor, port=port))))
    program = [*P2ES, "--settings", str(file)]
    stages = [subprocess.Popen([*program, stage]) for stage in ("window", "infer", "monitor")]
    try:
        time.sleep(12)  # the networks are loaded and the groups have their partitions
        words = ["replay", str(DEMO_RECORDING), "--seconds", str(seconds), "--shift", "now"]
        sending = subprocess.Popen([*program, *words, "--patient", "page", "--device", f"page-{port}"])
        return asyncio.run(ages_on_page(port, sending))
    finally:
        for stage in stages:
            stage.terminate()
        for stage in stages:
            stage.wait()


def measure(settings: Settings, seconds: float) -> dict[str, float]:
    """Quantiles by path, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "p2es.toml"
        file.write_text(as_toml(settings))
        token = str(settings.influx.token_file).replace("write", "read")
        one = load(str(file), 1, seconds, ["--read-token-file", token])
        ages = page(settings, Path(name), seconds)
    kept = {key: one[key] for key in one if key.endswith("_s")}
    return kept | {f"sample_to_page_p{q}_s": round(float(np.percentile(ages, q)), 3) for q in (50, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    real = read_settings(bring_up(lambda line: print(line, file=sys.stderr)))
    with tempfile.TemporaryDirectory() as name, embedded_broker(Path(name)) as address:
        embedded = measure(replace(real, kafka=replace(real.kafka, bootstrap=address)), asked.seconds)
    kafka = measure(real, asked.seconds)
    if asked.json:
        json.dump({"embedded": embedded, "kafka": kafka}, sys.stdout)
        return
    print(f"{'seconds, one patient':28s} {'embedded':>9s} {'Kafka':>9s}")
    for key in kafka:
        print(f"{key.removesuffix('_s'):28s} {embedded[key]:9.3f} {kafka[key]:9.3f}")


if __name__ == "__main__":
    main()

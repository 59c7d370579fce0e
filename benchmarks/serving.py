"""CPU time of one 2-s hop of one patient at the padded batch, one thread: torch and onnxruntime, by sampler calls.

Each row is a process of its own, and they take turns (`--rounds`), so that a busy machine is unfair to none. Time is of
the processor, not of the wall; memory is the process's peak. The shipped model is exported into a temporary folder.
Run: `python -m benchmarks.serving [--json]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.stack.demo import DEMO_RECORDING
from inference.settings import EngineSettings
from ingest.recordings import first_seconds, read_recording
from ingest.session import ppg_chunks
from stream.messages import PpgSegment
from stream.windows import DeviceWindows

ROWS = [("torch", calls) for calls in (1, 2, 4, 8)] + [("onnx", calls) for calls in (1, 2, 4, 8)]
_REPEATS = 15


@dataclass(frozen=True, slots=True)
class Cost:
    """hop_ms: CPU of each batch over its patients. peak_mb, loaded_s: of the process."""

    runtime: str
    calls: int
    hop_ms: list[float]
    peak_mb: float
    loaded_s: float


def full_batch(size: int) -> list[PpgSegment]:
    """One window of each of `size` patients, from the shipped recording."""
    device, found = DeviceWindows(clock=lambda: 0), []
    for chunk in ppg_chunks(first_seconds(read_recording(DEMO_RECORDING), 60), "p", "d"):
        found += device.push(chunk).segments
    return [replace(found[1 + i % 16], patient=f"p{i}") for i in range(size)]


def cost(runtime: str, calls: int, weights: Path | None, batch: int) -> Cost:
    """Measured in this process."""
    begun = time.perf_counter()
    from inference.engine import Engine

    engine = Engine.load(EngineSettings(runtime=runtime, weights=weights, calls=calls, batch=batch, threads=1))
    segments, took = full_batch(batch), []
    engine.infer(segments)
    loaded_s = time.perf_counter() - begun
    for _ in range(_REPEATS):
        before = time.process_time()
        engine.infer(segments)
        took.append(1000 * (time.process_time() - before) / batch)
    return Cost(runtime, calls, took, _peak_mb(), loaded_s)


def _peak_mb() -> float:
    # not ru_maxrss: a child inherits its parent's
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def _in_a_process(runtime: str, calls: int, weights: Path | None, batch: int) -> Cost:
    one = json.dumps([runtime, calls, str(weights) if weights else None, batch])
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving", "--one", one], capture_output=True, check=True, env=environment
    )
    return Cost(**json.loads(done.stdout))


def measure(batch: int, rounds: int, folder: Path) -> list[Cost]:
    """Every row, the rounds put together. folder: for the exported model."""
    weights = {"torch": None, "onnx": folder}
    found = [[_in_a_process(runtime, calls, weights[runtime], batch) for runtime, calls in ROWS] for _ in range(rounds)]
    return [
        replace(
            row[0],
            hop_ms=[ms for one in row for ms in one.hop_ms],
            peak_mb=max(one.peak_mb for one in row),
            loaded_s=min(one.loaded_s for one in row),
        )
        for row in zip(*found, strict=True)
    ]


def parameters() -> dict[str, int]:
    """Of each network that serves; the person encoder is for training and calibration."""
    from inference.weights_file import load_weights

    weights = load_weights()
    networks = {
        "beat head": weights.head,
        "groups": weights.generator.groups,
        "denoiser": weights.generator.denoiser,
        "band": weights.generator.band,
    }
    return {name: sum(each.numel() for each in one.parameters()) for name, one in networks.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--batch", type=int, default=EngineSettings().batch)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:  # without torch, unless the row is torch's
        runtime, calls, weights, batch = json.loads(options.one)
        json.dump(asdict(cost(runtime, calls, Path(weights) if weights else None, batch)), sys.stdout)
        return
    from inference.runtimes.export import export
    from inference.weights_file import load_weights

    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        export(load_weights(), Path(folder), options.batch)
        found = measure(options.batch, options.rounds, Path(folder))
    if options.json:
        machine = {"machine": platform.machine(), "python": platform.python_version(), "load_before": load_before}
        facts = machine | {"batch": options.batch, "parameters": parameters()}
        json.dump(facts | {"rows": [asdict(one) for one in found]}, sys.stdout)
        return
    print(f"batch {options.batch}, one thread, {options.rounds} rounds; load before: {load_before:.1f}")
    print("parameters:", ", ".join(f"{name} {count:,}" for name, count in parameters().items()))
    print(f"{'':18s} {'ms a hop, median':>17s} {'lowest':>8s} {'peak MB':>8s} {'loaded s':>9s}")
    for one in found:
        name, median = f"{one.runtime} {one.calls} calls", statistics.median(one.hop_ms)
        print(f"{name:18s} {median:17.2f} {min(one.hop_ms):8.2f} {one.peak_mb:8.0f} {one.loaded_s:9.1f}")


if __name__ == "__main__":
    main()

"""CPU time of one 2-s hop of one patient at the padded batch, one thread: torch and onnxruntime, teacher and student,
by sampler calls.

Each pair of runtime and denoiser is a process of its own, and they take turns (`--rounds`), so that a busy machine is
unfair to none. Time is of the processor, and of the wall beside it; memory is the process's. The model is exported into
a temporary folder. About two minutes on a quiet machine; each row is told as it comes.
Run: `python -m benchmarks.serving [--weights DIR] [--json]`."""

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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.stack.demo import DEMO_RECORDING
from inference.model_folder import SHIPPED, STUDENT, TEACHER
from inference.settings import EngineSettings
from ingest.recordings import first_seconds, read_recording
from ingest.session import ppg_chunks
from stream.messages import PpgSegment
from stream.windows import DeviceWindows

CALLS = {TEACHER: (2, 4, 8), STUDENT: (1, 2)}
_REPEATS = 8
_COLUMNS = ("ms a hop", "lowest", "wall", "resident MB", "peak MB", "loaded s")


@dataclass(frozen=True, slots=True)
class Cost:
    """hop_ms, wall_ms: processor and wall time of each batch over its patients. resident_mb, peak_mb, loaded_s: of the
    process, which serves every number of calls of one denoiser."""

    runtime: str
    denoiser: str
    calls: int
    hop_ms: list[float]
    wall_ms: list[float]
    resident_mb: float
    peak_mb: float
    loaded_s: float

    def told(self) -> str:
        """One line of the table."""
        name = f"{self.runtime} {self.denoiser} {self.calls}"
        times = (statistics.median(self.hop_ms), min(self.hop_ms), statistics.median(self.wall_ms))
        memory = (f"{self.resident_mb:.0f}", f"{self.peak_mb:.0f}")
        return _line(name, (*(f"{ms:.2f}" for ms in times), *memory, f"{self.loaded_s:.1f}"))


def _line(name: str, columns: Sequence[str]) -> str:
    return f"{name:18s}" + "".join(f" {one:>12s}" for one in columns)


def full_batch(size: int) -> list[PpgSegment]:
    """One window of each of `size` patients, from the shipped recording."""
    device, found = DeviceWindows(clock=lambda: 0), []
    for chunk in ppg_chunks(first_seconds(read_recording(DEMO_RECORDING), 60), "p", "d"):
        found += device.push(chunk).segments
    return [replace(found[1 + i % 16], patient=f"p{i}") for i in range(size)]


def costs(settings: EngineSettings) -> Iterator[Cost]:
    """Measured in this process, which serves one denoiser on one runtime."""
    begun = time.perf_counter()
    from inference.engine import Engine

    networks = Engine.load(settings).networks
    loaded_s, segments = time.perf_counter() - begun, full_batch(settings.batch)
    for calls in CALLS[settings.denoiser]:
        engine = Engine(networks, replace(settings, calls=calls))
        engine.infer(segments)
        hop_ms, wall_ms = [], []
        for _ in range(_REPEATS):
            before, wall = time.process_time(), time.perf_counter()
            engine.infer(segments)
            hop_ms.append(1000 * (time.process_time() - before) / settings.batch)
            wall_ms.append(1000 * (time.perf_counter() - wall) / settings.batch)
        yield Cost(
            settings.runtime,
            settings.denoiser,
            calls,
            hop_ms,
            wall_ms,
            _status_mb("VmRSS"),
            _status_mb("VmHWM"),
            loaded_s,
        )


def _status_mb(name: str) -> float:
    # not ru_maxrss: a child inherits its parent's
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def _in_a_process(settings: EngineSettings) -> Iterator[Cost]:
    one = json.dumps([settings.runtime, settings.denoiser, str(settings.weights), settings.batch])
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.serving", "--one", one]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        for line in process.stdout:
            yield Cost(**json.loads(line))
    if process.returncode:
        raise SystemExit(f"{settings.runtime} {settings.denoiser}: ended with {process.returncode}")


def measure(rows: list[EngineSettings], rounds: int) -> list[Cost]:
    """Every row, the rounds put together; each is told on standard error as it comes."""
    found: dict[tuple[str, str, int], list[Cost]] = {}
    for number in range(rounds):
        for settings in rows:
            for one in _in_a_process(settings):
                print(f"round {number + 1} of {rounds}: {one.told()}", file=sys.stderr, flush=True)
                found.setdefault((one.runtime, one.denoiser, one.calls), []).append(one)
    return [
        replace(
            row[0],
            hop_ms=[ms for one in row for ms in one.hop_ms],
            wall_ms=[ms for one in row for ms in one.wall_ms],
            resident_mb=max(one.resident_mb for one in row),
            peak_mb=max(one.peak_mb for one in row),
            loaded_s=min(one.loaded_s for one in row),
        )
        for row in found.values()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--batch", type=int, default=EngineSettings().batch)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:  # without torch, unless the row is torch's
        runtime, denoiser, folder, batch = json.loads(options.one)
        settings = EngineSettings(runtime=runtime, denoiser=denoiser, weights=Path(folder), batch=batch, threads=1)
        for cost in costs(settings):
            print(json.dumps(asdict(cost)), flush=True)
        return
    from inference.runtimes.export import export
    from inference.weights_file import load_weights

    load_before, weights = os.getloadavg()[0], load_weights(options.weights)
    denoisers = [TEACHER] if weights.student is None else [TEACHER, STUDENT]
    # what serves beside the denoiser: the person encoder is for training and calibration
    networks = {"beat head": weights.head, "groups": weights.generator.groups, "band": weights.generator.band}
    networks |= {name: weights.denoiser(name) for name in denoisers}
    parameters = {name: sum(each.numel() for each in one.parameters()) for name, one in networks.items()}
    with tempfile.TemporaryDirectory() as folder:
        export(weights, Path(folder), options.batch)
        rows = [
            EngineSettings(runtime=runtime, denoiser=denoiser, weights=made, batch=options.batch)
            for runtime, made in (("torch", options.weights), ("onnx", Path(folder)))
            for denoiser in denoisers
        ]
        found = measure(rows, options.rounds)
    if options.json:
        machine = {"machine": platform.machine(), "python": platform.python_version(), "load_before": load_before}
        facts = machine | {"model_id": weights.model_id, "batch": options.batch, "parameters": parameters}
        json.dump(facts | {"rows": [asdict(one) for one in found]}, sys.stdout)
        return
    print(f"{weights.model_id}, batch {options.batch}, one thread; load before: {load_before:.1f}")
    print("parameters:", ", ".join(f"{name} {count:,}" for name, count in parameters.items()))
    print(_line("calls", _COLUMNS))
    for one in found:
        print(one.told())


if __name__ == "__main__":
    main()

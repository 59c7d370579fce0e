"""Time of each stage for one hop of one patient, and how often that fits into the hop's 2 s.

Ratios against a baseline of the same run (a plain numpy band-pass of the same window), because machines differ and are
noisy. Run: `make bench`, or `python -m benchmarks.stages --json`."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import signal

from deploy.stack.demo import DEMO_RECORDING
from inference.engine import Engine
from inference.settings import EngineSettings
from ingest.recordings import first_seconds, read_recording
from ingest.session import ppg_chunks
from stream.messages import EcgSegment, PpgSegment, decode, encode
from stream.windows import HOP, WINDOW, DeviceWindows

HOP_S = HOP / 128


def median_ms(work: Callable[[], object], repeats: int = 7) -> float:
    """Median wall time of one call."""
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


def measure() -> dict[str, dict[str, float]]:
    """Milliseconds for one hop by stage, the ratio to the baseline, and patients that one core could serve."""
    chunks = list(ppg_chunks(first_seconds(read_recording(DEMO_RECORDING), 60), "p", "d"))

    def cut() -> list[PpgSegment]:
        device = DeviceWindows(clock=lambda: 0)
        return [segment for chunk in chunks for segment in device.push(chunk).segments]

    segments = cut()
    engine = Engine.load(EngineSettings())
    batch = [replace(segments[1 + i % 8], patient=f"p{i}") for i in range(engine.settings.batch)]
    estimates = engine.infer(batch)
    band = signal.butter(2, [0.5, 10], "bandpass", fs=128, output="sos")
    window = np.random.default_rng(0).normal(size=WINDOW)
    times = {
        "baseline: sosfiltfilt of one window": median_ms(lambda: signal.sosfiltfilt(band, window), 99),
        "window (conditioning)": median_ms(cut) / len(segments),
        "infer, one patient": median_ms(lambda: engine.infer(batch[:1])),
        "infer, in a full batch": median_ms(lambda: engine.infer(batch)) / len(batch),
        "encode and decode a PPG segment": median_ms(lambda: decode(encode(batch[0]), PpgSegment), 99),
        "encode and decode an ECG segment": median_ms(lambda: decode(encode(estimates[0]), EcgSegment), 99),
    }
    base = next(iter(times.values()))
    return {
        name: {"ms": round(ms, 3), "ratio": round(ms / base, 1), "patients_a_core": int(1000 * HOP_S / ms)}
        for name, ms in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    found = measure()
    if parser.parse_args().json:
        json.dump({"machine": platform.machine(), "python": platform.python_version(), "stages": found}, sys.stdout)
        return
    print(f"{'one hop (2 s) of one patient':40s} {'ms':>9s} {'ratio':>8s} {'patients a core':>16s}")
    for name, one in found.items():
        print(f"{name:40s} {one['ms']:9.3f} {one['ratio']:8.1f} {one['patients_a_core']:16d}")


if __name__ == "__main__":
    main()

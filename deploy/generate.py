"""Offline: a recording through the very windows and engine of the live path, into a 12-lead WFDB record and a JSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from inference.engine import Engine
from ingest.recordings import Recording
from ingest.session import ppg_chunks, start_ns
from stream.messages import ABSTAINED_UV, GRID_FS_HZ, GRID_STEP_NS, LEADS, Demographics, EcgSegment
from stream.windows import DeviceWindows

__all__ = ["LABEL", "generate", "record_name", "segments_of"]

LABEL = "Estimated from PPG. Not for diagnosis."


def record_name(stem: str) -> str:
    """A WFDB-safe name: anything but letters, digits, - and _ becomes _."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem)


def segments_of(recording: Recording, patient: str, engine: Engine) -> Iterator[EcgSegment]:
    """The ECG segments of a recording, window by window, as the live path gives them."""
    windows = DeviceWindows(clock=lambda: 0)
    waiting = []
    for chunk in ppg_chunks(recording, patient, f"replay-{recording.name}"):
        waiting += windows.push(chunk).segments
        if len(waiting) >= engine.settings.batch:
            yield from engine.infer(waiting)
            waiting = []
    yield from engine.infer([*waiting, *windows.flush()])


def generate(
    recording: Recording,
    folder: Path,
    engine: Engine,
    patient: str,
    demographics: Demographics | None = None,
    progress: Callable[[int], object] = lambda samples: None,
) -> Path:
    """Write folder/NAME.hea, .dat and .json; returns the record's path without extension.

    Sample k lies k/128 s after the recording's first sample; abstained samples are WFDB's invalid value.
    demographics override what the recording says. progress is told how many samples are done."""
    if demographics:
        recording = replace(recording, demographics=demographics)
    first = start_ns(recording)
    count = recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1
    leads = np.full((count, len(LEADS)), ABSTAINED_UV, np.int16)
    segments = []
    for segment in segments_of(recording, patient, engine):
        at = (segment.start_ns - first) // GRID_STEP_NS
        leads[at : at + len(segment.leads_uv)] = segment.leads_uv
        segments.append(segment)
        progress(at + len(segment.leads_uv))
    path = folder / record_name(recording.name)
    _write_record(path, leads)
    _replace(
        path.with_suffix(".json"), (json.dumps(_summary(recording, segments, leads, first, engine)) + "\n").encode()
    )
    return path


def _summary(recording: Recording, segments: list[EcgSegment], leads: np.ndarray, first: int, engine: Engine) -> dict:
    silent = [
        (round((gap.start_ns - first) / 1e9, 4), round((gap.stop_ns - first) / 1e9, 4), gap.reason)
        for segment in segments
        for gap in segment.abstained
    ]
    covered = np.zeros(len(leads), bool)
    for segment in segments:
        at = (segment.start_ns - first) // GRID_STEP_NS
        covered[at : at + len(segment.leads_uv)] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[True], covered, [True]]).astype(np.int8)))
    silent += [(a / GRID_FS_HZ, b / GRID_FS_HZ, "gap") for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return {
        "label": LABEL,
        "source": "estimated",
        "model_id": engine.model_id,
        "record": recording.name,
        "channel": recording.channel,
        "fs_hz": GRID_FS_HZ,
        "seconds": _seconds(segments, len(leads), first),
        "beats": [
            {"s": round((int(at) - first) / 1e9, 4), "confidence": round(float(sure), 3)}
            for segment in segments
            for at, sure in zip(segment.beats_ns, segment.beat_confidence, strict=True)
        ],
        "abstained": [{"start_s": a, "stop_s": b, "reason": why} for a, b, why in sorted(silent)],
    }


def _seconds(segments: list[EcgSegment], samples: int, first: int) -> list[dict]:
    """Heart rate, quality and confidence of every second, from the segment that owns its first sample."""
    rows: list[dict] = [
        {"s": second, "heart_rate_bpm": None, "quality": 0.0, "confidence": 0.0}
        for second in range(-(-samples // GRID_FS_HZ))
    ]
    for segment in segments:
        at = (segment.start_ns - first) // GRID_STEP_NS
        for second in range(-(-at // GRID_FS_HZ), -(-(at + len(segment.leads_uv)) // GRID_FS_HZ)):
            rate = segment.heart_rate_bpm
            rows[second] = {
                "s": second,
                "heart_rate_bpm": None if rate is None else round(rate, 1),
                "quality": round(segment.quality, 3),
                "confidence": round(segment.confidence, 3),
            }
    return rows


def _write_record(path: Path, leads_uv: np.ndarray) -> None:
    """Format 16, gain 1000 per mV, baseline 0: one stored unit is a microvolt. The header comes last."""
    data = leads_uv.astype("<i2")
    _replace(path.with_suffix(".dat"), data.tobytes())
    checksums = data.astype(np.int64).sum(0) & 0xFFFF
    lines = [f"{path.name} {len(LEADS)} {GRID_FS_HZ} {len(data)}"]
    for column, lead in enumerate(LEADS):
        checksum = np.array(checksums[column]).astype(np.uint16).astype(np.int16)
        lines.append(f"{path.name}.dat 16 1000(0)/mV 16 0 {data[0, column]} {checksum} 0 {lead}")
    lines.append(f"# {LABEL}")
    _replace(path.with_suffix(".hea"), ("\n".join(lines) + "\n").encode())


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    with partial.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)

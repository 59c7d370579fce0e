"""Offline: a recording through the very windows and engine of the live path, into a 12-lead WFDB record and a JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from inference.engine import Engine
from ingest.recordings import Recording
from ingest.session import ppg_chunks, start_ns
from sinks.summary import segment_facts, summary
from sinks.wfdb_writer import replace_file, safe_name, write_leads
from stream.messages import ABSTAINED_UV, GRID_FS_HZ, GRID_STEP_NS, LEADS, Demographics, EcgSegment
from stream.windows import DeviceWindows

__all__ = ["generate", "segments_of"]


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
    facts = []
    for segment in segments_of(recording, patient, engine):
        at = (segment.start_ns - first) // GRID_STEP_NS
        leads[at : at + len(segment.leads_uv)] = segment.leads_uv
        facts.append(segment_facts(segment))
        progress(at + len(segment.leads_uv))
    path = folder / safe_name(recording.name)
    write_leads(path, leads)
    text = json.dumps(summary(facts, first, count, recording.name, recording.channel)) + "\n"
    replace_file(path.with_suffix(".json"), text.encode())
    return path

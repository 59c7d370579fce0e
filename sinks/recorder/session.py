"""One recorded session: a folder with the PPG as received, the leads, the beats, the true ECG, and what they are.

ppg         as received, at the device's rate, lossless (format 32)
leads       the estimate, 128 Hz, microvolts; abstained and missing samples are invalid
reference   the true ECG of a replayed recording, microvolts
motion      the accelerometer beside the PPG, in its own unit
numbers.jsonl  heart rate, SpO2 and intervals that the device gave itself
leads.beats WFDB annotations at the announced R peaks
segments.jsonl  heart rate, quality, confidence, beats and abstentions by window
session.json    times, units, person: what `p2es replay FOLDER` needs to send it again
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from sinks.recorder.signal_file import SignalFile
from sinks.summary import segment_facts
from sinks.wfdb_writer import LABEL, Column, lead_columns, replace_file
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, Demographics, EcgSegment, Motion, Numerics, PpgChunk, ReferenceEcg

__all__ = ["SessionFiles", "append_lines", "read_lines"]


class SessionFiles:
    """Takes messages in any order and any number of times; `flush` makes all of them safe."""

    def __init__(self, folder: Path, patient: str, device: str, session: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._facts: dict[str, Any] = {"label": LABEL, "patient": patient, "device": device, "session": session}
        if (folder / "session.json").exists():
            self._facts |= json.loads((folder / "session.json").read_text())
        self._signals: dict[str, SignalFile] = {}
        self._lines: list[dict[str, Any]] = []
        self._numbers: list[dict[str, Any]] = []
        self._changed = True
        self._sealed_due = False

    def take_ppg(self, chunk: PpgChunk) -> None:
        """Store samples as received. Raises Rejected."""
        if chunk.end or not len(chunk.samples):
            return
        if "fs_hz" not in self._facts:
            self._facts |= {
                "channel": chunk.channels[chunk.primary],
                "fs_hz": chunk.fs_hz,
                "unit": chunk.unit,
                "scale": chunk.scale,
                "offset": chunk.offset,
                "polarity": chunk.polarity,
                "pulse_delay_s": chunk.pulse_delay_s,
                "shift_ns": chunk.shift_ns,
                "demographics": asdict(chunk.demographics or Demographics()),
                "first_ns": chunk.t0_ns,
            }
            self._changed = True
        fs = self._facts["fs_hz"]
        baseline = round(-chunk.offset / chunk.scale)
        column = Column(chunk.channels[chunk.primary], 1 / chunk.scale, baseline, chunk.unit)
        file = self._signal("ppg", (column,), fs, "32", _person(chunk.demographics))
        at = round((chunk.t0_ns - self._facts["first_ns"]) * 1e-9 * fs)
        self._put("first_ns", file, at, chunk.samples[:, [chunk.primary]], chunk.t0_ns)

    def take_leads(self, segment: EcgSegment) -> None:
        """Store an estimate. Raises Rejected."""
        if "leads_first_ns" not in self._facts:
            self._facts |= {"leads_first_ns": segment.start_ns, "model_id": segment.model_id}
            self._changed = True
        file = self._signal("leads", lead_columns(), GRID_FS_HZ, "16", (LABEL,))
        at = (segment.start_ns - self._facts["leads_first_ns"]) // GRID_STEP_NS
        self._put("leads_first_ns", file, at, segment.leads_uv, segment.start_ns)
        self._lines.append(segment_facts(segment))
        self._sealed_due |= segment.last

    def take_reference(self, truth: ReferenceEcg) -> None:
        """Store the true ECG, to the microvolt. Raises Rejected."""
        if truth.end or not len(truth.samples):
            return
        if "reference_first_ns" not in self._facts:
            self._facts |= {"reference_first_ns": truth.t0_ns, "reference_fs_hz": truth.fs_hz}
            self._changed = True
        fs = self._facts["reference_fs_hz"]
        file = self._signal("reference", tuple(Column(one) for one in truth.leads), fs, "16")
        at = round((truth.t0_ns - self._facts["reference_first_ns"]) * 1e-9 * fs)
        rows = np.where(np.isfinite(truth.samples), np.clip(1000 * truth.samples, -32_767, 32_767), -32_768)
        self._put("reference_first_ns", file, at, np.rint(rows), truth.t0_ns)

    def take_motion(self, motion: Motion) -> None:
        """Store accelerometer samples. Raises Rejected."""
        if not len(motion.samples):
            return
        if "motion_first_ns" not in self._facts:
            self._facts |= {"motion_first_ns": motion.t0_ns, "motion_fs_hz": motion.fs_hz}
            self._changed = True
        fs = self._facts["motion_fs_hz"]
        columns = tuple(Column(axis, 1, 0, motion.unit) for axis in "xyz")
        file = self._signal("motion", columns, fs, "16")
        at = round((motion.t0_ns - self._facts["motion_first_ns"]) * 1e-9 * fs)
        self._put("motion_first_ns", file, at, np.rint(np.clip(motion.samples, -32_767, 32_767)), motion.t0_ns)

    def take_numbers(self, numbers: Numerics) -> None:
        """Store what the device computed itself."""
        self._numbers.append(
            {
                "at_ns": numbers.at_ns,
                "heart_rate_bpm": numbers.heart_rate_bpm,
                "spo2_percent": numbers.spo2_percent,
                "rr_ms": [round(float(one), 3) for one in numbers.rr_ms],
            }
        )

    def flush(self) -> None:
        """On the disk when this returns."""
        for file in self._signals.values():
            file.flush()
        if self._lines:
            append_lines(self.folder / "segments.jsonl", self._lines)
            self._lines = []
        if self._numbers:
            append_lines(self.folder / "numbers.jsonl", self._numbers)
            self._numbers = []
        if self._changed:
            replace_file(self.folder / "session.json", (json.dumps(self._facts, indent=1) + "\n").encode())
            self._changed = False
        if self._sealed_due:
            self._write_beats()
            self._sealed_due = False

    def close(self) -> None:
        """Flush and let the files go."""
        self.flush()
        for file in self._signals.values():
            file.close()
        self._signals.clear()

    def _signal(
        self, name: str, columns: tuple[Column, ...], fs_hz: float, form: str, comments: tuple[str, ...] = ()
    ) -> SignalFile:
        if name not in self._signals:
            self._signals[name] = SignalFile(self.folder / name, columns, fs_hz, form, comments)
        return self._signals[name]

    def _put(self, first: str, file: SignalFile, at: int, rows: np.ndarray, t0_ns: int) -> None:
        file.put(at, rows)
        if at < 0:
            self._facts[first] = t0_ns
            self._changed = True

    def _write_beats(self) -> None:
        first = self._facts["leads_first_ns"]
        beats = sorted({at for one in read_lines(self.folder / "segments.jsonl") for at in one["beats_ns"]})
        places = np.unique(np.rint((np.array(beats, np.int64) - first) / GRID_STEP_NS).astype(int))
        if len(places):
            marks = ["N"] * len(places)
            wfdb.wrann("leads", "beats", places, marks, fs=GRID_FS_HZ, write_dir=str(self.folder))


def append_lines(path: Path, values: list[dict[str, Any]]) -> None:
    """Add JSON lines, on the disk when this returns. A line that a crash cut off is dropped first."""
    with path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(max(0, end - 65_536))
            tail = file.read()
            if not tail.endswith(b"\n"):
                file.truncate(end - len(tail) + tail.rfind(b"\n") + 1)
        file.write("".join(json.dumps(one) + "\n" for one in values).encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Lines in order of time, the newest of those written twice."""
    if not path.exists():
        return []
    whole = path.read_text().split("\n")[:-1]
    newest = {one["start_ns"]: one for one in map(json.loads, whole)}
    return [newest[at] for at in sorted(newest)]


def _person(person: Demographics | None) -> tuple[str, ...]:
    """Header comment in BIDMC's form."""
    if person is None or (person.age_years is None and person.sex is None):
        return ()
    age = "" if person.age_years is None else f"<age>: {person.age_years:g} "
    return (f"{age}{f'<sex>: {person.sex}' if person.sex else ''}".strip(),)

"""What the recorder wrote (`p2es record`): a session folder with session.json, the PPG as received, the true ECG, the
accelerometer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import BadRecording
from ingest.recordings import wfdb_format
from ingest.recordings.recording import RecordedMotion, Recording, ReferenceLeads
from stream.messages import Demographics

__all__ = ["matches", "read"]


def matches(path: Path) -> bool:
    """A folder with a session.json, or that file itself."""
    return path.name == "session.json" or (path / "session.json").is_file()


def read(path: Path, channel: str | None = None, fs_hz: float | None = None) -> Recording:
    """Read the session's PPG. Raises BadRecording."""
    folder = path.parent if path.name == "session.json" else path
    try:
        facts = json.loads((folder / "session.json").read_text())
        if "fs_hz" not in facts:
            raise BadRecording(f"{folder}: the session holds no PPG (none was received)")
        ppg = wfdb_format.read(folder / "ppg", channel or facts.get("channel"), fs_hz)
        return replace(
            ppg,
            name=str(facts["patient"]),
            t0_ns=int(facts["first_ns"]) - int(facts["shift_ns"]),
            dated=True,
            fs_hz=float(facts["fs_hz"]),
            scale=float(facts["scale"]),
            offset=float(facts["offset"]),
            unit=str(facts["unit"]),
            polarity=int(facts["polarity"]),
            pulse_delay_s=facts["pulse_delay_s"],
            demographics=Demographics(**facts["demographics"]),
            reference=_reference(folder),
            motion=_motion(folder, facts),
        )
    except (KeyError, TypeError, ValueError, FileNotFoundError) as error:
        raise BadRecording(f"{folder}: session.json is not one of the recorder's ({error})") from error


def _reference(folder: Path) -> ReferenceLeads | None:
    if not (folder / "reference.hea").exists():
        return None
    return wfdb_format.reference_of(folder / "reference")


def _motion(folder: Path, facts: dict[str, Any]) -> RecordedMotion | None:
    if not (folder / "motion.hea").exists():
        return None
    fs_hz, begun_ns = float(facts["motion_fs_hz"]), int(facts["motion_first_ns"]) - int(facts["first_ns"])
    samples, units = wfdb_format.columns_of(folder / "motion")
    known = np.flatnonzero(np.isfinite(samples).all(1))
    if units != ["mg"] * 3 or len(known) < 2:
        return None
    return RecordedMotion(fs_hz, begun_ns + np.rint(known * 1e9 / fs_hz).astype(np.int64), samples[known])

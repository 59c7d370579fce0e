"""A recorded session as `p2es generate` would have written it: NAME.hea, NAME.dat, NAME.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ingest.recordings import Recording
from ingest.session import start_ns
from sinks.recorder.session import read_lines
from sinks.summary import summary
from sinks.wfdb_writer import replace_file, safe_name, write_leads
from stream.messages import ABSTAINED_UV, GRID_FS_HZ, GRID_STEP_NS, LEADS

__all__ = ["export_session", "recorded_until_ns"]


def recorded_until_ns(session: Path) -> int:
    """Time after the newest window the recorder has safely stored; 0 for none."""
    lines = read_lines(session / "segments.jsonl")
    return max((one["start_ns"] + one["samples"] * GRID_STEP_NS for one in lines), default=0)


def export_session(session: Path, recording: Recording, folder: Path, shift_ns: int = 0) -> tuple[Path, dict[str, Any]]:
    """Write the 12-lead record of a recorder's session folder. Returns its path without extension and its JSON."""
    facts = json.loads((session / "session.json").read_text())
    first = start_ns(recording, shift_ns)
    count = recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1
    leads = np.full((count, len(LEADS)), ABSTAINED_UV, np.int16)
    stored = np.fromfile(session / "leads.dat", "<i2").reshape(-1, len(LEADS))
    at = (facts["leads_first_ns"] - first) // GRID_STEP_NS
    leads[at : at + len(stored)] = stored[: count - at]
    path = folder / safe_name(recording.name)
    write_leads(path, leads)
    lines = read_lines(session / "segments.jsonl")
    beside = summary(lines, first, count, recording.name, recording.channel)
    replace_file(path.with_suffix(".json"), (json.dumps(beside) + "\n").encode())
    return path, beside

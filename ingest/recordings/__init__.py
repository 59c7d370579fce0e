"""Recorded sessions as a source: one module per file format, each giving a Recording."""

from __future__ import annotations

from pathlib import Path

from ingest.errors import BadRecording
from ingest.recordings import wfdb_format
from ingest.recordings.recording import Recording, ReferenceLeads

__all__ = ["FORMATS", "Recording", "ReferenceLeads", "read_recording"]

FORMATS = (wfdb_format,)  # asked in this order


def read_recording(path: Path, channel: str | None = None) -> Recording:
    """Read a recording of any known format. Raises BadRecording with one line that says what to do."""
    if path.is_dir():
        raise BadRecording(f"{path} is a folder; name a recording in it")
    for one in FORMATS:
        if one.matches(path):
            return one.read(path, channel)
    if not path.exists():
        raise BadRecording(f"{path}: no such recording")
    raise BadRecording(f"{path}: not a known kind of recording; WFDB records (.hea with .dat) can be read")

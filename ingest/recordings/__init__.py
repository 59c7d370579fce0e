"""Recorded sessions as a source: one module per file format, each giving a Recording."""

from __future__ import annotations

from pathlib import Path

from ingest.errors import BadRecording
from ingest.recordings import csv_format, edf_format, polar_format, session_format, wfdb_format
from ingest.recordings.recording import Recording, ReferenceLeads, first_seconds, repeated

__all__ = ["FORMATS", "Recording", "ReferenceLeads", "first_seconds", "read_recording", "repeated"]

FORMATS = (session_format, polar_format, csv_format, edf_format, wfdb_format)  # asked in this order


def read_recording(path: Path, channel: str | None = None, fs_hz: float | None = None) -> Recording:
    """Read a recording of any known format. fs_hz: for files that do not say their rate.

    Raises BadRecording with one line that says what to do."""
    for one in FORMATS:
        if one.matches(path):
            try:
                return one.read(path, channel, fs_hz)
            except IsADirectoryError:
                break
    if path.is_dir():
        raise BadRecording(f"{path} is a folder; name a recording in it")
    if not path.exists():
        raise BadRecording(f"{path}: no such recording")
    raise BadRecording(
        f"{path}: not a known kind of recording; WFDB (.hea with .dat), EDF (.edf, .bdf), CSV (.csv, .tsv), "
        "Polar Sensor Logger (.txt) and recorded sessions can be read"
    )

"""WFDB records: PPG lossless as stored, the ECG channels beside it as reference, age and sex from the comments."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from ingest.errors import BadRecording
from ingest.recordings.recording import Recording, ReferenceLeads, checked, choose_channel, lead_name
from stream.messages import Demographics
from stream.monitor_delay import guessed_delay_s

__all__ = ["columns_of", "matches", "read", "reference_of"]

_PPG = ("PLETH", "PPG")


def matches(path: Path) -> bool:
    """A record is named by its .hea file or without extension."""
    return path.suffix == ".hea" or (not path.exists() and path.with_suffix(".hea").exists()) or path.suffix == ".dat"


def read(path: Path, channel: str | None = None, fs_hz: float | None = None) -> Recording:
    """Read one channel. Raises BadRecording."""
    if fs_hz is not None:
        raise BadRecording(f"{path}: the header states the rate, so --fs is not needed; leave it out")
    stem = path.with_suffix("") if path.suffix in (".hea", ".dat") else path
    header = _header(stem)
    names = [name.strip().strip(",") for name in header.sig_name]
    index = choose_channel(stem.name, names, channel, _PPG)
    stored = _stored(stem, header)
    spf = max(1, header.samps_per_frame[index])
    fs = float(header.fs) * spf
    digital, missing = stored.e_d_signal[index].astype(np.int64), np.isnan(stored_physical(stored, index))
    gain, base = float(stored.adc_gain[index]), float(stored.baseline[index])
    times = np.rint(np.arange(len(digital)) / fs * 1e9).astype(np.int64)
    start = _start_ns(header)
    return checked(
        Recording(
            name=stem.name,
            channel=names[index],
            t0_ns=start or 0,
            dated=start is not None,
            fs_hz=fs,
            times_ns=times[~missing],
            samples=digital[~missing].astype(np.int32),
            scale=1 / gain,
            offset=-base / gain,
            unit=(stored.units[index] or "NU").strip(","),
            length_ns=int(times[-1]) if len(times) else 0,
            pulse_delay_s=guessed_delay_s(names[index], np.where(missing, np.nan, digital), fs),
            demographics=_person(header.comments),
            reference=_reference(stored, names, float(header.fs)),
        )
    )


def reference_of(stem: Path) -> ReferenceLeads | None:
    """The ECG leads of a record, None when it has none. Raises BadRecording."""
    header = _header(stem)
    return _reference(_stored(stem, header), [name.strip().strip(",") for name in header.sig_name], float(header.fs))


def columns_of(stem: Path) -> tuple[np.ndarray, list[str]]:
    """(n, signals) physical values of a record whose signals have one rate, NaN where missing, and their units.

    Raises BadRecording."""
    header = _header(stem)
    stored = _stored(stem, header)
    return np.stack([stored_physical(stored, index) for index in range(len(header.sig_name))], 1), list(stored.units)


def _header(stem: Path) -> Any:
    path = stem.with_suffix(".hea")
    if not path.exists():
        raise BadRecording(f"{stem}: no such recording ({path.name} is missing)")
    if not path.stat().st_size:
        raise BadRecording(f"{path}: the header is empty")
    try:
        header: Any = wfdb.rdheader(str(stem))
    except Exception as error:  # the parser raises whatever a broken header provokes
        raise BadRecording(f"{path}: not a WFDB header ({error})") from error
    if not header.sig_name or not header.fs:
        raise BadRecording(f"{path}: the header names no signals or no rate")
    return header


def _stored(stem: Path, header: Any) -> Any:
    missing = [name for name in set(header.file_name) if not (stem.parent / name).exists()]
    if missing:
        raise BadRecording(f"{stem.name}: its data file {missing[0]} is missing")
    try:
        stored: Any = wfdb.rdrecord(str(stem), physical=False, smooth_frames=False)
    except Exception as error:
        raise BadRecording(f"{stem.name}: header and data disagree; the data file may be cut off ({error})") from error
    if header.sig_len and any(len(one) < header.sig_len for one in stored.e_d_signal):
        raise BadRecording(f"{stem.name}: the data file is shorter than the header says")
    return stored


def stored_physical(stored: Any, index: int) -> np.ndarray:
    """(n,) physical values of a channel, NaN where the stored value is the format's invalid mark."""
    digital = stored.e_d_signal[index].astype(float)
    invalid = {"16": -(2**15), "212": -(2**11), "32": -(2**31), "24": -(2**23), "80": -128}.get(stored.fmt[index])
    if invalid is not None:
        digital[digital == invalid] = np.nan
    return (digital - stored.baseline[index]) / stored.adc_gain[index]


def _start_ns(header: Any) -> int | None:
    if header.base_date is None or header.base_time is None:
        return None
    moment = datetime.datetime.combine(header.base_date, header.base_time, datetime.UTC)
    return round(moment.timestamp() * 1000) * 1_000_000


def _person(comments: list[str]) -> Demographics:
    text = " ".join(comments or [])
    age = re.search(r"<age>:\s*(\d+(?:\.\d+)?)|\bage[:=]\s*(\d+)", text, re.IGNORECASE)
    sex = re.search(r"<?sex>?[:=]\s*([MF])", text, re.IGNORECASE)
    return Demographics(float(age[1] or age[2]) if age else None, sex[1].upper() if sex else None)


def _reference(stored: Any, names: list[str], fs: float) -> ReferenceLeads | None:
    found: dict[str, np.ndarray] = {}
    for index, name in enumerate(names):
        ours = lead_name(name)
        if ours and ours not in found and stored.samps_per_frame[index] == 1:
            per_mv = 1000.0 if (stored.units[index] or "").strip(",").lower() in ("uv", "µv") else 1.0
            found[ours] = stored_physical(stored, index) / per_mv
    if not found:
        return None
    return ReferenceLeads(tuple(found), fs, np.stack(list(found.values()), 1).astype(np.float32))

"""What every file format is read into."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace

import numpy as np

from ingest.errors import BadRecording
from stream.messages import LEADS, Demographics

__all__ = [
    "Recording",
    "RecordedMotion",
    "ReferenceLeads",
    "as_counts",
    "checked",
    "choose_channel",
    "first_seconds",
    "lead_name",
    "repeated",
]

MIN_FS_HZ, MAX_FS_HZ = 20.0, 1000.0
_LEADS = {name.upper(): name for name in LEADS} | {"MLII": "II", "V": "V", "MCL": "MCL", "MCL1": "MCL1"}


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceLeads:
    """The true ECG. samples_mv: (m, leads) float32, NaN where missing, from the recording's first sample on."""

    names: tuple[str, ...]
    fs_hz: float
    samples_mv: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class RecordedMotion:
    """The accelerometer beside the PPG. times_ns: (m,) int64 on the PPG's clock (0 is its first sample), increasing,
    missing samples left out. samples_mg: (m, 3)."""

    fs_hz: float
    times_ns: np.ndarray
    samples_mg: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One channel of PPG from a file.

    times_ns: (n,) int64 from the first sample (0), increasing; missing samples are left out, so a gap is a gap in time.
    samples: (n,) int32; value = samples * scale + offset in unit. t0_ns: UTC of the first sample, 0 (1970) if the file
    does not say (dated tells). length_ns: from the first to the last sample of the file, missing ones counted."""

    name: str
    channel: str
    t0_ns: int
    dated: bool
    fs_hz: float
    times_ns: np.ndarray
    samples: np.ndarray
    scale: float
    offset: float
    unit: str
    length_ns: int
    polarity: int = 1
    pulse_delay_s: float | None = None
    demographics: Demographics = field(default_factory=Demographics)
    reference: ReferenceLeads | None = None
    motion: RecordedMotion | None = None


def checked(recording: Recording) -> Recording:
    """Refuse what no window could use. Raises BadRecording."""
    if not MIN_FS_HZ <= recording.fs_hz <= MAX_FS_HZ:
        raise BadRecording(
            f"{recording.name}: {recording.channel} is sampled at {recording.fs_hz:g} Hz; "
            f"{MIN_FS_HZ:g} to {MAX_FS_HZ:g} Hz can be used"
        )
    if len(recording.samples) < 2:
        raise BadRecording(f"{recording.name}: channel {recording.channel} holds no samples (all are missing)")
    if (np.diff(recording.times_ns) <= 0).any():
        raise BadRecording(f"{recording.name}: the times do not increase")
    return recording


def first_seconds(recording: Recording, seconds: float) -> Recording:
    """The recording cut to the samples before `seconds`. Raises BadRecording when nothing is left."""
    stop = int(np.searchsorted(recording.times_ns, round(seconds * 1e9)))
    if stop == len(recording.samples):
        return recording
    truth = recording.reference
    if truth is not None:
        truth = replace(truth, samples_mv=truth.samples_mv[: math.ceil(seconds * truth.fs_hz)])
    cut = replace(recording, times_ns=recording.times_ns[:stop], samples=recording.samples[:stop], reference=truth)
    return checked(replace(cut, length_ns=int(cut.times_ns[-1]) if stop else 0))


def repeated(recording: Recording, seconds: float) -> Recording:
    """The recording's PPG again and again, for at least `seconds`, joined without a gap; what is beside it is left
    out."""
    period_ns = recording.length_ns + round(1e9 / recording.fs_hz)
    turns = math.ceil(seconds * 1e9 / period_ns)
    times = recording.times_ns + period_ns * np.arange(turns)[:, None]
    samples = np.tile(recording.samples, turns)
    length_ns = turns * period_ns - round(1e9 / recording.fs_hz)
    return replace(recording, times_ns=times.ravel(), samples=samples, length_ns=length_ns, reference=None, motion=None)


def choose_channel(name: str, there: list[str], wanted: str | None, usual: tuple[str, ...]) -> int:
    """Index of the channel asked for, or of the first usual one; case and trailing commas do not matter."""
    plain = [one.strip().strip(",").lower() for one in there]
    for candidate in [wanted.strip().strip(",").lower()] if wanted else [one.lower() for one in usual]:
        if candidate in plain:
            return plain.index(candidate)
    listed = ", ".join(one.strip().strip(",") for one in there) or "none"
    asked = f"no channel {wanted}" if wanted else "no PPG channel found; name one with --channel"
    raise BadRecording(f"{name}: {asked}; the file has {listed}")


def lead_name(name: str) -> str | None:
    """The ECG lead that a signal called `name` is, None when it is none."""
    return _LEADS.get(re.sub(r"^(ECG[ _]?)?(LEAD[ _])?", "", name.strip().upper()))


def as_counts(values: np.ndarray) -> tuple[np.ndarray, float]:
    """(n,) int32 and the scale that gives the values back: exact for whole numbers, else to 2^-30 of the largest."""
    largest = float(np.abs(values).max()) if len(values) else 0.0
    if largest < 2**31 and (values == np.rint(values)).all():
        return values.astype(np.int32), 1.0
    scale = largest / 2**30
    return np.rint(values / scale).astype(np.int32), scale

"""The wire contracts: what one process tells another. One frozen dataclass per Avro record in `schemas/`.

Times are UTC nanoseconds. On the 128 Hz grid a sample lasts 7,812,500 ns, so a grid timestamp is never rounded.
`shift_ns` is event time minus recorded time (0 when live): a whole multiple of the hop, so that a replay
shifted to now yields the same samples as one at its original times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "ABSTAINED_UV",
    "GRID_FS_HZ",
    "GRID_STEP_NS",
    "LEADS",
    "PLAUSIBLE",
    "MOTION_FS_HZ",
    "UNKNOWN_MG",
    "Abstention",
    "Alert",
    "Demographics",
    "DeviceStatus",
    "EcgSegment",
    "Motion",
    "Numerics",
    "PpgChunk",
    "PpgSegment",
    "ReferenceEcg",
    "implausible",
]

GRID_FS_HZ = 128
GRID_STEP_NS = 1_000_000_000 // GRID_FS_HZ  # 7,812,500: exact
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
# what a person can be; a value outside is a slip of the keyboard or another unit
PLAUSIBLE = {"age_years": (0.0, 120.0), "height_cm": (20.0, 250.0), "weight_kg": (0.3, 400.0)}
ABSTAINED_UV = -32768  # int16 minimum, which WFDB format 16 reads back as NaN
MOTION_FS_HZ = 32  # of the acceleration in a segment: every fourth place of the grid
UNKNOWN_MG = -32768  # acceleration that was not measured


def array(dtype: str, *columns: int | str | None):
    """Mark a field as an array carried as little-endian bytes; `columns` is the trailing shape (a field name counts
    the entries of that field)."""
    return field(metadata={"dtype": dtype, "columns": columns})


def acceleration():
    """(n, 3) int16 in mg, none when left out: messages had no such field at first."""
    return field(default_factory=lambda: np.zeros((0, 3), "<i2"), metadata={"dtype": "<i2", "columns": (3,)})


@dataclass(frozen=True, slots=True)
class Demographics:
    """What is known of a person; every value may be unknown (None)."""

    age_years: float | None = None
    sex: str | None = None  # "F" or "M"
    height_cm: float | None = None
    weight_kg: float | None = None


def implausible(person: Demographics) -> dict[str, str]:
    """By field what is wrong with it and what it may be ("0 to 120, not 300"); empty when all can be."""
    wrong = {}
    for name, (low, high) in PLAUSIBLE.items():
        value = getattr(person, name)
        if value is not None and not low <= value <= high:
            wrong[name] = f"{low:g} to {high:g}, not {value:g}"
    if person.sex not in (None, "F", "M"):
        wrong["sex"] = f"F or M, not {person.sex}"
    return wrong


@dataclass(frozen=True, slots=True, eq=False)
class PpgChunk:
    """100-500 ms of PPG as received. `samples` is (n, channels) int32; value = samples * scale + offset in `unit`.

    `t0_ns` is the time of the FIRST sample. `seq` counts from 0 within a session. `primary` is the channel to use.
    `polarity` is +1 when a beat raises the value (bedside pleth), -1 when it lowers it (raw light).
    `pulse_delay_s` is the device's own R-to-pulse delay, None for the default prior.
    `end` marks the end of the session; such a chunk has no samples and t0_ns = end of the last one.
    `device_clock_offset_ns` is UTC minus device time, `clock_drift_ppm` how much longer a device second is than ours
    (version 1 had none), `clock_residual_ns` how much later than the earliest possible the samples came.
    `motion_mg` is (k, 3), acceleration beside the PPG, evenly apart, the first at `motion_t0_ns`: what came in since
    the chunk before, none of it later than this chunk's last sample (versions 1 and 2 had none). `motion_fs_hz` without
    rows: the device has an accelerometer, of which nothing came.
    """

    device: str
    patient: str
    session: str
    seq: int
    t0_ns: int
    fs_hz: float
    channels: tuple[str, ...]
    primary: int
    unit: str
    scale: float
    offset: float
    polarity: int
    pulse_delay_s: float | None
    demographics: Demographics | None
    device_clock_offset_ns: int | None
    clock_residual_ns: int | None
    received_ns: int
    shift_ns: int
    end: bool
    samples: np.ndarray = array("<i4", "channels")
    clock_drift_ppm: float | None = None
    motion_t0_ns: int | None = None
    motion_fs_hz: float | None = None
    motion_mg: np.ndarray = acceleration()


@dataclass(frozen=True, slots=True, eq=False)
class PpgSegment:
    """One conditioned window: everything the model needs, computed once in `window`.

    `ppg` is (n,) band-passed PPG, volume-like polarity, in source units; `valid` is (n,) 0/1. `scale` is
    (window_s + 1,), the amplitude at every full second from the start; `shape` is (window_s / hop_s + 1, 16), the
    pulse shape at every hop from the start. Both follow absolute time, never the window.
    The window owns ECG samples [owned_start, owned_stop) (indices into ppg's grid).
    ECG time = PPG time: the model looks `delay_samples` ahead for the pulse of a beat.
    `last` says that the session (or this contiguous stretch of it) ends with this window.
    `motion_mg` is (window_s * MOTION_FS_HZ, 3), acceleration in the pulse band at every fourth sample, UNKNOWN_MG where
    nothing came of it; empty without an accelerometer (version 1 had none).
    """

    patient: str
    device: str
    session: str
    start_ns: int
    fs_hz: int
    owned_start: int
    owned_stop: int
    hop_samples: int
    lookahead_samples: int
    delay_samples: int
    quality: float
    reasons: tuple[str, ...]
    demographics: Demographics
    shift_ns: int
    closed_ns: int
    last: bool
    ppg: np.ndarray = array("<f4")
    valid: np.ndarray = array("<u1")
    scale: np.ndarray = array("<f4")
    shape: np.ndarray = array("<f4", 16)
    motion_mg: np.ndarray = acceleration()


@dataclass(frozen=True, slots=True)
class Abstention:
    """A stretch [start_ns, stop_ns) without an estimate, and why."""

    start_ns: int
    stop_ns: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class EcgSegment:
    """The owned part of one window: an estimate, never a measurement.

    `leads_uv` is (n, 12) in LEADS order, microvolts, ABSTAINED_UV where abstained; `band_uv` is (n, 2), the lower and
    upper bound of the 90 % band of lead II. `beats_ns` is (b,) R-peak times, `beat_confidence` (b,) 0..1, `rr_ms` (b,)
    the interval that ends with each beat, NaN where it is not known (version 1 had none: then empty). `stages_ns` are
    wall-clock marks (received, closed, inferred): measurements, not part of the result.
    """

    patient: str
    device: str
    session: str
    start_ns: int
    fs_hz: int
    heart_rate_bpm: float | None
    confidence: float
    findings: tuple[str, ...]
    quality: float
    reasons: tuple[str, ...]
    abstained: tuple[Abstention, ...]
    model_id: str
    steps: int
    source: str
    shift_ns: int
    last: bool
    stages_ns: dict[str, int]
    leads_uv: np.ndarray = array("<i2", 12)
    band_uv: np.ndarray = array("<i2", 2)
    beats_ns: np.ndarray = array("<i8")
    beat_confidence: np.ndarray = array("<f4")
    rr_ms: np.ndarray = array("<f4")


@dataclass(frozen=True, slots=True)
class Alert:
    """One state change of one alert. id = patient/rule/onset_ns."""

    id: str
    patient: str
    device: str
    rule: str
    kind: str  # technical | physiological
    priority: str  # high | medium | low
    state: str  # raised | acknowledged | silenced | cleared
    latched: bool
    onset_ns: int
    at_ns: int
    value: float | None
    limit: float | None
    evidence: str
    text: str


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """Once a second from every device, also when it has no data to give."""

    device: str
    patient: str
    session: str
    at_ns: int  # wall clock of the sender
    last_sample_ns: int | None  # event time of the newest sample sent
    state: str  # streaming | stalled | disconnected | ended ...
    battery_percent: float | None
    rssi_dbm: float | None
    fs_hz: float | None
    gaps: int
    drops: int
    ended: bool  # monitoring ended on purpose: silence from here on is no alert


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Accelerometer beside the PPG. `samples` is (n, 3) in `unit`."""

    device: str
    patient: str
    session: str
    seq: int
    t0_ns: int
    fs_hz: float
    unit: str
    shift_ns: int
    samples: np.ndarray = array("<f4", 3)


@dataclass(frozen=True, slots=True, eq=False)
class Numerics:
    """Numbers a device computes itself. `rr_ms` is (n,) RR or PP intervals ending at `at_ns`."""

    device: str
    patient: str
    session: str
    at_ns: int
    heart_rate_bpm: float | None
    spo2_percent: float | None
    shift_ns: int
    rr_ms: np.ndarray = array("<f4")


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceEcg:
    """The true ECG of a replayed recording. `samples` is (n, leads) float32 mV, NaN where missing.

    `end` marks the end of the session; such a message has no samples."""

    patient: str
    device: str
    session: str
    seq: int
    t0_ns: int
    fs_hz: float
    leads: tuple[str, ...]
    shift_ns: int
    end: bool
    samples: np.ndarray = array("<f4", "leads")

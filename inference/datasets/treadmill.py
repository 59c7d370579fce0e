"""The treadmill recordings of TROIKA (Zhang, Pi, Liu 2015; IEEE Signal Processing Cup 2015), read where they lie.

The set states no licence: it is for judging on the machine that has it, and nothing of it may be stored here. A file
DATA_nn_TYPEtt.mat holds `sig`, 6 rows at 125 Hz: chest ECG, two channels of green light at the wrist, acceleration in
g; REF_nn_TYPEtt.mat holds `BPM0`, the heart rate of every 8-s window, a new one every 2 s. The set's own read-me gives
the speeds: rest 30 s, then twice a slow and a fast minute, then rest 30 s; slow and fast are 8 and 15 km/h in TYPE01, 6
and 12 in TYPE02 (its paper says 1-2 km/h where the read-me says rest)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import io

from inference.errors import DataMissing

__all__ = [
    "FS_HZ",
    "LSB",
    "REFERENCE_HOP_S",
    "REFERENCE_WINDOW_S",
    "STAGES",
    "Treadmill",
    "read_treadmill",
    "stage_at",
]

FS_HZ = 125.0
LSB = 0.5  # every value of the light is a multiple of it
REFERENCE_WINDOW_S, REFERENCE_HOP_S = 8, 2
STAGES = ("rest", "slow", "fast", "unscheduled")
_SCHEDULE_S = ((30, "rest"), (90, "slow"), (150, "fast"), (210, "slow"), (270, "fast"))
_SHORTEST_S = 270  # one recording of 220 s, in which nobody ran, does not follow the schedule


@dataclass(frozen=True, slots=True, eq=False)
class Treadmill:
    """light: (2, m) counts. ecg: (m,) counts. motion_g: (3, m). reference_bpm: (w,)."""

    name: str
    subject: str
    light: np.ndarray
    ecg: np.ndarray
    motion_g: np.ndarray
    reference_bpm: np.ndarray

    @property
    def seconds(self) -> float:
        """Length."""
        return self.light.shape[1] / FS_HZ


def read_treadmill(folder: Path) -> list[Treadmill]:
    """All recordings of a folder. Raises DataMissing when there is none, or one has no reference or another form."""
    paths = sorted(folder.glob("DATA_*.mat"))
    if not paths:
        raise DataMissing(f"no DATA_*.mat in {folder}")
    return [_read(path) for path in paths]


def _read(path: Path) -> Treadmill:
    beside = path.with_name(path.name.replace("DATA", "REF"))
    if not beside.exists():
        raise DataMissing(f"{path}: {beside.name} with its heart rate is not beside it")
    signals, rates = _variable(path, "sig"), _variable(beside, "BPM0")
    if signals.ndim != 2 or signals.shape[0] != 6 or not np.isfinite(signals).all():
        raise DataMissing(f"{path}: sig has the form {signals.shape}, not 6 rows of numbers")
    name = path.stem.removeprefix("DATA_")
    return Treadmill(name, name.split("_")[0], signals[1:3], signals[0], signals[3:], rates.ravel())


def _variable(path: Path, name: str) -> np.ndarray:
    stored: dict[str, Any] = io.loadmat(path)
    if name not in stored:
        raise DataMissing(f"{path}: no variable {name}")
    return np.asarray(stored[name], float)


def stage_at(seconds: np.ndarray, length_s: float) -> np.ndarray:
    """The stage (index into STAGES) of each time of a recording, by the schedule."""
    if length_s < _SHORTEST_S:
        return np.full(len(seconds), STAGES.index("unscheduled"))
    ends = [end for end, _ in _SCHEDULE_S]
    names = [STAGES.index(name) for _, name in _SCHEDULE_S] + [STAGES.index("rest")]
    return np.array(names)[np.searchsorted(ends, seconds, side="right")]

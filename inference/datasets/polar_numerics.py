"""What a Polar Verity Sense says of itself: heart rate and pulse intervals, as Polar Sensor Logger writes them.

Both carry the phone's time of arrival only; the light carries the phone's and the sensor's, which ties the two.
Intervals follow each other without a hole (their sum keeps to the phone's clock within a second over minutes), so
pulses stand at their running sum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from inference.errors import DataMissing

__all__ = ["LIGHT", "PolarNumerics", "read_numerics"]

LIGHT, _RATE, _INTERVALS = "Polar_Sense_PPG.txt", "Polar_Sense_HR.txt", "Polar_Sense_PPI.txt"
_ROWS = 2000  # of the light, from which the two clocks are compared


@dataclass(frozen=True, slots=True, eq=False)
class PolarNumerics:
    """Times in s after the first sample of light. rate_bpm: (k,) at rate_s, NaN where the device gave none.
    pulses_s: (p,) ends of its intervals, late by the device's own constant; error_ms: (p,) its own estimate of each
    interval's error; blocked: (p,) where it says that the interval is not to be used."""

    rate_s: np.ndarray
    rate_bpm: np.ndarray
    pulses_s: np.ndarray
    error_ms: np.ndarray
    blocked: np.ndarray


def read_numerics(folder: Path) -> PolarNumerics:
    """Read the two files beside the light. Raises DataMissing when one is not there or cannot be read."""
    try:
        light, rates, intervals = (_rows(folder / name) for name in (LIGHT, _RATE, _INTERVALS))
        phone = np.array([_seconds(row[0]) for row in light[:_ROWS]])
        sensor = np.array([int(row[1]) for row in light[:_ROWS]], np.int64)
        rate_s = np.array([_seconds(row[0]) for row in rates])
        arrived = np.array([_seconds(row[0]) for row in intervals])
        table = np.array([[float(cell) for cell in row[1:4]] for row in intervals])
    except (OSError, ValueError, IndexError) as error:
        raise DataMissing(f"{folder}: light, heart rate or intervals cannot be read: {error}") from error
    rate_bpm = np.array([float(row[1]) for row in rates])
    # the quickest arrival is the one least delayed by the radio
    start = float(np.min(phone - (sensor - sensor[0]) * 1e-9))
    running = np.cumsum(table[:, 0]) / 1000
    return PolarNumerics(
        rate_s - start,
        np.where(rate_bpm > 0, rate_bpm, np.nan),
        running + float(np.median(arrived - running)) - start,
        table[:, 1],
        table[:, 2] > 0,
    )


def _rows(path: Path) -> list[list[str]]:
    lines = path.read_text(errors="replace").splitlines()[1:]
    rows = [line.split(";") for line in lines if line.strip()]
    if not rows:
        raise ValueError(f"{path.name} has no rows")
    return rows


def _seconds(stamp: str) -> float:
    return (datetime.fromisoformat(stamp) - datetime(2000, 1, 1)).total_seconds()

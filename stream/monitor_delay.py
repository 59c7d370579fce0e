"""How late a bedside monitor shows the pulse, read off the PPG itself.

Monitors show their PPG either about 0.56 or about 1.14 s after the R peak: what they filter and buffer differs, and the
filter is seen in the spectrum. A device whose driver knows its delay, and a calibrated patient, need no guess."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

__all__ = ["BANDS_HZ", "SHORTEST_S", "MonitorDelay", "guessed_delay_s", "read_monitor_delay", "spectrum"]

BANDS_HZ = (2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0)
SHORTEST_S = 30
_SEGMENT_S = 8
_PULSE_HZ = (0.7, 4.0)
_MONITORS_NAME = "PLETH"
_SHIPPED = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class MonitorDelay:
    """Logistic model of the longer delay. centre, spread, weights: of each band of `spectrum`. short_s, long_s: the
    delays of the two kinds."""

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    short_s: float
    long_s: float

    def delay_s(self, bands: np.ndarray) -> float:
        """The likelier of the two delays for one `spectrum`."""
        score = self.bias + np.dot(self.weights, (bands - np.array(self.centre)) / np.array(self.spread))
        return self.long_s if score > 0 else self.short_s

    def write(self, path: Path) -> None:
        """As `read_monitor_delay` reads it."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read_monitor_delay(path: Path = _SHIPPED) -> MonitorDelay:
    """Read what `MonitorDelay.write` wrote; the shipped model when left out."""
    values: dict[str, Any] = json.loads(path.read_text())
    values |= {key: tuple(values[key]) for key in ("centre", "spread", "weights")}
    return MonitorDelay(**values)


def spectrum(values: np.ndarray, fs_hz: float) -> np.ndarray | None:
    """(8,) log10 of the mean power in each of BANDS_HZ over that in the pulse band; median over 8-s pieces.

    values: (n,) as the monitor gives them, NaN where missing. None when it cannot be told: too short, too slow, more
    than half missing, or without a pulse."""
    known = np.flatnonzero(np.isfinite(values))
    if fs_hz < 2 * BANDS_HZ[-1] or len(values) < SHORTEST_S * fs_hz or len(known) < len(values) / 2:
        return None
    filled = np.interp(np.arange(len(values)), known, values[known])
    hz, power = signal.welch(filled - np.median(filled), fs_hz, nperseg=int(_SEGMENT_S * fs_hz), average="median")
    pulse = power[(hz >= _PULSE_HZ[0]) & (hz < _PULSE_HZ[1])].mean()
    if not pulse > 0:
        return None
    edges = np.searchsorted(hz, BANDS_HZ)
    share = np.array([power[a:b].mean() for a, b in pairwise(edges)]) / pulse
    return np.clip(np.log10(np.maximum(share, 1e-12)), -8, 3)


def guessed_delay_s(channel: str, values: np.ndarray, fs_hz: float) -> float | None:
    """From R peak to pulse in s, for values (n,), NaN where missing. None when it cannot be told, and for a channel
    that is not called as monitors call theirs."""
    bands = spectrum(values, fs_hz) if channel.strip().strip(",").upper() == _MONITORS_NAME else None
    return None if bands is None else read_monitor_delay().delay_s(bands)

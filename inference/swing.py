"""Whether the light at the announced beats was made by a heart or by a limb. Pure.

An artery's pulse rises fast, falls slowly and is of one family in all people; what a swinging limb does to the light
has overtones of any phase. A small network that has seen both tells them apart as far as one channel of light allows.
Asked only of a device without an accelerometer, which tells more (inference/motion.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from inference.alike import LEAST_BEATS, mutual, pulses_at
from inference.beat_head import Beats
from stream.messages import GRID_FS_HZ, PpgSegment

__all__ = ["FAR", "FEATURES", "Swing", "described", "limb_probability", "read_swing"]

_EACH = 4  # samples: the light has nothing above 10 Hz
_SHAPE, _PHASES = 28, 32
FEATURES = _SHAPE + _PHASES + 11
FAR = 4.0  # spreads: what lies further out is as odd as this
_SHIPPED = Path(__file__).with_suffix(".json")


def described(segment: PpgSegment, beats: Beats) -> np.ndarray | None:
    """(FEATURES,): the median pulse at the beats, of unit spread, and the median cycle from pulse to pulse; likeness;
    quality; confidence: mean of the owned beats, mean and least of those whose pulse is seen, least of all; log of the
    mean interval in s and its relative spread; logs of those of the cycles' and the pulses' size; how many pulses.

    None with fewer than three beats whose pulse lies in the window."""
    cut, inside = pulses_at(segment, beats)
    if len(cut) < LEAST_BEATS:
        return None
    pulses = beats.index[inside] + segment.delay_samples
    owned = (beats.index >= segment.owned_start) & (beats.index < segment.owned_stop)
    seen, intervals = beats.confidence[inside], np.diff(pulses) / GRID_FS_HZ
    (pulse, pulse_spread), (cycle, cycle_spread) = _usual(cut), _usual(_cycles(segment, pulses))
    rest = (
        mutual(cut),
        segment.quality,
        beats.confidence[owned].mean() if owned.any() else seen.mean(),
        seen.mean(),
        seen.min(),
        beats.confidence.min(),
        np.log(intervals.mean()),
        intervals.std() / intervals.mean(),
        cycle_spread,
        pulse_spread,
        len(cut),
    )
    return np.concatenate([((pulse - pulse.mean()) / max(1e-9, float(pulse.std())))[::_EACH], cycle, rest])


def _cycles(segment: PpgSegment, pulses: np.ndarray) -> np.ndarray:
    """(cycles, _PHASES) the light from each pulse to the next, less its mean."""
    numbers = np.arange(len(pulses))
    at = np.interp(np.arange(0, len(pulses) - 1, 1 / _PHASES), numbers, pulses)
    light = np.interp(at, np.arange(len(segment.ppg)), segment.ppg).reshape(-1, _PHASES)
    return light - light.mean(1, keepdims=True)


def _usual(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """The median row, each of unit spread, and log of the relative spread of their sizes."""
    sizes = np.maximum(1e-9, rows.std(1))
    return np.median(rows / sizes[:, None], 0), float(np.log(sizes.std() / sizes.mean() + 0.01))


@dataclass(frozen=True, slots=True, eq=False)
class Swing:
    """One hidden layer. centre, spread: of each feature. hidden: (units, FEATURES); hidden_bias, output: (units,);
    bias: ()."""

    centre: np.ndarray
    spread: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    bias: np.ndarray

    def probability(self, features: np.ndarray) -> float:
        """That a limb made it, were both as frequent. features: of `described`."""
        inputs = np.clip((features - self.centre) / self.spread, -FAR, FAR)
        units = np.tanh(self.hidden @ inputs + self.hidden_bias)
        return float(1 / (1 + np.exp(-self.output @ units - self.bias)))

    def write(self, path: Path) -> None:
        """As `read_swing` reads it, to five digits."""
        values = {item.name: np.vectorize(_short)(getattr(self, item.name)).tolist() for item in fields(self)}
        path.write_text(json.dumps(values) + "\n")


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def read_swing(path: Path = _SHIPPED) -> Swing:
    """Read what `Swing.write` wrote; the shipped fit when left out."""
    return Swing(**{name: np.array(values) for name, values in json.loads(path.read_text()).items()})


def limb_probability(segment: PpgSegment, beats: Beats) -> float:
    """0..1, by the fit that ships: that a limb rather than a heart shaped the light at the beats; 0 with fewer than
    three of them, of which no shape can be told."""
    features = described(segment, beats)
    return 0.0 if features is None else _shipped().probability(features)


@cache
def _shipped() -> Swing:
    return read_swing()

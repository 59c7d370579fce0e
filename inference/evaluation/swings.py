"""An arm's swing added to pulses of real people at rest: when the rate goes wrong, and what the accelerometer mends.

For choosing the limit, on the calibration part. Nobody there wore an accelerometer, so it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import wfdb
from tqdm import tqdm

from inference.datasets.windows import blank_chunk, windows_from
from inference.engine import Engine
from inference.evaluation.beats import mean_rate
from inference.evaluation.cases import Case
from stream.conditioning import Stretch, condition
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, EcgSegment, PpgSegment

__all__ = ["LIMITS", "Swung", "arm", "judge_swings", "light_of"]

LIMITS = (1.0, 0.7, 0.5, 0.3)  # the first abstains for no movement
_FS_HZ, _SECONDS = 125.0, 40
_LEVELS = {
    "arm at rest": 0.0,
    "arm swings, light does not": 0.0,
    "swing 0.35 of the pulse": 0.35,
    "swing 0.7 of the pulse": 0.7,
    "swing 1.4 of the pulse": 1.4,
    "swing 2.8 of the pulse": 2.8,
    "swing, no pulse": np.inf,
}
_LEAST_F1 = 0.8
_WRONG_BPM, _LOOK_BACK_S, _LEAST_INTERVALS = 5.0, 6.0, 2  # the rate as on the screen


@dataclass(frozen=True, slots=True)
class Swung:
    """Of one level and one limit: windows, those with a heart rate, and those of them more than 5 bpm off the ECG's
    (where there is no pulse, all)."""

    level: str
    limit: float
    windows: int
    answered: int
    wrong: int


def arm(rng: np.random.Generator, seconds: int = _SECONDS, fs_hz: float = _FS_HZ) -> np.ndarray:
    """(3, n) g: a swing at 0.7 to 1.7 Hz, each axis with six overtones of its own (the step is the second), 3 % (SD)
    irregular from swing to swing, 0.08 to 1 g RMS; gravity from somewhere; the sensor's 5 mg."""
    n = round(seconds * fs_hz)
    rate = rng.uniform(0.7, 1.7) * (1 + 0.03 * _held(rng.normal(size=seconds * 4), n))
    phase = 2 * np.pi * np.cumsum(rate) / fs_hz
    size = np.exp(rng.uniform(np.log(0.08), 0)) * (1 + 0.1 * _held(rng.normal(size=seconds), n))
    axes = np.zeros((3, n))
    for axis in axes:
        for k, height in enumerate(rng.uniform(0, 1, 6) / (1, 1, 2, 2, 4, 4), 1):
            axis += height * np.sin(k * phase + rng.uniform(0, 2 * np.pi))
    down = rng.normal(size=(3, 1))
    axes *= size / np.sqrt((axes**2).mean(1).sum())
    return axes + down / np.linalg.norm(down) + 0.005 * rng.normal(size=axes.shape)


def light_of(rng: np.random.Generator, axes: np.ndarray, fs_hz: float = _FS_HZ) -> np.ndarray:
    """(n,) what light makes of it: a random filter of 0.3 s on each axis, the crests up to half as high again as the
    troughs (no filter's doing), and a wandering baseline."""
    taps = round(0.3 * fs_hz)
    out = np.zeros(axes.shape[1])
    for axis in axes - axes.mean(1, keepdims=True):
        fade = np.exp(-np.arange(taps) / fs_hz / rng.uniform(0.03, 0.15))
        out += np.convolve(axis, np.convolve(rng.normal(size=taps) * fade, np.hanning(7), "same"))[: len(out)]
    out /= out.std()
    walk = np.cumsum(rng.normal(size=len(out))) / np.sqrt(len(out))
    return out + rng.uniform(0, 0.5) * np.maximum(out, 0) + 0.1 * walk


def judge_swings(engine: Engine, cases: Sequence[Case], limits: Sequence[float] = LIMITS) -> list[Swung]:
    """Every level at every limit. cases: of the calibration part, 40 s of each. limits: highest first."""
    engines = {one: type(engine)(engine.networks, replace(engine.settings, max_movement=one)) for one in limits}
    counts = {(level, limit): np.zeros(3, int) for level in _LEVELS for limit in limits}
    for number, case in enumerate(tqdm(cases, desc="swings")):
        rng = np.random.default_rng([number, len(cases)])
        cut = _cut(rng, case)
        if cut is None:
            continue
        start_s, pulse = cut
        axes = arm(rng)
        swing = light_of(rng, axes)
        swing *= _size(pulse) / _size(swing)
        for level, size in _LEVELS.items():
            light = pulse + size * swing if np.isfinite(size) else pulse.mean() + swing
            still = axes[:, :1] + 0.005 * rng.normal(size=axes.shape)
            chunk = replace(blank_chunk(case.entry.name, _FS_HZ, 1e-4 * _size(pulse)), offset=float(pulse.mean()))
            windows = windows_from(chunk, light, still if level == "arm at rest" else axes)
            total = len(windows)
            truth = case.record.beats_s - start_s if np.isfinite(size) else np.zeros(0)
            for limit, one in engines.items():
                found, windows = _answered(one, windows)
                counts[level, limit] += [total, len(found), sum(_is_wrong(*each, truth) for each in found)]
    return [Swung(level, limit, *map(int, found)) for (level, limit), found in counts.items()]


def _held(values: np.ndarray, n: int) -> np.ndarray:
    return np.repeat(values, -(-n // len(values)))[:n]


def _cut(rng: np.random.Generator, case: Case) -> tuple[int, np.ndarray] | None:
    """A stretch of the recording's own PPG with a usable ECG: its start in s and its samples. None where there is none,
    or where the pulses do not explain the beats: what goes wrong is to be the swing's doing."""
    source: Any = wfdb.rdrecord(str(case.entry.path), channel_names=None)
    values = source.p_signal[:, [name.strip().strip(",") for name in source.sig_name].index(case.entry.ppg)]
    usable = np.repeat(case.record.usable, 10)
    starts = [
        at
        for at in range(len(usable) - _SECONDS - 1)
        if usable[at : at + _SECONDS].all() and np.isfinite(_part(values, at)).all()
    ]
    if source.fs != _FS_HZ or not starts or case.record.lag_f1 < _LEAST_F1:
        return None
    at = int(rng.choice(starts))
    return (at, _part(values, at)) if _size(_part(values, at)) > 0 else None


def _part(values: np.ndarray, at: int) -> np.ndarray:
    return values[round(at * _FS_HZ) : round((at + _SECONDS) * _FS_HZ)]


def _size(values: np.ndarray) -> float:
    """RMS in the pulse band."""
    times = np.rint(np.arange(len(values)) / _FS_HZ * 1e9).astype(np.int64)
    band = condition(Stretch(times, values, _FS_HZ, 1e-9, 0), 0, (_SECONDS - 1) * GRID_FS_HZ).ppg
    return float(band[5 * GRID_FS_HZ :].std())


def _answered(engine: Engine, windows: Sequence[PpgSegment]) -> tuple[list[tuple[EcgSegment, float]], list[PpgSegment]]:
    """Estimates with a heart rate beside it, and their windows: a lower limit need not look at the others."""
    found, kept = [], []
    for window, one in zip(windows, engine.infer(windows), strict=True):
        if not one.abstained and one.heart_rate_bpm is not None:
            found.append((one, one.heart_rate_bpm))
            kept.append(window)
    return found, kept


def _is_wrong(one: EcgSegment, rate_bpm: float, beats_s: np.ndarray) -> bool:
    stop_s = (one.start_ns + len(one.leads_uv) * GRID_STEP_NS) / 1e9
    true_bpm = mean_rate(beats_s, stop_s - _LOOK_BACK_S, stop_s, least=_LEAST_INTERVALS)
    return true_bpm is None or abs(true_bpm - rate_bpm) > _WRONG_BPM

"""From raw PPG to what the model reads: the 128 Hz grid, the pulse band, amplitude, pulse shape, quality.

Pure functions. Every value depends on absolute time and on at most the last 30 s, never on where a window happens
to start: two overlapping windows agree, and a whole recording conditioned at once equals its windows.
Filters look ahead by the resampling kernel only (KERNEL_HALF_S); the high-pass is causal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from stream.messages import GRID_FS_HZ, GRID_STEP_NS

__all__ = [
    "HISTORY_S",
    "HOP_S",
    "KERNEL_HALF_S",
    "MAX_BRIDGE_S",
    "MAX_FS_HZ",
    "MIN_FS_HZ",
    "SHAPE_SIZE",
    "Conditioned",
    "Stretch",
    "bandpass",
    "condition",
    "drop_before",
    "pulse_onsets",
    "resample",
    "scale_knots",
    "shape_knots",
]

MIN_FS_HZ, MAX_FS_HZ = 20.0, 1000.0
HOP_S = 2
HISTORY_S = 20  # before the window; the high-pass forgets in about 3 s, amplitude looks back 8, shape 10
KERNEL_HALF_S = 0.125
MAX_BRIDGE_S = 0.150
SHAPE_SIZE = 16

_LOWPASS_HZ = 10.0  # a pulse has nothing of use above; mains and motion clicks have
_HIGHPASS = signal.butter(2, 0.5, "highpass", fs=GRID_FS_HZ, output="sos")
_SCALE_LOOK_BACK_S, _SCALE_MIN_S = 8, 4
_SHAPE_LOOK_BACK_S, _SHAPE_LOOK_AHEAD_S, _SHAPE_MIN_S = 10, 2, 6
_SHAPE_OFFSETS = np.round(np.linspace(-0.15, 0.60, SHAPE_SIZE - 3) * GRID_FS_HZ).astype(int)
_BLOCK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Contiguous raw PPG of one device: no gap above MAX_BRIDGE_S.

    times_ns: (m,) int64, increasing. values: (m,) float64, volume-like polarity, source units. lsb: one ADC step in
    those units. first: grid index of the first grid sample at or after the stretch's first sample (kept when old
    samples are dropped from the front)."""

    times_ns: np.ndarray
    values: np.ndarray
    fs_hz: float
    lsb: float
    first: int

    @property
    def stop(self) -> int:
        """Grid index after the last grid sample at or before the newest sample."""
        return int(self.times_ns[-1] // GRID_STEP_NS) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Conditioned:
    """(n,) band-passed ppg and valid; amplitude per second, shape per hop (both from the first sample on); quality."""

    ppg: np.ndarray
    valid: np.ndarray
    scale: np.ndarray
    shape: np.ndarray
    quality: float
    reasons: tuple[str, ...]


def condition(stretch: Stretch, start: int, n: int = 10 * GRID_FS_HZ) -> Conditioned:
    """Condition grid samples [start, start + n) of a stretch.

    start, n: grid index and count, whole seconds. Samples outside the stretch are 0 with valid = 0. For a result that
    no later sample changes, the stretch must reach KERNEL_HALF_S beyond the last grid sample."""
    begin = max(stretch.first, start - HISTORY_S * GRID_FS_HZ)
    stop = min(stretch.stop, start + n)
    ppg, valid = np.zeros(n, np.float32), np.zeros(n, np.uint8)
    seconds = np.arange(start, start + n + 1, GRID_FS_HZ)
    hops = np.arange(start, start + n + 1, HOP_S * GRID_FS_HZ)
    if stop <= max(begin, start):
        empty = np.zeros((len(hops), SHAPE_SIZE), np.float32)
        return Conditioned(ppg, valid, np.zeros(len(seconds), np.float32), empty, 0.0, ("missing",))
    values, inside = resample(stretch, begin, stop - begin)
    pulse = bandpass(values)
    pulse[np.abs(pulse) < 1e-3 * stretch.lsb] = 0.0  # rounding noise must not be scaled up into a pulse
    at = max(begin, start)
    ppg[at - start : stop - start] = pulse[at - begin :]
    valid[at - start : stop - start] = inside[at - begin :]
    quality, reasons = _quality(stretch, start, n, ppg, valid)
    return Conditioned(
        ppg,
        valid,
        scale_knots(pulse, begin, seconds),
        shape_knots(pulse, begin, hops),
        quality,
        reasons,
    )


def resample(stretch: Stretch, first: int, n: int, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Low-pass and interpolate onto n grid samples from `first` on, every `step`-th.

    A Hann-windowed sinc with weights normalised to 1, so any rate from MIN_FS_HZ to MAX_FS_HZ and any clock drift
    is met without a filter state. Returns values (n,) float64 and valid (n,) uint8 (0 where a gap was bridged)."""
    times, values, real = _bridge(stretch)
    half_ns = round(KERNEL_HALF_S * 1e9)
    cutoff = min(_LOWPASS_HZ, 0.45 * stretch.fs_hz)
    width = int(2 * KERNEL_HALF_S * stretch.fs_hz * 1.1) + 3
    out, valid = np.empty(n), np.empty(n, np.uint8)
    for at in range(0, n, _BLOCK):
        grid = (first + step * np.arange(at, min(at + _BLOCK, n), dtype=np.int64)) * GRID_STEP_NS
        left = np.searchsorted(times, grid - half_ns)
        index = left[:, None] + np.arange(width)
        inside = index < len(times)
        index = np.minimum(index, len(times) - 1)
        delta = (times[index] - grid[:, None]) * 1e-9
        inside &= np.abs(delta) < KERNEL_HALF_S
        weight = np.sinc(2 * cutoff * delta) * (1 + np.cos(np.pi * delta / KERNEL_HALF_S)) * inside
        out[at : at + len(grid)] = (weight * values[index]).sum(1) / weight.sum(1)
        nearest = np.where(inside, np.abs(delta), np.inf).argmin(1)
        valid[at : at + len(grid)] = real[index[np.arange(len(grid)), nearest]]
    return out, valid


def _bridge(stretch: Stretch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fill short gaps linearly at the nominal rate; real is 0 on the samples put in."""
    times, values = stretch.times_ns, stretch.values
    step = 1e9 / stretch.fs_hz
    missing = np.rint(np.diff(times) / step).astype(int) - 1
    holes = np.flatnonzero(missing > 0)
    if not len(holes):
        return times, values, np.ones(len(times), np.uint8)
    new = [np.rint(np.linspace(times[i], times[i + 1], missing[i] + 2)[1:-1]).astype(np.int64) for i in holes]
    where = np.repeat(holes + 1, missing[holes])
    added = np.concatenate(new)
    filled = np.interp((added - times[0]) * 1e-9, (times - times[0]) * 1e-9, values)
    return (
        np.insert(times, where, added),
        np.insert(values, where, filled),
        np.insert(np.ones(len(times), np.uint8), where, 0),
    )


def bandpass(values: np.ndarray) -> np.ndarray:
    """Causal 0.5 Hz Butterworth high-pass, second order, of grid samples (n,), started at rest on the first value.

    With the kernel's 10 Hz low-pass this is the pulse band."""
    state = signal.sosfilt_zi(_HIGHPASS) * values[0]
    return signal.sosfilt(_HIGHPASS, values, zi=state)[0]


def scale_knots(pulse: np.ndarray, first: int, knots: np.ndarray) -> np.ndarray:
    """Amplitude at each knot: half the 10-90 % spread of the 8 s before it (at a stretch's start, of its first 4 s).

    pulse: band-passed grid samples from grid index `first`. Returns (k,) float32, 0 where there is no data."""
    out = np.zeros(len(knots), np.float32)
    for i, knot in enumerate(knots - first):
        stop = max(knot, _SCALE_MIN_S * GRID_FS_HZ)
        part = pulse[max(0, knot - _SCALE_LOOK_BACK_S * GRID_FS_HZ) : stop]
        if len(part):
            low, high = np.percentile(part, (10, 90))
            out[i] = (high - low) / 2
    return out


def shape_knots(pulse: np.ndarray, first: int, knots: np.ndarray) -> np.ndarray:
    """Pulse shape at each knot, from 10 s before to 2 s after it (at a stretch's start, its first 6 s).

    Returns (k, 16) float32: the mean pulse at 13 points from -0.15 to 0.60 s round the steepest upstroke, scaled to
    unit range; mean interval in s; its coefficient of variation; that of the pulse amplitudes. 0 without 3 pulses."""
    out = np.zeros((len(knots), SHAPE_SIZE), np.float32)
    for i, knot in enumerate(knots - first):
        stop = max(knot + _SHAPE_LOOK_AHEAD_S * GRID_FS_HZ, _SHAPE_MIN_S * GRID_FS_HZ)
        out[i] = _shape(pulse[max(0, knot - _SHAPE_LOOK_BACK_S * GRID_FS_HZ) : stop])
    return out


def _shape(pulse: np.ndarray) -> np.ndarray:
    onsets = pulse_onsets(pulse)
    beats = _cut(pulse, onsets)
    if len(beats) < 3:
        return np.zeros(SHAPE_SIZE, np.float32)
    mean = beats.mean(0)
    spread = np.ptp(mean)
    if spread <= 0:
        return np.zeros(SHAPE_SIZE, np.float32)
    intervals = np.diff(onsets) / GRID_FS_HZ
    heights = np.ptp(beats, axis=1)
    tail = (intervals.mean(), intervals.std() / intervals.mean(), heights.std() / heights.mean())
    return np.concatenate([(mean - mean.mean()) / spread, tail]).astype(np.float32)


def pulse_onsets(pulse: np.ndarray) -> np.ndarray:
    """Indices (b,) of the steepest upstrokes of a band-passed PPG (n,), at least 0.3 s apart."""
    slope = np.diff(pulse)
    if len(slope) < GRID_FS_HZ:
        return np.zeros(0, int)
    height = 0.4 * np.percentile(slope, 98)
    if height <= 0:
        return np.zeros(0, int)
    return signal.find_peaks(slope, height=height, distance=int(0.3 * GRID_FS_HZ))[0]


def _cut(pulse: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    kept = onsets[(onsets + _SHAPE_OFFSETS[0] >= 0) & (onsets + _SHAPE_OFFSETS[-1] < len(pulse))]
    return pulse[kept[:, None] + _SHAPE_OFFSETS]


def _quality(stretch: Stretch, start: int, n: int, ppg: np.ndarray, valid: np.ndarray) -> tuple[float, tuple[str, ...]]:
    """0..1 and why it is below 1: how alike the pulses are, less what is missing, flat or clipped.

    After the template-matching index of Orphanidou et al. 2015, which does not punish an irregular rhythm."""
    reasons: list[str] = []
    present = float(valid.mean())
    if present < 0.95:
        reasons.append("missing")
    flat, clipped = _stuck(stretch, start, n)
    if flat > 0.1:
        reasons.append("flat")
    if clipped > 0.05:
        reasons.append("clipped")
    inside = ppg[np.flatnonzero(valid)[0] : np.flatnonzero(valid)[-1] + 1] if present else ppg[:0]
    beats = _cut(inside, pulse_onsets(inside))
    if len(beats) < 3 or flat > 0.5:
        return 0.0, (*reasons, "no pulse")
    centred = beats - beats.mean(1, keepdims=True)
    template = centred.mean(0)
    norms = np.linalg.norm(centred, axis=1) * np.linalg.norm(template)
    alike = float(np.median(centred @ template / np.maximum(norms, 1e-30)))
    if alike < 0.8:
        reasons.append("pulses differ")
    likeness = np.clip((alike - 0.3) / 0.6, 0.0, 1.0)
    return float(likeness * min(1.0, present / 0.95) * (1 - flat) * (1 - min(1.0, 2 * clipped))), tuple(reasons)


def _stuck(stretch: Stretch, start: int, n: int) -> tuple[float, float]:
    """Fractions of the window's raw samples in a constant run of 0.5 s or more, and clipped at its extremes."""
    a, b = np.searchsorted(stretch.times_ns, np.array([start, start + n]) * GRID_STEP_NS)
    raw = stretch.values[a:b]
    if len(raw) < 3:
        return 1.0, 0.0
    still = np.abs(np.diff(raw)) <= 0.5 * stretch.lsb
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    runs = stops - starts
    flat = float(runs[runs >= 0.5 * stretch.fs_hz].sum()) / len(raw)
    at_rail = (np.abs(raw[starts] - raw.max()) <= stretch.lsb) | (np.abs(raw[starts] - raw.min()) <= stretch.lsb)
    long_enough = (runs >= max(3, 0.04 * stretch.fs_hz)) & (runs < 0.5 * stretch.fs_hz)
    return flat, float(runs[at_rail & long_enough].sum()) / len(raw)


def drop_before(stretch: Stretch, grid_index: int) -> Stretch:
    """Forget raw samples that no window starting at or after `grid_index` can need."""
    keep_ns = (grid_index - HISTORY_S * GRID_FS_HZ) * GRID_STEP_NS - round((KERNEL_HALF_S + MAX_BRIDGE_S) * 1e9)
    at = int(np.searchsorted(stretch.times_ns, keep_ns))
    return replace(stretch, times_ns=stretch.times_ns[at:], values=stretch.values[at:])

"""PPG without a pulse in it, and what the model makes of it: the right answer is no beat at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inference.datasets.treadmill import FS_HZ as MOTION_FS_HZ
from inference.datasets.treadmill import Treadmill
from inference.datasets.windows import blank_chunk, windows_from
from inference.evaluation.streamed import Infers
from stream.messages import PpgSegment

__all__ = ["KINDS", "SECONDS", "Pulseless", "from_motion", "from_worn_motion", "try_pulseless"]

FS_HZ, SECONDS = 64.0, 14
_COUNTS = 1000.0  # amplitude of what is made, in ADC steps
_TOGETHER = 32

# light (n,), or (4, n): light and the three axes of the accelerometer beside it, in g
Make = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True, slots=True)
class Pulseless:
    """trials of `SECONDS` each; with_beats: those in which a beat was announced; beats: announced in all. windows: in
    all; judged: of them, good enough for the quality gate, so that the network was asked."""

    kind: str
    trials: int
    with_beats: int
    beats: int
    windows: int
    judged: int


def _times(fs_hz: float = FS_HZ) -> np.ndarray:
    return np.arange(round(SECONDS * fs_hz)) / fs_hz


def flat(rng: np.random.Generator) -> np.ndarray:
    """One value: a sensor that reads nothing."""
    return np.full(len(_times()), float(rng.integers(-50_000, 50_000)))


def last_digit(rng: np.random.Generator) -> np.ndarray:
    """Flat but for the converter's last digit."""
    return flat(rng) + rng.integers(-1, 2, len(_times()))


def white(rng: np.random.Generator) -> np.ndarray:
    """White noise: an open input."""
    return _COUNTS * rng.normal(size=len(_times()))


def pink(rng: np.random.Generator) -> np.ndarray:
    """1/f noise."""
    n = len(_times())
    frequency = np.fft.rfftfreq(n, 1 / FS_HZ)
    spectrum = rng.normal(size=len(frequency)) + 1j * rng.normal(size=len(frequency))
    values = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequency, 1 / SECONDS)), n)
    return _COUNTS * values / values.std()


def drift(rng: np.random.Generator) -> np.ndarray:
    """A wandering baseline: a random walk and one slow swing, with a little white noise."""
    walk = np.cumsum(rng.normal(size=len(_times())))
    swing = np.sin(2 * np.pi * (rng.uniform(0.05, 0.3) * _times() + rng.random()))
    return _COUNTS * (walk / walk.std() + swing) + 0.02 * _COUNTS * rng.normal(size=len(_times()))


def bursts(rng: np.random.Generator) -> np.ndarray:
    """A moving arm now and then: 1-4 s of swinging at 1-3 Hz with overtones, 1-4 s of rest, over white noise."""
    out = 0.05 * rng.normal(size=len(_times()))
    for inside in _now_and_then(rng):
        out[inside] += rng.uniform(0.5, 2) * np.hanning(inside.sum()) * swing(rng)[: inside.sum()]
    return _COUNTS * out


def worn_bursts(rng: np.random.Generator) -> np.ndarray:
    """The same with the accelerometer that the arm wears."""
    out, axes = 0.05 * rng.normal(size=len(_times())), _resting(rng)
    for inside in _now_and_then(rng):
        phase = _phase(rng)[: inside.sum()]
        out[inside] += rng.uniform(0.5, 2) * np.hanning(inside.sum()) * _overtones(rng, phase)
        axes[:, inside] += np.hanning(inside.sum()) * _moved(rng, phase)
    return np.vstack([_COUNTS * out, axes])


def _now_and_then(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(n,) true in each burst."""
    times, at = _times(), rng.uniform(0, 3)
    while at < SECONDS:
        length = rng.uniform(1, 4)
        yield (times >= at) & (times < at + length)
        at += length + rng.uniform(1, 4)


def steady(rng: np.random.Generator) -> np.ndarray:
    """An arm that never stops swinging, as on a treadmill."""
    return _COUNTS * (swing(rng) + 0.1 * rng.normal(size=len(_times())))


def worn_steady(rng: np.random.Generator) -> np.ndarray:
    """The same with the accelerometer that the arm wears."""
    phase = _phase(rng)
    light = _overtones(rng, phase) + 0.1 * rng.normal(size=len(phase))
    return np.vstack([_COUNTS * light, _resting(rng) + _moved(rng, phase)])


def swing(rng: np.random.Generator) -> np.ndarray:
    """An arm's cadence, 1-3 Hz: its overtones and 3 % (SD) of irregularity from swing to swing."""
    return _overtones(rng, _phase(rng))


def _phase(rng: np.random.Generator) -> np.ndarray:
    cadence = rng.uniform(1, 3)
    rate = cadence * (1 + 0.03 * np.repeat(rng.normal(size=SECONDS * 4), round(FS_HZ / 4)))
    return 2 * np.pi * np.cumsum(rate) / FS_HZ


def _overtones(rng: np.random.Generator, phase: np.ndarray) -> np.ndarray:
    heights = rng.uniform(0, 1, 4) / np.arange(1, 5)
    shifts = rng.uniform(0, 2 * np.pi, 4)
    return sum((h * np.sin(k * phase + s) for k, h, s in zip(range(1, 5), heights, shifts, strict=True)), np.zeros(1))


def _moved(rng: np.random.Generator, phase: np.ndarray) -> np.ndarray:
    """(3, n): what the axes feel of a movement whose light has overtones of its own: 0.1 to 1 g RMS in all."""
    axes = np.stack([_overtones(rng, phase) for _ in range(3)])
    return 10 ** rng.uniform(-1, 0) * axes / np.sqrt((axes**2).mean(1).sum())


def _resting(rng: np.random.Generator) -> np.ndarray:
    """(3, n): gravity from somewhere, and the sensor's own 5 mg."""
    down = rng.normal(size=(3, 1))
    return down / np.linalg.norm(down) + 0.005 * rng.normal(size=(3, len(_times())))


KINDS: dict[str, Make] = {
    "flat": flat,
    "last digit": last_digit,
    "white noise": white,
    "1/f noise": pink,
    "drift": drift,
    "motion bursts": bursts,
    "motion bursts, accelerometer": worn_bursts,
    "steady motion": steady,
    "steady motion, accelerometer": worn_steady,
}


def from_motion(recordings: Sequence[Treadmill]) -> Make:
    """Real motion and nothing else: a random stretch of one axis of a recorded accelerometer, sent as if it were
    light, the wrist being in motion (after the first 30 s)."""

    def make(rng: np.random.Generator) -> np.ndarray:
        axes = _stretch(rng, recordings)
        return _COUNTS * axes[rng.integers(3)]

    return make


def from_worn_motion(recordings: Sequence[Treadmill]) -> Make:
    """The same with its accelerometer: light answers to all three axes, to each up to 0.2 s late, and to pushes up to
    half as much again as to pulls."""

    def make(rng: np.random.Generator) -> np.ndarray:
        axes = _stretch(rng, recordings)
        swings = axes - axes.mean(1, keepdims=True)
        late = [np.roll(one, int(rng.integers(round(0.2 * MOTION_FS_HZ)))) for one in swings]
        light = rng.normal(size=3) @ np.stack(late)
        return np.vstack([_COUNTS * (light + rng.uniform(0, 0.5) * np.maximum(light, 0)), axes])

    return make


def _stretch(rng: np.random.Generator, recordings: Sequence[Treadmill]) -> np.ndarray:
    one = recordings[int(rng.integers(len(recordings)))]
    size = round(SECONDS * MOTION_FS_HZ)
    start = int(rng.integers(round(30 * MOTION_FS_HZ), one.motion_g.shape[1] - size))
    return one.motion_g[:, start : start + size]


def try_pulseless(
    engine: Infers, min_quality: float, kind: str, make: Make, trials: int, seed: int = 0, fs_hz: float = FS_HZ
) -> Pulseless:
    """Send each trial through the live windows. Windows below min_quality, which are abstained as a whole, are not
    sent to the network, whose answer would not be used."""
    rng = np.random.default_rng([seed, trials, *kind.encode()])
    waiting: list[PpgSegment] = []
    hit: set[str] = set()
    beats = windows = judged = 0
    for trial in range(trials):
        light, *axes = np.atleast_2d(make(rng))
        segments = windows_from(blank_chunk(f"{kind} {trial}", fs_hz, 1.0), light, np.stack(axes) if axes else None)
        kept = [one for one in segments if one.quality >= min_quality]
        windows, judged = windows + len(segments), judged + len(kept)
        waiting += kept
        if len(waiting) >= _TOGETHER or trial == trials - 1:
            found = [(one.patient, len(one.beats_ns)) for one in engine.infer(waiting)]
            beats += sum(number for _, number in found)
            hit |= {name for name, number in found if number}
            waiting = []
    return Pulseless(kind, trials, len(hit), beats, windows, judged)

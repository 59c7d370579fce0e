"""Raw light as an optical sensor on the arm sees it, made from a seed: for demos and tests without a recording."""

from __future__ import annotations

import numpy as np

__all__ = ["pulse_light"]

# three green diodes and the ambient light of a Polar Verity Sense, counts at rest, and how much a beat takes away
_REST = np.array([261_000, 277_600, 294_800, -600])
_BEAT = np.array([1500, 1700, 1650, 0])
_UPSTROKE, _NOTCH, _DECAY = 0.15, 0.5, 0.4  # within a beat


def pulse_light(seconds: float, *, fs_hz: float = 54.75, bpm: float = 72.0, seed: int = 0) -> np.ndarray:
    """(n, 4) int64: light falls with each beat, breathing moves the rest level, beats vary by a few per cent."""
    rng = np.random.default_rng(seed)
    count = round(seconds * fs_hz)
    time_s = np.arange(count) / fs_hz
    beats = np.cumsum(rng.normal(60 / bpm, 0.03 * 60 / bpm, int(seconds * bpm / 30) + 4))
    phase = np.interp(time_s, np.concatenate([[0.0], beats]), np.arange(len(beats) + 1)) % 1
    # an artery's: steep up, slowly down, a second wave; round waves are a swinging arm to the model
    rise = 1 / (1 + np.exp((_UPSTROKE - phase) / 0.04))
    shape = 1.6 * (rise * np.exp(-phase / _DECAY) + 0.15 * _bump(phase, _NOTCH, 0.1))
    breath = 300 * np.sin(2 * np.pi * 0.23 * time_s)
    noise = rng.normal(0, 12, (count, 4))
    light = _REST - shape[:, None] * _BEAT + breath[:, None] * (_BEAT > 0) + noise
    return np.rint(light).astype(np.int64)


def _bump(phase: np.ndarray, centre: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((phase - centre) / width) ** 2)

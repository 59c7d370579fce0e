"""What wearing a sensor does to its light: distortions of a real pulse, and light in which there is no pulse at all."""

from __future__ import annotations

import numpy as np

from inference.beat_head import normalise
from stream.conditioning import bandpass, scale_knots
from stream.messages import GRID_FS_HZ

__all__ = ["distort", "lose", "movement", "only_a_limb", "paused", "rounded", "without_pulse"]

_SETTLE_S = 10  # before a made window: the high-pass forgets in 3 s, the running amplitude looks back 8
_TOP_HZ = 10.0  # the resampling kernel's low-pass


def distort(pulse: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A reflected wave, green light's rounder pulse, a low source rate, noise, breathing, movement, coarse steps and
    gain, each now and then.

    pulse: (n,) normalised. The reflected wave is there because a strong one passes for a second beat."""
    n = len(pulse)
    seconds = np.arange(n) / GRID_FS_HZ
    out = pulse * np.exp(rng.uniform(-0.3, 0.3))
    if rng.random() < 0.3:
        late = np.interp(seconds - rng.uniform(0.15, 0.5), seconds, out)
        out = (out + rng.uniform(0.1, 0.9) * late) / 1.2
    if rng.random() < 0.15:
        out = rounded(out, rng.uniform(0.02, 0.07))
    if rng.random() < 0.2:  # a 25-64 Hz source, interpolated
        rate = rng.uniform(25, 64)
        coarse = np.arange(0, seconds[-1] + 1 / rate, 1 / rate)
        out = np.interp(seconds, coarse, np.interp(coarse, seconds, out))
    if rng.random() < 0.3:
        out = out + rng.normal(0, 0.15 * rng.random(), n)
    if rng.random() < 0.3:
        out = out * (1 + 0.4 * rng.random() * np.sin(2 * np.pi * (rng.random() + seconds * rng.uniform(0.1, 0.4))))
    if rng.random() < 0.2:
        out = out + rng.uniform(0, 0.8) * np.sin(2 * np.pi * (rng.random() + seconds * rng.uniform(0.1, 0.6)))
    if rng.random() < 0.15:
        at, length = rng.integers(0, n - 200), rng.integers(30, 180)
        out[at : at + length] += 2 * rng.normal() * np.hanning(length)
    if rng.random() < 0.15:
        share = 10 ** rng.uniform(-1.3, 0)
        out = (out + share * movement(n, rng)) / np.hypot(1, share)
    if rng.random() < 0.1:  # few steps of the converter a pulse: 8 bits, or a weak light in more
        step = 10 ** rng.uniform(-2, -0.6)
        out = np.round(out / step) * step
    return np.clip(out, -6, 6)


def rounded(pulse: np.ndarray, sd_s: float) -> np.ndarray:
    """A pulse (n,) as green light at a wrist shows it: without its edges."""
    reach = round(3 * sd_s * GRID_FS_HZ)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sd_s * GRID_FS_HZ)) ** 2)
    return np.convolve(np.pad(pulse, reach, mode="edge"), kernel / kernel.sum(), "valid")


def without_pulse(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of light from a sensor that sees no pulse, conditioned and normalised as live: noise of any colour, a limb
    that swings steadily or now and then, a contact that slips, and their sums."""
    whole = n + _SETTLE_S * GRID_FS_HZ
    makers = (_noise, movement, _slips)
    weights = rng.dirichlet((0.3, 0.6, 0.2))
    light = sum((w * make(whole, rng) for w, make in zip(weights, makers, strict=True)), np.zeros(whole))
    if rng.random() < 0.3:
        light = light * _now_and_then(whole, rng)
    light = light + 0.05 * rng.random() * rng.normal(size=whole)
    seen = bandpass(light)
    scale = scale_knots(seen, 0, np.arange(0, whole + 1, GRID_FS_HZ))
    return normalise(seen, scale)[-n:]


def only_a_limb(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of light, raw, of a limb that moves under a sensor which sees no pulse: at times now and then, at times in
    noise."""
    light = movement(n, rng)
    if rng.random() < 0.3:
        light = light * _now_and_then(n, rng)
    if rng.random() < 0.3:
        light = light + rng.uniform(0, 0.5) * _noise(n, rng)
    return light + 0.1 * rng.random() * rng.normal(size=n)


def lose(pulse: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A pulse (n,) that is there only from a moment on, or up to it, and a mask (n,) of where it is gone."""
    n = len(pulse)
    after = np.arange(n) >= rng.integers(n // 4, 3 * n // 4)
    gone = after if rng.random() < 0.7 else ~after
    return np.where(gone, 10 ** rng.uniform(-2, 0.2) * without_pulse(n, rng), pulse), gone


def paused(pulse: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A pulse (n,) that rests for 3 to 8 s: next to nothing of it is left there."""
    seconds = np.arange(len(pulse)) / GRID_FS_HZ
    start = rng.uniform(-2, seconds[-1] - 1)
    stop = start + rng.uniform(3, 8)
    gone = 1 / (1 + np.exp((start - seconds) / 0.05)) / (1 + np.exp((seconds - stop) / 0.05))
    noise = 10 ** rng.uniform(-2.5, -1.3) * pulse.std() * rng.normal(size=len(pulse))
    return (pulse * (1 - gone) + noise * gone).astype(pulse.dtype)


def movement(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of unit SD: a cadence of 0.5-3.5 Hz that wavers and swells, with overtones of its own, and at times every
    second step unlike the first."""
    seconds = np.arange(n) / GRID_FS_HZ
    knots = np.arange(0, seconds[-1] + 1, 0.5)
    waver = np.cumsum(rng.normal(size=len(knots))) * rng.uniform(0, 0.02)
    waver = waver + rng.normal(size=len(knots)) * rng.uniform(0, 0.08)
    cadence = np.exp(rng.uniform(np.log(0.5), np.log(3.5)) + np.interp(seconds, knots, waver))
    phase = 2 * np.pi * np.cumsum(cadence) / GRID_FS_HZ
    count = min(6, int(_TOP_HZ / cadence.max()))
    heights = rng.exponential(size=count) * np.arange(1, count + 1) ** -rng.uniform(0.3, 2.5)
    swing = sum((h * np.sin(k * phase + rng.uniform(0, 2 * np.pi)) for k, h in enumerate(heights, 1)), np.zeros(n))
    if rng.random() < 0.3:
        swing = swing + rng.uniform(0, 0.7) * np.sin(phase / 2 + rng.uniform(0, 2 * np.pi))
    swell = np.exp(np.interp(seconds, knots, rng.normal(size=len(knots)) * rng.uniform(0, 0.5)))
    swing = swing * swell
    return swing / max(float(swing.std()), 1e-9)


def _noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of unit SD: power f^-a, a in 0 to 4, at times mostly round one frequency."""
    frequency = np.fft.rfftfreq(n, 1 / GRID_FS_HZ)
    height = np.maximum(frequency, 0.1) ** -rng.uniform(0, 2)
    if rng.random() < 0.5:
        centre, width = np.exp(rng.uniform(np.log(0.5), np.log(4))), 10 ** rng.uniform(-1.3, 0)
        height = 0.1 * rng.random() * height + np.exp(-0.5 * ((frequency - centre) / width) ** 2)
    height = height * (frequency < _TOP_HZ)
    values = np.fft.irfft(height * (rng.normal(size=len(frequency)) + 1j * rng.normal(size=len(frequency))), n)
    return values / max(float(values.std()), 1e-9)


def _slips(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of unit SD: a contact that slips at random moments and settles again."""
    seconds = np.arange(n) / GRID_FS_HZ
    out = np.zeros(n)
    for at in np.cumsum(rng.exponential(np.exp(rng.uniform(np.log(0.4), np.log(4))), 60)):
        late = seconds - at
        out += rng.normal() * np.exp(-np.maximum(late, 0) / rng.uniform(0.05, 1.5)) * (1 + np.tanh(late / 0.06)) / 2
    return out / max(float(out.std()), 1e-9)


def _now_and_then(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) 0 to 1: still, and for 0.5 to 5 s at a time not."""
    out, seconds, at = np.zeros(n), np.arange(n) / GRID_FS_HZ, 0.0
    while at < seconds[-1]:
        length = rng.uniform(0.5, 5)
        inside = (seconds >= at) & (seconds < at + length)
        out[inside] = np.hanning(inside.sum())
        at += length + rng.uniform(0.5, 5)
    return out

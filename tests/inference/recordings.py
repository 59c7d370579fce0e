"""Small recordings with known beats, for the tests of this room."""

from pathlib import Path

import numpy as np
import wfdb


def heartbeats(seconds: float, seed: int = 0, mean_s: float = 0.8) -> np.ndarray:
    """R-peak times of an irregular rhythm."""
    rng = np.random.default_rng(seed)
    return np.cumsum(np.clip(rng.normal(mean_s, 0.08, int(2 * seconds / mean_s)), 0.45, 1.4))[:-1]


def ecg(beats_s: np.ndarray, times_s: np.ndarray, r_mv: float = 1.0) -> np.ndarray:
    """P, QRS and T as Gaussians round each R peak."""
    out = np.zeros(len(times_s))
    for height, at, width in ((0.12, -0.17, 0.025), (-0.1, -0.028, 0.01), (1.0, 0.0, 0.011), (0.25, 0.26, 0.05)):
        for beat in beats_s:
            near = np.abs(times_s - beat - at) < 6 * width
            out[near] += r_mv * height * np.exp(-0.5 * ((times_s[near] - beat - at) / width) ** 2)
    return out


def pleth(beats_s: np.ndarray, times_s: np.ndarray, delay_s: float) -> np.ndarray:
    """A pulse whose steepest upstroke comes delay_s after each R peak."""
    out = np.zeros(len(times_s))
    for beat in beats_s:
        # the steepest rise of a Gaussian is one width before its peak
        out += np.exp(-0.5 * ((times_s - beat - delay_s - 0.09) / 0.09) ** 2)
    return out


def write_monitor(
    folder: Path,
    name: str,
    beats_s: np.ndarray,
    delay_s: float,
    seconds: int = 120,
    fs: int = 125,
    comment: str = "",
    breath: float = 0.0,
) -> Path:
    """A bedside recording: II, AVR, V and PLETH, its baseline swinging by `breath`. Returns its path, no extension."""
    times = np.arange(seconds * fs) / fs
    lead_i, lead_ii = ecg(beats_s, times, 0.5), ecg(beats_s, times, 1.0)
    chest = ecg(beats_s, times, -0.7)
    pulse = pleth(beats_s, times, delay_s) + breath * np.sin(2 * np.pi * 0.25 * times)
    signals = np.stack([lead_ii + 0.3, -(lead_i + lead_ii) / 2, chest, pulse], 1)
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        name,
        fs=fs,
        units=["mV", "mV", "mV", "NU"],
        sig_name=["II,", "AVR,", "V,", "PLETH,"],
        p_signal=signals,
        fmt=["16"] * 4,
        adc_gain=[1000.0, 1000.0, 1000.0, 4000.0],
        baseline=[0] * 4,
        comments=[comment] if comment else [],
        write_dir=str(folder),
    )
    return folder / name

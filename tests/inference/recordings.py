"""Small recordings with known beats, for the tests of this room."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import wfdb

from inference.datasets.entry import Entry

# real: ships for the demo, and nothing was fitted on it
DEMO = Entry(Path(__file__).parents[2] / "deploy/recordings/bidmc37-5min", "bidmc", "37", "test", "PLETH", {})


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
    return arterial(beats_s + delay_s + 0.033, times_s)  # it rises steepest 33 ms before its middle


def arterial(beats_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Pulses as an artery gives them, a steep rise at each time, a slow fall and a second wave: what the shipped
    network takes for a pulse, where round and regular waves are a swinging arm to it."""
    out = np.zeros(len(times_s))
    for beat in beats_s:
        late = np.clip(times_s - beat, -1, 3)
        out += np.exp(-np.maximum(late, 0) / 0.35) / (1 + np.exp(-late / 0.05))
        out += 0.2 * np.exp(-0.5 * ((late - 0.38) / 0.09) ** 2)
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


@dataclass(frozen=True)
class SegmentOf:
    """seconds; gains by channel, in their order; samples in a frame by channel, 1 when left out."""

    seconds: int
    gains: dict[str, float]
    per_frame: dict[str, int] = field(default_factory=dict)


def write_segments(
    folder: Path,
    name: str,
    beats_s: np.ndarray,
    segments: Sequence[SegmentOf | None],
    fs: float = 125,
    gap_s: int = 10,
    delay_s: float = 0.55,
    stem: str = "",
) -> Path:
    """A record of segments under a layout header, as in the MIMIC databases; None is a gap of gap_s. Channels: PLETH
    or Pleth, V, any other a limb lead. Returns its path, no extension."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = stem or name
    names = list(dict.fromkeys(key for one in segments if one for key in one.gains))
    frames_each = dict.fromkeys(names, 1) | {k: v for one in segments if one for k, v in one.per_frame.items()}
    lines, start, total = [f"{stem}_layout 0"], 0.0, 0
    for number, one in enumerate(segments, 1):
        seconds = one.seconds if one else gap_s
        frames = round(seconds * fs)
        lines.append(f"{stem}_{number:04d} {frames}" if one else f"~ {frames}")
        if one:
            _write_segment(folder, f"{stem}_{number:04d}", beats_s, delay_s, one, fs, frames, start)
        start, total = start + frames / fs, total + frames
    (folder / f"{stem}_layout.hea").write_text(
        f"{stem}_layout {len(names)} {fs} 0\n"
        + "".join(f"~ 0x{frames_each[key]} 1(0)/mV 0 0 0 0 0 {key}\n" for key in names)
    )
    header = f"{name}/{len(lines)} {len(names)} {fs} {total} 07:08:00 06/05/2130\n"
    (folder / f"{name}.hea").write_text(header + "\n".join(lines) + "\n")
    return folder / name


def _write_segment(
    folder: Path, name: str, beats_s: np.ndarray, delay_s: float, one: SegmentOf, fs: float, frames: int, start_s: float
) -> None:
    signals, per_frame = [], [one.per_frame.get(key, 1) for key in one.gains]
    for key, each in zip(one.gains, per_frame, strict=True):
        times = start_s + np.arange(frames * each) / (fs * each)
        values = (
            pleth(beats_s, times, delay_s)
            if key.upper() == "PLETH"
            else ecg(beats_s, times, -0.7 if key == "V" else 1.0)
        )
        signals.append(np.rint(values * one.gains[key]).astype(np.int64))
    record = wfdb.Record(
        record_name=name, n_sig=len(signals), fs=fs, sig_len=frames, samps_per_frame=per_frame,
        file_name=[f"{name}.dat"] * len(signals), fmt=["16"] * len(signals), adc_gain=list(one.gains.values()),
        baseline=[0] * len(signals), units=["NU" if key.upper() == "PLETH" else "mV" for key in one.gains],
        sig_name=list(one.gains), e_d_signal=signals,
    )  # fmt: skip
    record.set_d_features(expanded=True)
    record.set_defaults()
    record.wrsamp(write_dir=str(folder), expanded=True)

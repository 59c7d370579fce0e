"""Polar Sensor Logger text files: raw light of a Polar Verity Sense, 3 green channels and ambient, sensor time in ns.

The light falls when a pulse arrives, so the polarity is -1. The acceleration is the app's other file, NAME_ACC.txt
beside NAME_PPG.txt, by the same sensor clock. Source: the app's file headers; sensor time counts from 2000-01-01 (Polar
BLE SDK, documentation of the time system)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ingest.errors import BadRecording
from ingest.recordings.recording import RecordedMotion, Recording, checked, choose_channel

__all__ = ["matches", "read"]

_HEADER = "Phone timestamp;sensor timestamp [ns];channel 0;"
_EPOCH_2000_NS = 946_684_800_000_000_000
ARM_DELAY_S = 0.25  # R peak to upstroke on the arm, without a monitor's own delay; a prior, not a measurement


def matches(path: Path) -> bool:
    """By its first line."""
    if not path.is_file() or path.suffix.lower() != ".txt":
        return False
    with path.open("rb") as file:
        return file.readline(200).decode(errors="replace").startswith(_HEADER)


def read(path: Path, channel: str | None = None, fs_hz: float | None = None) -> Recording:
    """Read one channel ("channel 0" when left out). Raises BadRecording."""
    if fs_hz is not None:
        raise BadRecording(f"{path}: states its own times, so --fs is not needed; leave it out")
    lines = path.read_text(errors="replace").splitlines()
    names = [name.strip() for name in lines[0].split(";")[2:] if name.strip()]
    index = choose_channel(path.name, names, channel, ("channel 0",))
    try:
        cells = [line.split(";") for line in lines[1:] if line.strip()]
        times = np.array([int(row[1]) for row in cells], np.int64)
        samples = np.array([int(row[2 + index]) for row in cells], np.int32)
    except (ValueError, IndexError, OverflowError) as error:
        raise BadRecording(f"{path}: a row is not as its header says; the file may be cut off ({error})") from error
    steps = np.diff(times)
    if not len(steps) or np.median(steps) <= 0:
        raise BadRecording(f"{path}: holds fewer than two samples, or its times do not increase")
    return checked(
        Recording(
            name=path.stem,
            channel=names[index],
            t0_ns=int(times[0]) + _EPOCH_2000_NS,
            dated=True,
            fs_hz=float(1e9 / steps[steps < 1.5 * np.median(steps)].mean()),
            times_ns=times - times[0],
            samples=samples,
            scale=1.0,
            offset=0.0,
            unit="counts",
            length_ns=int(times[-1] - times[0]),
            polarity=-1,
            pulse_delay_s=ARM_DELAY_S,
            motion=_motion(path, int(times[0])),
        )
    )


def _motion(path: Path, first_ns: int) -> RecordedMotion | None:
    """None without the file. Raises BadRecording."""
    beside = path.with_name(path.name.replace("_PPG", "_ACC"))
    if beside == path or not beside.is_file():
        return None
    try:
        cells = [line.split(";") for line in beside.read_text(errors="replace").splitlines()[1:] if line.strip()]
        times = np.array([int(row[1]) for row in cells], np.int64) - first_ns
        samples = np.array([[float(one) for one in row[2:5]] for row in cells])
    except (ValueError, IndexError, OverflowError) as error:
        raise BadRecording(f"{beside}: a row is not as its header says; the file may be cut off ({error})") from error
    steps = np.diff(times)
    if not len(steps) or (steps <= 0).any() or samples.shape != (len(times), 3):
        raise BadRecording(f"{beside}: its times do not increase, or its rows are not three axes; move it away")
    return RecordedMotion(float(1e9 / steps[steps < 1.5 * np.median(steps)].mean()), times, samples)

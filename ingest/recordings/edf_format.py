"""EDF, EDF+ and BDF: one channel lossless as stored, the ECG channels beside it as reference (edfplus.info)."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pyedflib

from ingest.errors import BadRecording
from ingest.recordings.recording import Recording, ReferenceLeads, checked, choose_channel, lead_name
from stream.messages import Demographics
from stream.monitor_delay import guessed_delay_s

__all__ = ["matches", "read"]

_PPG = ("PLETH", "PPG", "Pulse")
_UNKNOWN_DATE = datetime.date(1985, 1, 1)  # what the format says where nothing is known
_PER_MV = {"mv": 1.0, "uv": 1000.0, "µv": 1000.0, "v": 0.001}


def matches(path: Path) -> bool:
    """By its ending."""
    return path.suffix.lower() in (".edf", ".bdf")


def read(path: Path, channel: str | None = None, fs_hz: float | None = None) -> Recording:
    """Read one channel. Raises BadRecording."""
    if fs_hz is not None:
        raise BadRecording(f"{path}: the header states the rate, so --fs is not needed; leave it out")
    if not path.exists():
        raise BadRecording(f"{path}: no such recording")
    if b"+D" in _reserved(path):
        raise BadRecording(f"{path}: a discontinuous EDF+ cannot be read; save it as continuous, one file a stretch")
    try:
        with pyedflib.EdfReader(str(path), annotations_mode=pyedflib.DO_NOT_READ_ANNOTATIONS) as file:
            return _recording(path, file, channel)
    except (OSError, ValueError) as error:
        words = str(error).removeprefix(f"{path}: ")
        raise BadRecording(f"{path}: not a whole EDF or BDF file ({words})") from error


def _reserved(path: Path) -> bytes:
    """The field of the header that tells EDF+ from EDF."""
    with path.open("rb") as file:
        return file.read(256)[192:236]


def _recording(path: Path, file: pyedflib.EdfReader, channel: str | None) -> Recording:
    names = [name.strip() for name in file.getSignalLabels()]
    index = choose_channel(path.name, names, channel, _PPG)
    fs = float(file.getSampleFrequency(index))
    samples = file.readSignal(index, digital=True).astype(np.int32)
    scale, offset = _calibration(file, index)
    times = np.rint(np.arange(len(samples)) / fs * 1e9).astype(np.int64)
    begun = file.getStartdatetime()
    dated = begun.date() != _UNKNOWN_DATE
    return checked(
        Recording(
            name=path.stem,
            channel=names[index],
            t0_ns=round(begun.replace(tzinfo=datetime.UTC).timestamp() * 1000) * 1_000_000 if dated else 0,
            dated=dated,
            fs_hz=fs,
            times_ns=times,
            samples=samples,
            scale=scale,
            offset=offset,
            unit=file.getPhysicalDimension(index).strip() or "NU",
            length_ns=int(times[-1]) if len(times) else 0,
            pulse_delay_s=guessed_delay_s(names[index], samples.astype(float), fs),
            demographics=_person(file, begun.date() if dated else None),
            reference=_reference(file, names),
        )
    )


def _calibration(file: pyedflib.EdfReader, index: int) -> tuple[float, float]:
    """value = stored * scale + offset."""
    low, high = float(file.getDigitalMinimum(index)), float(file.getDigitalMaximum(index))
    bottom, top = float(file.getPhysicalMinimum(index)), float(file.getPhysicalMaximum(index))
    scale = (top - bottom) / (high - low)
    return scale, bottom - low * scale


def _person(file: pyedflib.EdfReader, on: datetime.date | None) -> Demographics:
    sex = {"Male": "M", "Female": "F"}.get(file.getSex())
    try:
        born = datetime.datetime.strptime(str(file.getBirthdate()), "%d %b %Y").replace(tzinfo=datetime.UTC).date()
    except ValueError:
        return Demographics(None, sex)
    return Demographics(float((on - born).days // 365.25) if on else None, sex)


def _reference(file: pyedflib.EdfReader, names: list[str]) -> ReferenceLeads | None:
    """The leads that have the rate of the first of them."""
    found: dict[str, np.ndarray] = {}
    fs = 0.0
    for index, name in enumerate(names):
        lead, rate = lead_name(name), float(file.getSampleFrequency(index))
        per_mv = _PER_MV.get(file.getPhysicalDimension(index).strip().lower())
        if lead and lead not in found and per_mv and rate == (fs or rate):
            found[lead], fs = file.readSignal(index) / per_mv, rate
    if not found:
        return None
    return ReferenceLeads(tuple(found), fs, np.stack(list(found.values()), 1).astype(np.float32))

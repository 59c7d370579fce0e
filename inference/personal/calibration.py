"""What a person's own ECG beside their PPG has told, as a small JSON file that carries its own hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import CalibrationUnusable
from stream.messages import GRID_FS_HZ, LEADS

__all__ = [
    "AFTER",
    "BEFORE",
    "LONGEST_DELAY_S",
    "SIZE",
    "Calibration",
    "Quality",
    "Source",
    "read_calibration",
    "write_calibration",
]

KIND, VERSION = "p2es calibration", 1
BEFORE, AFTER = 45, 83  # samples of an own beat before and after its R peak: 0.35 and 0.65 s
SIZE = BEFORE + 1 + AFTER
# 3 s of lookahead, less the beat head's 1.14 s and the 0.45 s to the next R peak that a sample depends on
LONGEST_DELAY_S = 1.4


@dataclass(frozen=True, slots=True)
class Quality:
    """ecg_beats, pulse_beats: that were compared. f1: at 50 ms after the best lag. agreement: 0..1, how closely they
    agree; chance: the same at lags that cannot be (inference.personal.belonging). spread_ms: interquartile range of the
    delay. averaged: beats in the own beat, by lead."""

    ecg_beats: int
    pulse_beats: int
    f1: float
    agreement: float
    chance: float
    spread_ms: float
    averaged: dict[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """record: its name. sha256: of the samples that were used. from_s, seconds: the stretch."""

    record: str
    sha256: str
    from_s: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """delay_s: from R peak to what the beat head takes for its pulse, LONGEST_DELAY_S at most. leads: those with an own
    beat, named as recorded; may be none. beats_uv: (leads, SIZE) int, R at BEFORE, 0 at both ends. band_uv: (2, SIZE)
    int or None, the 10 and 90 % of lead II round R peaks read off the pulse."""

    patient: str
    model_id: str
    delay_s: float
    leads: tuple[str, ...]
    beats_uv: np.ndarray
    band_uv: np.ndarray | None
    quality: Quality
    source: Source

    @cached_property
    def sha256(self) -> str:
        """Of everything in it."""
        return _digest(_facts(self))

    @property
    def model_suffix(self) -> str:
        """What a calibrated estimate's model id ends in."""
        return f"+cal:{self.sha256[:8]}"


def write_calibration(one: Calibration, path: Path) -> None:
    """Write the file, whole or not at all; the same calibration gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    facts = _facts(one) | {"sha256": one.sha256}
    # a list a line: the file is read by people too
    body = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items())
    partial.write_text("{\n" + body + "\n}\n")
    partial.replace(path)


def read_calibration(path: Path, model_id: str, patient: str) -> Calibration:
    """Read and check. model_id, patient: what it has to be of. Raises CalibrationUnusable."""
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CalibrationUnusable(f"{path}: no such calibration; p2es calibrate makes one") from error
    except (OSError, ValueError) as error:
        raise CalibrationUnusable(f"{path} is no calibration: {str(error).splitlines()[0]}") from error
    if not isinstance(facts, dict) or facts.get("kind") != KIND:
        raise CalibrationUnusable(f"{path} is no calibration")
    if facts.get("version") != VERSION:
        raise CalibrationUnusable(f"{path}: version {facts.get('version')}, this p2es reads {VERSION}; calibrate again")
    stored = facts.pop("sha256", None)
    if _digest(facts) != stored:
        raise CalibrationUnusable(f"{path} is damaged: its content has not the SHA-256 it names, {stored}")
    one = _build(path, facts)
    if one.model_id != model_id:
        raise CalibrationUnusable(f"{path} was made for model {one.model_id}, this is {model_id}; calibrate again")
    if one.patient != patient:
        raise CalibrationUnusable(f"{path} is of patient {one.patient}, not of {patient}")
    return one


def _facts(one: Calibration) -> dict[str, Any]:
    return {
        "kind": KIND,
        "version": VERSION,
        "patient": one.patient,
        "model_id": one.model_id,
        "delay_s": round(float(one.delay_s), 4),
        "fs_hz": GRID_FS_HZ,
        "before": BEFORE,
        "beats_uv": {name: beat.tolist() for name, beat in zip(one.leads, one.beats_uv, strict=True)},
        "band_uv": None if one.band_uv is None else one.band_uv.tolist(),
        "quality": asdict(one.quality),
        "source": asdict(one.source),
    }


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _build(path: Path, facts: dict[str, Any]) -> Calibration:
    """The hash was right, so only a foreign hand can make this fail."""
    try:
        names = tuple(facts["beats_uv"])
        beats = np.array([facts["beats_uv"][name] for name in names], int).reshape(-1, SIZE)
        band = None if facts["band_uv"] is None else np.array(facts["band_uv"], int).reshape(2, SIZE)
        if not set(names) <= set(LEADS) or not 0 <= facts["delay_s"] <= LONGEST_DELAY_S or len(beats) != len(names):
            raise ValueError("leads or delay")
        return Calibration(
            facts["patient"],
            facts["model_id"],
            float(facts["delay_s"]),
            names,
            beats,
            band,
            Quality(**facts["quality"]),
            Source(**facts["source"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CalibrationUnusable(f"{path}: its content is not a calibration's ({error})") from error

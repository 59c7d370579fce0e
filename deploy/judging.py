"""Judgements that need more than one room: a wearable's recording is read by `ingest` and judged by `inference`."""

from __future__ import annotations

from pathlib import Path

from inference.beats_only import BeatsOnly
from inference.datasets.polar_numerics import LIGHT, read_numerics
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation.cases import load_cases
from inference.evaluation.diagnosis_report import write_diagnosis
from inference.evaluation.diagnosis_run import judge_diagnosis
from inference.evaluation.rhythm_report import write_rhythm
from inference.evaluation.rhythm_run import judge_rhythm
from inference.evaluation.run import EvaluationSettings
from inference.evaluation.swings import judge_swings
from inference.evaluation.wrist_report import write_wrist
from inference.evaluation.wrist_run import (
    WornDevice,
    WristReport,
    judge_device,
    judge_pulseless,
    judge_treadmill,
)
from inference.settings import EngineSettings
from ingest.recordings import read_recording
from ingest.session import ppg_chunks, start_ns
from stream.messages import GRID_FS_HZ
from stream.windows import DeviceWindows

__all__ = ["judge_diagnoses", "judge_findings", "judge_wrist"]


def judge_wrist(settings: EngineSettings, wanted: EvaluationSettings, out: Path, trials: int) -> str:
    """Judge what wanted.data has of troika/ and polar/, and swings added to the calibration part of bidmc/ and
    cinc2015/ where these are beside them; write out/wrist.md and out/wrist.json and return their names.

    Raises DataMissing when it has neither."""
    data = wanted.data
    engine = BeatsOnly.load(settings)
    treadmill, polar = data / "troika", data / "polar"
    if not treadmill.is_dir() and not polar.is_dir():
        raise DataMissing(f"{data} holds neither troika/ nor polar/")
    judged = judge_treadmill(engine, treadmill) if treadmill.is_dir() else None
    report = WristReport(
        model_id=engine.model_id,
        rows=judged.rows if judged else (),
        records=judged.records if judged else {},
        polarity=judged.polarity if judged else None,
        channels=judged.channels if judged else {},
        believed=judged.believed if judged else {},
        device=judge_device(engine, _worn(polar)) if polar.is_dir() else None,
        pulseless=judge_pulseless(engine, trials, treadmill if judged else None) if trials else (),
        swings=judge_swings(engine, load_cases(data, wanted.cache, "calibration", wanted.limit, wanted.jobs))
        if (data / "bidmc").is_dir() and (data / "cinc2015").is_dir()
        else (),
    )
    return write_wrist(report, out, f"p2es evaluate --task wrist --data DIR --trials {trials}")


def judge_findings(settings: EngineSettings, wanted: EvaluationSettings, out: Path) -> str:
    """Judge rhythm findings, and write out/rhythm.md and .json (of another part than test under its own name)."""
    report = judge_rhythm(BeatsOnly.load(settings), wanted)
    return write_rhythm(report, out, f"p2es evaluate --task rhythm --data DIR --part {wanted.part}")


def judge_diagnoses(settings: EngineSettings, wanted: EvaluationSettings, out: Path) -> str:
    """Judge what can be told of diagnoses, and write out/diagnosis.md and .json (of the development part under its own
    name)."""
    report = judge_diagnosis(Engine.load(settings), wanted)
    part = "" if wanted.part == "all" else f" --part {wanted.part}"
    return write_diagnosis(report, out, f"p2es evaluate --task mi --data DIR{part}")


def _worn(folder: Path) -> WornDevice:
    recording = read_recording(folder / LIGHT)
    device, windows = DeviceWindows(clock=lambda: 0), []
    for chunk in ppg_chunks(recording, recording.name, f"evaluate-{recording.name}"):
        windows += device.push(chunk).segments
    count = recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1
    return WornDevice([*windows, *device.flush()], start_ns(recording), count, read_numerics(folder))

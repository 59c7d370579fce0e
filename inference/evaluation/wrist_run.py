"""The wrist through the live windows: the treadmill set, a wearable's own recording, and light without a pulse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.datasets.polar_numerics import PolarNumerics
from inference.datasets.treadmill import FS_HZ, Treadmill, read_treadmill
from inference.engine import Engine
from inference.evaluation.estimate import Estimate, from_segments, moved_to
from inference.evaluation.intervals import bootstrap
from inference.evaluation.pulseless import FS_HZ as MADE_FS_HZ
from inference.evaluation.pulseless import KINDS, Pulseless, from_motion, from_worn_motion, try_pulseless
from inference.evaluation.streamed import stream_record
from inference.evaluation.swings import Swung
from inference.evaluation.wrist import (
    Answer,
    StageFigures,
    Truth,
    better_channel,
    light_polarity,
    pulse_answer,
    stage_figure_names,
    stage_figures,
    truth_of,
    windows_of_light,
)
from inference.evaluation.wrist_device import DeviceFigures, device_figures, seconds_shown
from stream.messages import GRID_FS_HZ, PpgSegment

__all__ = ["StageRow", "WornDevice", "WristReport", "judge_device", "judge_pulseless", "judge_treadmill"]


@dataclass(frozen=True, slots=True, eq=False)
class StageRow:
    """Means (and 95 % limits) over recordings of one estimate in one stage, by figure; windows: in all."""

    estimate: str
    stage: str
    recordings: int
    windows: int
    mean: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class WornDevice:
    """A wearable's recording: its live windows and what the device said. first_ns, n: grid of the recording."""

    windows: Sequence[PpgSegment]
    first_ns: int
    n: int
    known: PolarNumerics


@dataclass(frozen=True, slots=True, eq=False)
class WristReport:
    """rows: of the treadmill set, empty without it. records: figures by recording, estimate and stage. channels: chosen
    by recording. device: figures by estimate, None without the recording. believed: share of the ECG, by recording."""

    model_id: str
    rows: Sequence[StageRow]
    records: Mapping[str, Mapping[str, Mapping[str, StageFigures]]]
    polarity: int | None
    channels: Mapping[str, int]
    believed: Mapping[str, float]
    device: Mapping[str, DeviceFigures] | None
    pulseless: Sequence[Pulseless]
    swings: Sequence[Swung] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What `judge_treadmill` finds: see WristReport."""

    rows: Sequence[StageRow]
    records: Mapping[str, Mapping[str, Mapping[str, StageFigures]]]
    polarity: int
    channels: Mapping[str, int]
    believed: Mapping[str, float]


def judge_treadmill(engine: Engine, folder: Path) -> Judged:
    """Every recording beside its controls. Raises DataMissing."""
    recordings = read_treadmill(folder)
    polarity = light_polarity(recordings)
    channels = [better_channel(one, polarity) for one in recordings]
    sizes = [int((one.light.shape[1] - 1) / FS_HZ * GRID_FS_HZ) + 1 for one in recordings]
    truths = [truth_of(one, n) for one, n in zip(recordings, sizes, strict=True)]
    windows = [windows_of_light(one, channel, polarity) for one, channel in zip(recordings, channels, strict=True)]
    streamed, alone = [], []
    for each, n in tqdm(list(zip(windows, sizes, strict=True)), desc="infer"):
        streamed.append(stream_record(engine, each, n).estimate)
        alone.append(stream_record(engine, _without_accelerometer(each), n).estimate)
    records = {}
    for i, one in enumerate(recordings):
        answers = _answers(recordings, truths, streamed, i, sizes[i])
        answers["p2es, accelerometer withheld"] = answer_of(alone[i])
        answers["pulse detector"] = pulse_answer(windows[i], 0, sizes[i])
        records[one.name] = {name: stage_figures(truths[i], answer) for name, answer in answers.items()}
    names = [one.name for one in recordings]
    return Judged(
        rows=_rows(records, {one.name: one.subject for one in recordings}),
        records=records,
        polarity=polarity,
        channels=dict(zip(names, channels, strict=True)),
        believed={name: float(truth.believed.mean()) for name, truth in zip(names, truths, strict=True)},
    )


def _without_accelerometer(windows: Sequence[PpgSegment]) -> list[PpgSegment]:
    """As of a device that has none."""
    return [replace(one, motion_mg=one.motion_mg[:0]) for one in windows]


def _answers(
    recordings: Sequence[Treadmill], truths: Sequence[Truth], streamed: Sequence[Estimate], i: int, n: int
) -> dict[str, Answer]:
    """The model's answer and those that should be worse."""
    others = [j for j in range(len(recordings)) if recordings[j].subject != recordings[i].subject]
    own = answer_of(streamed[i])
    answers = {"p2es": own}
    if others:
        other = min(others, key=lambda j: (j - i) % len(recordings))
        answers["another recording's light"] = answer_of(moved_to(streamed[other], n))
        rate = float(np.median(np.concatenate([truths[j].reference_bpm for j in others])))
        answers["constant: the others' median rate"] = Answer(np.arange(0, n / GRID_FS_HZ, 60 / rate), np.ones(n, bool))
    return answers


def answer_of(estimate: Estimate) -> Answer:
    """Beats as announced, and where there is an estimate."""
    return Answer(estimate.beats_s, np.asarray(np.isfinite(estimate.leads_mv).all(0)))


def _rows(records: Mapping[str, Mapping[str, Mapping[str, StageFigures]]], subjects: Mapping[str, str]):
    estimates = dict.fromkeys(name for figures in records.values() for name in figures)
    stages = dict.fromkeys(stage for figures in records.values() for each in figures.values() for stage in each)
    rows = []
    for stage in stages:
        for estimate in estimates:
            inside = {name: one[estimate][stage] for name, one in records.items() if stage in one.get(estimate, {})}
            rows.append(_row(estimate, stage, inside, [subjects[name] for name in inside]))
    return rows


def _row(estimate: str, stage: str, figures: Mapping[str, StageFigures], subjects: Sequence[str]) -> StageRow:
    names = stage_figure_names()
    values = np.array([[getattr(one, name) for name in names] for one in figures.values()], float)
    means, limits, _ = bootstrap(values, subjects)
    return StageRow(
        estimate,
        stage,
        len(figures),
        int(sum(one.windows for one in figures.values())),
        dict(zip(names, map(float, means), strict=True)),
        dict(zip(names, map(float, limits[:, 0]), strict=True)),
        dict(zip(names, map(float, limits[:, 1]), strict=True)),
    )


def judge_device(engine: Engine, worn: WornDevice) -> dict[str, DeviceFigures]:
    """The model as on the screen and by its beats, beside the pulse detector and a constant."""
    n = worn.n
    segments = engine.infer(worn.windows)
    own = answer_of(from_segments(segments, worn.first_ns, n))
    alone = engine.infer(_without_accelerometer(worn.windows))
    everywhere, rate = np.ones(n, bool), float(np.nanmedian(worn.known.rate_bpm))
    answers = {
        "p2es, mean of 6 s": own,
        "p2es, mean of 6 s, accelerometer withheld": answer_of(from_segments(alone, worn.first_ns, n)),
        "pulse detector, mean of 6 s": pulse_answer(worn.windows, worn.first_ns, n),
        "the device's own intervals, mean of 6 s": Answer(worn.known.pulses_s, everywhere),
        "its own output, half a recording off": _turned(own),
        "constant: its own median rate": Answer(np.arange(0, n / GRID_FS_HZ, 60 / rate), everywhere),
    }
    shown = seconds_shown(segments, worn.first_ns, n // GRID_FS_HZ)
    figures = {"p2es, rate on the screen": device_figures(worn.known, own, shown)}
    return figures | {name: device_figures(worn.known, answer) for name, answer in answers.items()}


def _turned(answer: Answer) -> Answer:
    n = len(answer.covered)
    length_s = n / GRID_FS_HZ
    return Answer(np.sort((answer.beats_s + length_s / 2) % length_s), np.roll(answer.covered, n // 2))


def judge_pulseless(engine: Engine, trials: int, treadmill: Path | None) -> list[Pulseless]:
    """Every kind of light without a pulse; real motion too, where the treadmill set is at hand."""
    makes = {name: (make, MADE_FS_HZ) for name, make in KINDS.items()}
    if treadmill is not None:
        recordings = read_treadmill(treadmill)
        makes["recorded motion"] = (from_motion(recordings), FS_HZ)
        makes["recorded motion, accelerometer"] = (from_worn_motion(recordings), FS_HZ)
    return [
        try_pulseless(engine, engine.settings.min_quality, name, make, trials, fs_hz=fs_hz)
        for name, (make, fs_hz) in tqdm(makes.items(), desc="no pulse")
    ]

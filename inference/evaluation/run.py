"""The whole judgement: every recording of a part through the live windows, beside all controls."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.datasets.parts import load_part
from inference.datasets.prepared import PreparedRecord
from inference.datasets.windows import windows_of
from inference.engine import Engine
from inference.evaluation.cases import Case, load_cases, names_of
from inference.evaluation.chest import chest_rows, limb_projection
from inference.evaluation.controls import (
    Population,
    announced_mean_beat,
    constant,
    own_beat_true_peaks,
    population_true_peaks,
    pulse_calibrated,
    pulse_mean_beat,
)
from inference.evaluation.estimate import Estimate, moved_to
from inference.evaluation.figures.evidence import Evidence, evidence
from inference.evaluation.figures.summary import Judged, chest_amplitudes, set_figures
from inference.evaluation.personal import Personal, personal
from inference.evaluation.report import Report, SeamFigures
from inference.evaluation.score import Figures, score
from inference.evaluation.seams import border_steps, two_windows
from inference.evaluation.streamed import Streamed, stream_record
from inference.evaluation.tables import Row, summarise

__all__ = ["EvaluationSettings", "another_person", "evaluate"]

log = logging.getLogger(__name__)

_OWN, _PERSONAL = "p2es", "p2es, 30 s of own ECG"
_TWICE = 10  # recordings of each dataset of which every window is also asked for its predecessor's hop


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """data: folder of the open sets or a manifest. cache: of prepared recordings. part: train, calibration or test.
    limit: the first so many recordings of each dataset. jobs: processes for preparing and scoring."""

    data: Path
    cache: Path
    part: str = "test"
    limit: int | None = None
    jobs: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What one process needs to score a recording: the truth, and the engine's estimates by name; streamed and own are
    those without and with 30 s of own ECG, the latter None when it was refused."""

    record: PreparedRecord
    population: Population
    made: dict[str, Estimate]
    streamed: Streamed
    own: Streamed | None


def evaluate(engine: Engine, settings: EvaluationSettings) -> Report:
    """Judge the engine. Raises DataMissing when the part has no recording to judge."""
    cases = load_cases(settings.data, settings.cache, settings.part, settings.limit, settings.jobs)
    train = [record for _, record in load_part(settings.data, settings.cache, "train", settings.jobs)]
    population, projection = Population.of(train), limb_projection(train)
    del train
    streamed, differences = _stream_all(engine, cases)
    people, own_differences = _calibrate_all(engine, cases, streamed)
    estimates = _estimates(engine, cases, streamed)
    for made, own in zip(estimates, people, strict=True):
        made[_PERSONAL] = own.streamed.estimate
    tasks = [
        _Task(case.record, population, made, without, own.streamed if own.calibration else None)
        for case, made, without, own in zip(cases, estimates, streamed, people, strict=True)
    ]
    with ProcessPoolExecutor(settings.jobs, multiprocessing.get_context("spawn")) as pool:
        judged = list(tqdm(pool.map(_score_all, tasks), total=len(tasks), desc="score"))
    scored = [figures for figures, _ in judged]
    chest = _chest(engine, settings, population, projection)
    return Report(
        model_id=engine.model_id,
        part=settings.part,
        summaries={name: [summarise(row) for row in _rows(cases, scored, name)] for name in _datasets(cases)},
        records=dict(zip(names_of(cases), scored, strict=True)),
        seams={name: _seams(cases, streamed, scored, differences, name, _OWN) for name in _datasets(cases)},
        own_seams={
            name: _seams(cases, [one.streamed for one in people], scored, own_differences, name, _PERSONAL)
            for name in _datasets(cases)
        },
        calibrations={name: one.outcome for name, one in zip(names_of(cases), people, strict=True)},
        refused={
            name: sum(one.calibration is None for case, one in zip(cases, people, strict=True) if _is(case, name))
            for name in _datasets(cases)
        },
        chest=chest,
        figures={name: set_figures(_judged(cases, judged, name)) for name in _datasets(cases)},
        chest_amplitudes=chest_amplitudes(chest[0]) if chest else {},
        people={name: len({case.person for case in cases if case.entry.dataset == name}) for name in _datasets(cases)},
        windows={
            name: sum(int(case.record.usable.sum()) for case in cases if case.entry.dataset == name)
            for name in _datasets(cases)
        },
        population_people=population.people,
        population_delay_s=population.delay_s,
    )


def _is(case: Case, dataset: str) -> bool:
    return case.entry.dataset == dataset


def _datasets(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.entry.dataset for case in cases))


def _stream_all(engine: Engine, cases: Sequence[Case]) -> tuple[list[Streamed], dict[str, list[np.ndarray]]]:
    streamed: list[Streamed] = []
    differences: dict[str, list[np.ndarray]] = {name: [] for name in _datasets(cases)}
    for case in tqdm(cases, desc="infer"):
        windows = windows_of(case.entry)
        streamed.append(stream_record(engine, windows, case.record.n))
        if len(differences[case.entry.dataset]) < _TWICE:
            differences[case.entry.dataset].append(two_windows(engine, windows))
    return streamed, differences


def _calibrate_all(
    engine: Engine, cases: Sequence[Case], streamed: Sequence[Streamed]
) -> tuple[list[Personal], dict[str, list[np.ndarray]]]:
    people: list[Personal] = []
    differences: dict[str, list[np.ndarray]] = {name: [] for name in _datasets(cases)}
    for case, without in zip(tqdm(cases, desc="calibrate"), streamed, strict=True):
        windows = windows_of(case.entry)
        people.append(personal(engine, case, windows, without))
        if people[-1].calibration and len(differences[case.entry.dataset]) < _TWICE:
            differences[case.entry.dataset].append(two_windows(people[-1].engine, windows))
    return people, differences


def _estimates(engine: Engine, cases: Sequence[Case], streamed: Sequence[Streamed]) -> list[dict[str, Estimate]]:
    """The engine's estimate of each recording, and those that should be worse."""
    out = []
    for i, case in enumerate(tqdm(cases, desc="controls")):
        n, own = case.record.n, streamed[i].estimate
        made = {_OWN: own, "its own output, half a recording off": moved_to(own, n, n // 2)}
        other = another_person(cases, i)
        if other is not None:
            made["another person's PPG"] = moved_to(streamed[other].estimate, n)
            person = cases[other].entry.demographics
            if person != case.entry.demographics:
                made["another person's age and sex"] = stream_record(engine, windows_of(case.entry, person), n).estimate
        out.append(made)
    return out


def another_person(cases: Sequence[Case], i: int) -> int | None:
    """The next recording of the same dataset that is of somebody else."""
    for step in range(1, len(cases)):
        other = (i + step) % len(cases)
        if cases[other].entry.dataset == cases[i].entry.dataset and cases[other].person != cases[i].person:
            return other
    return None


def _score_all(task: _Task) -> tuple[dict[str, Figures], Evidence]:
    record, population = task.record, task.population
    made = dict(task.made)
    calibrated = made.pop(_PERSONAL)
    estimates = made | {
        "p2es beats, population's mean beat": announced_mean_beat(record, made[_OWN], population),
        "pulse, population's delay and mean beat": pulse_mean_beat(record, population),
        _PERSONAL: calibrated,
        "pulse, 30 s of own ECG for delay and mean beat": pulse_calibrated(record, population),
        "constant": constant(record),
        "oracle: population's mean beat at true R peaks": population_true_peaks(record, population),
        "oracle: own mean beat at true R peaks": own_beat_true_peaks(record, population),
    }
    scored = {name: score(record, estimate) for name, estimate in estimates.items()}
    return scored, evidence(record, task.streamed, task.own)


def _judged(cases: Sequence[Case], judged: Sequence[tuple[dict[str, Figures], Evidence]], dataset: str) -> list[Judged]:
    return [
        Judged(name, case.entry.subject, figures[_OWN].r_ii_lag, seen)
        for name, case, (figures, seen) in zip(names_of(cases), cases, judged, strict=True)
        if _is(case, dataset)
    ]


def _rows(cases: Sequence[Case], scored: Sequence[dict[str, Figures]], dataset: str) -> list[Row]:
    inside = [i for i, case in enumerate(cases) if case.entry.dataset == dataset]
    names = dict.fromkeys(name for i in inside for name in scored[i])
    rows = []
    for name in names:
        with_it = [i for i in inside if name in scored[i]]
        rows.append(Row(name, [scored[i][name] for i in with_it], [cases[i].entry.subject for i in with_it]))
    return rows


def _seams(
    cases: Sequence[Case],
    streamed: Sequence[Streamed],
    scored: Sequence[dict[str, Figures]],
    differences: dict[str, list[np.ndarray]],
    dataset: str,
    estimate: str,
) -> SeamFigures:
    inside = [i for i, case in enumerate(cases) if case.entry.dataset == dataset]
    steps = np.array([border_steps(streamed[i].estimate.leads_mv, streamed[i].borders) for i in inside])
    pooled = np.concatenate([np.zeros(0), *differences[dataset]])
    own = [scored[i][estimate] for i in inside]
    return SeamFigures(
        borders=int(steps[:, 0].sum()),
        large_share=float(steps[:, 1].sum() / max(1, steps[:, 0].sum())),
        compared=len(pooled),
        median_uv=float(np.median(pooled)) if len(pooled) else float("nan"),
        p99_uv=float(np.percentile(pooled, 99)) if len(pooled) else float("nan"),
        largest_uv=float(pooled.max()) if len(pooled) else float("nan"),
        beat_spread=float(np.nanmedian([one.beat_spread for one in own])),
        beat_spread_true=float(np.nanmedian([one.beat_spread_true for one in own])),
    )


def _chest(engine: Engine, settings: EvaluationSettings, population: Population, projection: np.ndarray):
    pairs = load_part(settings.data, settings.cache, settings.part, settings.jobs)
    whole = [one for entry, one in pairs if entry.ppg is None and np.isfinite(one.leads_mv).all()]
    return chest_rows(engine, whole[: settings.limit], population, projection) if whole else []

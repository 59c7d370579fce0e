"""The ablations judged: every row by the same code with one beat head, beside what needs no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from inference.datasets.parts import load_part
from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.errors import DataMissing
from inference.evaluation.ablation_rows import Way, control_rows, trained_rows
from inference.evaluation.cases import Case, load_cases, names_of
from inference.evaluation.chest import chest_row
from inference.evaluation.run import EvaluationSettings
from inference.evaluation.score import Figures, score
from inference.settings import EngineSettings
from inference.training.ablation import FULL, ROWS, RowSettings, trained_row
from inference.weights_file import Weights

__all__ = ["AblationReport", "AblationRow", "judge_ablations", "spread_out"]

_VERSION = 1  # raise when what is judged changes: figures that were kept are then ignored


@dataclass(frozen=True, slots=True, eq=False)
class AblationRow:
    """figures: by recording. chest: mean r of V1-V6 by 12-lead recording. Either is empty where the row has none.
    usage: see TrainedRow; NaN of what was not trained."""

    name: str
    figures: Mapping[str, Figures]
    chest: Mapping[str, float]
    usage: float


@dataclass(frozen=True, slots=True, eq=False)
class AblationReport:
    """model_id: of the model whose beat head announces. rows: the full one first. not_run: those that are not trained.
    subjects: of each dataset, by recording; chest_subjects: by 12-lead recording."""

    model_id: str
    part: str
    training: RowSettings
    engine: EngineSettings
    rows: Sequence[AblationRow]
    not_run: Sequence[str]
    subjects: Mapping[str, Mapping[str, str]]
    chest_subjects: Mapping[str, str]


def judge_ablations(
    head: Weights, settings: EngineSettings, rows: RowSettings, wanted: EvaluationSettings
) -> AblationReport:
    """Judge every row that is trained in rows.out; what was judged before is read from there. head: gives every row its
    beats. settings: of the engine; the typical beat is left out, so that the generator alone is judged. wanted.limit:
    of recordings with PPG of each dataset.

    Raises DataMissing when the full row is not trained or nothing can be judged, CheckpointUnusable."""
    settings = replace(settings, typical_share=0.0)
    torch.set_num_threads(settings.threads)
    train = [record for _, record in load_part(wanted.data, wanted.cache, "train", wanted.jobs)]
    trained = {name: row for name in ROWS if (row := trained_row(name, train, rows)) is not None}
    if FULL not in trained:
        raise DataMissing(f"the row '{FULL}' is not trained in {rows.out}, and the others are compared with it")
    cases = spread_out(load_cases(wanted.data, wanted.cache, wanted.part, jobs=wanted.jobs), wanted.limit)
    pairs = load_part(wanted.data, wanted.cache, wanted.part, wanted.jobs)
    whole = [one for entry, one in pairs if entry.ppg is None and np.isfinite(one.leads_mv).all()]
    ways = trained_rows(trained, head, settings, cases, whole)
    ways += control_rows(ways[0], cases, whole, train)
    subjects: dict[str, dict[str, str]] = {}
    for name, case in zip(names_of(cases), cases, strict=True):
        subjects.setdefault(case.entry.dataset, {})[name] = case.entry.subject
    return AblationReport(
        model_id=head.model_id,
        part=wanted.part,
        training=rows,
        engine=settings,
        rows=[_judged(way, cases, whole, rows.out / "judged") for way in ways],
        not_run=[name for name in ROWS if name not in trained],
        subjects=subjects,
        chest_subjects={one.name: one.subject for one in whole},
    )


def spread_out(cases: Sequence[Case], limit: int | None) -> list[Case]:
    """At most `limit` of each dataset, evenly over their order: the first ones alone would be of a kind, since CinC
    2015 names its recordings by alarm."""
    sets: dict[str, list[Case]] = {}
    for one in cases:
        sets.setdefault(one.entry.dataset, []).append(one)
    return [
        each[i]
        for each in sets.values()
        for i in np.unique(np.linspace(0, len(each) - 1, min(len(each), limit or len(each))).astype(int))
    ]


def _judged(way: Way, cases: Sequence[Case], whole: Sequence[PreparedRecord], folder: Path) -> AblationRow:
    """Judge a row, or read what it was judged to be under the same conditions."""
    path = folder / f"{''.join(sign if sign.isalnum() else '-' for sign in way.name)}.json"
    judged_on = fingerprint([*(case.record for case in cases), *whole])
    made_with = json.loads(json.dumps({"version": _VERSION, "recordings": judged_on, **way.made_with}))
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    if kept.get("made_with") != made_with:
        kept = {"made_with": made_with, "figures": _figures(way, cases), "chest": _chest(way, whole)}
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(kept))
        partial.replace(path)
    figures = {name: Figures(**each) for name, each in kept["figures"].items()}
    return AblationRow(way.name, figures, kept["chest"], way.usage)


def _figures(way: Way, cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    if way.estimate is None:
        return {}
    out = {}
    for i, name in enumerate(tqdm(names_of(cases), desc=way.name)):
        estimate = way.estimate(i)
        if estimate is not None:
            out[name] = asdict(score(cases[i].record, estimate))
    return out


def _chest(way: Way, whole: Sequence[PreparedRecord]) -> dict[str, float]:
    if way.chest is None or not whole:
        return {}
    places = {one.name: i for i, one in enumerate(whole)}
    make = way.chest
    row = chest_row(way.name, whole, lambda one: make(places[one.name]))
    return dict(zip(places, map(float, row.r[:, 2:].mean(1)), strict=True))

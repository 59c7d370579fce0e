"""Generators of equal seed and budget, each without one idea of P2Es: the rows of docs/ablations.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from inference.datasets.parts import load_part
from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.errors import CheckpointUnusable
from inference.generator import Generator, GeneratorConfig
from inference.training.generate import RATE, train_generator, usable_for_generator
from inference.training.loop import LoopSettings
from inference.weights_file import Weights, load_weights, save_weights

__all__ = ["FULL", "ROWS", "STEPS", "RowSettings", "TrainedRow", "row_folder", "train_row", "train_rows", "trained_row"]

FULL = "full"
ROWS: Mapping[str, GeneratorConfig] = {
    FULL: GeneratorConfig(),
    "no blur": GeneratorConfig(blur=0.0),
    "blur only": GeneratorConfig(use_noise=False),
    "no dilation": GeneratorConfig(use_dilation=False),
    "no affinity": GeneratorConfig(use_affinity=False),
    "affinity without demographics": GeneratorConfig(use_demographics=False),
    "without contrastive loss": GeneratorConfig(use_contrastive=False),
    "no beat head": GeneratorConfig(use_beats=False),
}
STEPS = 1500  # what the full row does in 15 minutes on one thread (0.57 s a step), reading the recordings included


@dataclass(frozen=True, slots=True)
class RowSettings:
    """out: a folder for each row is made in it. steps, seed: of every row. threads: of torch."""

    out: Path
    steps: int = STEPS
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRow:
    """weights_id: of the folder it was read from. lead_scale: (8,) mV. usage: entropy of how the training batches fell
    on the groups, over its largest value; 1 when all are used alike."""

    weights_id: str
    generator: Generator
    lead_scale: np.ndarray
    usage: float


def row_folder(name: str, settings: RowSettings) -> Path:
    """Where a row's checkpoint, log, plot and weights are."""
    return settings.out / name.replace(" ", "-")


def train_rows(
    names: Sequence[str], data: Path, cache: Path, settings: RowSettings, beside: Weights, jobs: int
) -> dict[str, TrainedRow]:
    """Train the named rows, one after another, on the train part of `data`. See `train_row`."""
    torch.set_num_threads(settings.threads)
    records = [record for _, record in load_part(data, cache, "train", jobs)]
    return {name: train_row(name, records, settings, beside) for name in names}


def train_row(name: str, records: Sequence[PreparedRecord], settings: RowSettings, beside: Weights) -> TrainedRow:
    """Train a row of ROWS on the train part, going on where an earlier run stopped; one that is whole is only read.
    beside: whose beat head and typical beat make its weights a model that the engine can load.

    Raises DataMissing and CheckpointUnusable."""
    found = trained_row(name, records, settings)
    if found is not None:
        return found
    folder = row_folder(name, settings)
    loop = LoopSettings(settings.steps, RATE, settings.seed)
    generator, scale = train_generator(records, folder, loop, ROWS[name])
    save_weights(folder / "weights", beside.head, generator, scale, beside.typical.beat_mv)
    lines = (folder / "generator.jsonl").read_text().splitlines()
    usage = json.loads(lines[-1])["usage"] if lines else float("nan")
    facts = _made_with(name, records, settings) | {"usage": usage}
    _facts_file(name, settings).write_text(json.dumps(facts, indent=1) + "\n")  # last: with it the row is done
    return _read(name, settings, usage)


def trained_row(name: str, records: Sequence[PreparedRecord], settings: RowSettings) -> TrainedRow | None:
    """A row that was trained before, None when there is none. Raises CheckpointUnusable when it was trained on other
    recordings or with other settings, WeightsMissing or WeightsCorrupt when its weights are not what they were."""
    path = _facts_file(name, settings)
    if not path.exists():
        return None
    wanted = _made_with(name, records, settings)
    try:
        facts = json.loads(path.read_text())
        # a switch that came later was on
        before = facts | {"generator": GeneratorConfig(**facts["generator"]).as_dict()}
        differing = [f"{key} was {before[key]}, is {wanted[key]}" for key in wanted if before[key] != wanted[key]]
        usage = float(facts["usage"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointUnusable(f"{path} is damaged: delete it, and the row goes on from its checkpoint") from error
    if differing:
        raise CheckpointUnusable(
            f"{path.parent} was trained with something else ({'; '.join(differing)}): go on with that, or name another "
            "--out"
        )
    return _read(name, settings, usage)


def _made_with(name: str, records: Sequence[PreparedRecord], settings: RowSettings) -> dict:
    return {
        "steps": settings.steps,
        "seed": settings.seed,
        "generator": ROWS[name].as_dict(),
        "recordings": fingerprint(usable_for_generator(records)),
    }


def _facts_file(name: str, settings: RowSettings) -> Path:
    return row_folder(name, settings) / "row.json"


def _read(name: str, settings: RowSettings, usage: float) -> TrainedRow:
    weights = load_weights(row_folder(name, settings) / "weights")
    return TrainedRow(weights.model_id, weights.generator, weights.lead_scale, usage)

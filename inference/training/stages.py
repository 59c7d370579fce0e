"""All of training, in order: prepare, beat head, generator, its student, the weights that ship, a heart or a limb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from inference.datasets.parts import load_part
from inference.folders import ready_for_output
from inference.generator import GeneratorConfig
from inference.training.beats import train_beats
from inference.training.crops import require_leads
from inference.training.distil import train_student
from inference.training.generate import RATE, train_generator, usable_for_generator
from inference.training.loop import LoopSettings
from inference.training.monitor_delay import fit_monitor_delay
from inference.training.swing import fit_swing
from inference.training.typical import typical_beat
from inference.weights_file import save_weights

__all__ = ["TrainSettings", "train"]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """data: folder with bidmc/, cinc2015/, ptbxl/, or a manifest (.csv). out: checkpoints, cache, logs, weights."""

    data: Path
    out: Path
    beat_steps: int = 8000
    generator_steps: int = 2400
    student_steps: int = 600
    seed: int = 0
    threads: int = 2
    generator: GeneratorConfig = GeneratorConfig()


def train(settings: TrainSettings) -> str:
    """Run every stage, going on where an earlier run stopped. Returns the model id.

    Raises, before anything is prepared, OutputUnusable and ManifestUnusable; then DataMissing, CheckpointUnusable."""
    ready_for_output(settings.out)
    torch.set_num_threads(settings.threads)
    pairs = load_part(settings.data, settings.out / "prepared", "train", jobs=2)
    records = [record for _, record in pairs]
    require_leads(usable_for_generator(records))  # before the beat head's minutes, not after them
    delay = fit_monitor_delay(pairs)
    if delay:
        delay.write(settings.out / "monitor_delay.json")
    head = train_beats(records, settings.out, LoopSettings(settings.beat_steps, 3e-3, settings.seed))
    generator, scale = train_generator(
        records, settings.out, LoopSettings(settings.generator_steps, RATE, settings.seed), settings.generator
    )
    # batches of half the size: the teacher's eight calls are most of a step
    distilling = LoopSettings(settings.student_steps, 1e-3, settings.seed, batch=16, ema=0.99)
    student = train_student(records, settings.out, distilling, generator, scale)
    model_id = save_weights(settings.out / "weights", head, generator, scale, typical_beat(records), student)
    swing = fit_swing(pairs, settings.out / "weights", settings.seed)
    if swing:
        swing.write(settings.out / "swing.json")
    return model_id

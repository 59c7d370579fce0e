"""The student's stage: the generator's denoiser, taught to give in one and in two calls what eight of its own give.

Teacher and student start from the same noise, at the temperature that serves: the student is meant for no other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.crop import Person
from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.denoiser import Denoiser
from inference.diffusion import filtered
from inference.generator import Generator
from inference.model_folder import sha256
from inference.samplers import dpmpp_2m
from inference.settings import EngineSettings
from inference.training.crops import CropSampler
from inference.training.generate import emphasis, masked, mixed_person, usable_for_generator
from inference.training.loop import LoopSettings, Stage, run_loop
from inference.weights_file import network_bytes

__all__ = ["Distillation", "train_student"]

_TEACHER_CALLS = 8


class Distillation:
    """The loss, and the order of a batch's tensors. temperature: factor on the noise."""

    keys = ("mask", "channels", "person", "shapes", "beat", "beat_mask")

    def __init__(self, sampler: CropSampler, teacher: Generator, temperature: float) -> None:
        self.sampler, self.teacher, self.temperature = sampler, teacher, temperature

    def draw(self, rng: np.random.Generator, batch: int) -> list[Tensor]:
        """One batch in the order of `keys`."""
        arrays = self.sampler(rng, batch)
        return [torch.from_numpy(arrays[key]) for key in self.keys]

    def __call__(self, model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Denoiser)
        mask, channels, vector, shapes, beat, beat_mask = batch
        noise = self.temperature * torch.randn_like(mask)
        with torch.no_grad():
            own_code = self.teacher.encoder(beat * beat_mask[:, :, None], beat_mask)
            person, _ = mixed_person(self.teacher, vector, shapes, own_code)
            wanted = answers(self.teacher.denoiser, noise, channels, person, _TEACHER_CALLS)[-1]
        one, two = (each - wanted for each in answers(model, noise, channels, person, 2))
        weight = mask * emphasis(channels)
        first, second = masked(one, weight), masked(two, weight)
        # not in the loss: whether what the student gives drifts off on leads that the recordings lack
        others = masked(two.detach(), (1 - mask) * emphasis(channels))
        return first + second, {"one call": first.item(), "two calls": second.item(), "other leads": others.item()}


def answers(denoiser: Denoiser, noise: Tensor, channels: Tensor, person: Person, calls: int) -> list[Tensor]:
    """The clean leads of each call of one sampling; no gradient goes from a call to those before it. The last is the
    sample. The first is that of sampling in one call: every grid begins at the same time."""
    told, given = denoiser.tell(channels, person), []

    def denoise(z: Tensor, t: Tensor) -> Tensor:
        given.append(filtered(*denoiser.estimate(z, t, told)))
        return given[-1].detach()

    dpmpp_2m(denoise, denoiser.process, [noise], denoiser.process.grid(calls))
    return given


def train_student(
    records: Sequence[PreparedRecord], out: Path, settings: LoopSettings, teacher: Generator, scale: np.ndarray
) -> Denoiser:
    """Train on the crops that the teacher was trained on. scale: (8,) mV, the teacher's. Returns the moving average.
    Raises CheckpointUnusable (see run_loop)."""
    chosen, temperature = usable_for_generator(records), EngineSettings().temperature
    objective = Distillation(CropSampler(chosen, scale), teacher, temperature)
    made_with = {
        "teacher": sha256(network_bytes(teacher)),
        "temperature": temperature,
        "recordings": fingerprint(chosen),
    }
    trained = run_loop(
        copy.deepcopy(teacher.denoiser), objective.draw, objective, settings, Stage("student", out, made_with)
    )
    assert isinstance(trained, Denoiser)
    return trained

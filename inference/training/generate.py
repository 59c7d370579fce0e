"""The generator's stage: denoising, deblurring, grouping people, and the band, trained together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.affinity import Grouping, contrastive_loss
from inference.crop import Person
from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.diffusion import dct, idct
from inference.generator import Generator, GeneratorConfig
from inference.training.beats import aligned
from inference.training.crops import CropSampler, lead_scale
from inference.training.loop import LoopSettings, Stage, run_loop

__all__ = ["RATE", "emphasis", "masked", "mixed_person", "train_generator", "usable_for_generator"]

RATE = 2e-3  # peak learning rate
_QUANTILES = (0.1, 0.9)


def usable_for_generator(records: Sequence[PreparedRecord]) -> list[PreparedRecord]:
    """Aligned recordings with PPG, and those without PPG."""
    return [*aligned(records), *(one for one in records if not len(one.ppg) and one.usable.any())]


class Objective:
    """The loss, and the order of a batch's tensors."""

    keys = ("leads", "mask", "channels", "person", "shapes", "beat", "beat_mask")

    def __init__(self, sampler: CropSampler, contrastive: bool) -> None:
        self.sampler, self.contrastive = sampler, contrastive

    def draw(self, rng: np.random.Generator, batch: int) -> list[Tensor]:
        """One batch in the order of `keys`."""
        arrays = self.sampler(rng, batch)
        return [torch.from_numpy(arrays[key]) for key in self.keys]

    def __call__(self, model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Generator)
        leads, mask, channels, vector, shapes, beat, beat_mask = batch
        own_code = model.encoder(beat * beat_mask[:, :, None], beat_mask)
        person, grouping = mixed_person(model, vector, shapes, own_code)
        t = torch.rand(len(leads)) * 0.998 + 0.001
        z = model.process.diffuse(leads, t, torch.randn_like(leads))
        blurred, clean = model.denoiser(z, t, channels, person)
        weight = mask * emphasis(channels)
        target = idct(model.process.heat(t, leads.shape[-1]) * dct(leads))
        first, second = masked(blurred - target, weight), masked(clean - leads, weight)
        band = self._pinball(model, channels, person, leads, mask)
        pull = (grouping.code.view(len(leads), -1, own_code.shape[1]) - own_code.detach()[:, None]).square().mean()
        groups = self._contrast(grouping.embedding[1::4], vector, beat, beat_mask)
        loss = second + 0.5 * first + 0.5 * band + 0.1 * pull + 0.1 * groups
        usage = grouping.weights.detach().mean(0)
        entropy = -(usage * (usage + 1e-9).log()).sum() / np.log(len(usage))
        figures = {"clean": second, "blurred": first, "band": band, "code": pull, "groups": groups, "usage": entropy}
        return loss, {key: value.item() for key, value in figures.items()}

    def _contrast(self, embedding: Tensor, vector: Tensor, beat: Tensor, mask: Tensor) -> Tensor:
        if not self.contrastive:
            return embedding.sum() * 0
        both = mask[:, None] * mask[None]
        apart = ((beat[:, None] - beat[None]).square().mean(3) * both).sum(2) / both.sum(2).clamp(min=1)
        people = (vector[:, None] - vector[None]).square().sum(2)
        return contrastive_loss(embedding, -(apart + 0.5 * people))

    def _pinball(self, model: Generator, channels: Tensor, person, leads: Tensor, mask: Tensor) -> Tensor:
        told = type(person)(person.code.detach(), person.vector, person.affinity)
        error = leads[:, 1:2] - model.band(channels, told)
        q = torch.tensor(_QUANTILES)[:, None]
        return masked(torch.maximum(q * error, (q - 1) * error), mask[:, 1:2].expand(-1, 2, -1), square=False)


def mixed_person(model: Generator, vector: Tensor, shapes: Tensor, own_code: Tensor) -> tuple[Person, Grouping]:
    """Half of the time with the person's own code (batch, 16) from another stretch, half with the group's prototype."""
    person, grouping = model.person(vector, shapes)
    own = (torch.rand(len(vector)) < 0.5)[:, None, None]
    return Person(torch.where(own, own_code[:, None], person.code), person.vector, person.affinity), grouping


def emphasis(channels: Tensor) -> Tensor:
    """(batch, 1, n): what an error weighs, five times as much at an R peak."""
    return 1 + 4 * torch.exp(-0.5 * (torch.log(channels[:, :1] + 1e-9) * 2 * 0.016**2 / 0.04**2).abs())


def masked(error: Tensor, weight: Tensor, square: bool = True) -> Tensor:
    """Weighted mean of the errors, or of their squares."""
    each = error.square() if square else error
    return (each * weight).sum() / weight.sum().clamp(min=1)


def train_generator(
    records: Sequence[PreparedRecord], out: Path, settings: LoopSettings, config: GeneratorConfig
) -> tuple[Generator, np.ndarray]:
    """Train on the train part. Returns the moving average and the lead scale (8,) in mV. Raises DataMissing when no
    recording has one of the leads, CheckpointUnusable (see run_loop)."""
    chosen = usable_for_generator(records)
    scale = lead_scale(chosen)
    sampler = CropSampler(chosen, scale)
    torch.manual_seed(settings.seed)
    model = Generator(config)
    beats = np.nan_to_num(sampler.population)
    model.groups.start_from(torch.from_numpy(np.cov(beats).astype(np.float32)))
    objective = Objective(sampler, config.use_contrastive)
    stage = Stage("generator", out, {"generator": config.as_dict(), "recordings": fingerprint(chosen)})
    trained = run_loop(model, objective.draw, objective, settings, stage)
    assert isinstance(trained, Generator)
    return trained, scale

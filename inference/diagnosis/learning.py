"""A network as a predictor for cross-validation: drawn from the recordings it may see, trained by the common loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.diagnosis.crossval import Fit
from inference.diagnosis.examples import Example
from inference.diagnosis.network import BeatNetwork, StripNetwork
from inference.diagnosis.regression import Standard
from inference.training.loop import LoopSettings, Stage, run_loop

__all__ = ["DESIGNS", "Design", "Shown", "network", "together"]

_CROP = 1024  # of a strip's samples: training never shows the whole
_WIDEST = 4.0
_SHIFT = 3  # samples that a beat is moved to either side


@dataclass(frozen=True, slots=True)
class Design:
    """strip: the whole strip is read, not the median beat. steps: of training. distorted: amplitude, noise, wandering
    baseline and lost leads in training. networks: of different seeds, averaged."""

    strip: bool = False
    steps: int = 300
    distorted: bool = True
    networks: int = 1


DESIGNS: Mapping[str, Design] = {
    "median beat": Design(),
    "median beat, undistorted": Design(distorted=False),
    "median beat, mean of three seeds": Design(networks=3),
    "strip of 10 s": Design(strip=True, steps=400),
}


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a network is shown of each recording. columns: (n, k) numbers beside the ECG, NaN where unknown."""

    examples: Sequence[Example]
    columns: np.ndarray


def network(shown: Shown, truth: np.ndarray, design: Design, out: Path, asked: Shown | None = None) -> Fit:
    """Trains on `shown`, and answers about `asked` (the same recordings by another way), if given. truth: (n, classes)
    bool. out: for checkpoints; an interrupted training goes on, a finished one is not repeated."""
    folder = out / _digest(shown, truth, design)

    def fit(train: np.ndarray, name: str) -> Callable[[np.ndarray], np.ndarray]:
        scaling = _Scaling.of(shown, train)
        draw = _Sampler(shown, truth, design, scaling, train)
        settings = [LoopSettings(design.steps, 3e-3, seed, decay=1e-2) for seed in range(design.networks)]
        trained = [
            run_loop(_made(shown, truth, design, one), draw, _loss, one, Stage(f"{name}-{one.seed}", folder))
            for one in settings
        ]

        @torch.inference_mode()
        def predict(wanted: np.ndarray) -> np.ndarray:
            return np.stack([_told(trained, asked or shown, one, design, scaling) for one in wanted])

        return predict

    return fit


def together(fits: Sequence[Fit]) -> Fit:
    """The mean of what several say."""

    def fit(train: np.ndarray, name: str) -> Callable[[np.ndarray], np.ndarray]:
        each = [one(train, name) for one in fits]
        return lambda wanted: np.mean([predict(wanted) for predict in each], 0)

    return fit


@dataclass(frozen=True, slots=True, eq=False)
class _Scaling:
    """Of the recordings learnt from. leads_mv: amplitudes (leads, 1). standard: of the columns."""

    leads_mv: np.ndarray
    standard: Standard

    @classmethod
    def of(cls, shown: Shown, train: np.ndarray) -> _Scaling:
        beats = np.stack([shown.examples[i].beat_mv for i in train])
        size = np.sqrt((beats**2).mean((0, 2)))[:, None]
        return cls(np.where(size > 0, size, 1.0), Standard.of(shown.columns[train]))

    def columns(self, values: np.ndarray) -> np.ndarray:
        """Standardised, within four spreads."""
        return np.clip(self.standard(values), -_WIDEST, _WIDEST)


class _Sampler:
    """Draws training batches: another choice of a recording's beats, or another crop of its strip, every time."""

    def __init__(self, shown: Shown, truth: np.ndarray, design: Design, scaling: _Scaling, train: np.ndarray) -> None:
        self.shown, self.truth, self.design, self.scaling, self.train = shown, truth, design, scaling, train

    def __call__(self, rng: np.random.Generator, batch: int) -> list[Tensor]:
        """shown (batch, leads, m), columns (batch, k), truth (batch, classes)."""
        drawn = rng.choice(self.train, batch)
        views = np.stack([self._view(self.shown.examples[i], rng) for i in drawn])
        columns = self.scaling.columns(self.shown.columns[drawn])
        columns = columns + rng.normal(0, 0.1, columns.shape)
        return [torch.from_numpy(part.astype(np.float32)) for part in (views, columns, self.truth[drawn])]

    def _view(self, example: Example, rng: np.random.Generator) -> np.ndarray:
        if self.design.strip:
            strip = example.strips_mv[rng.integers(len(example.strips_mv))]
            first = rng.integers(strip.shape[1] - _CROP)
            view = strip[:, first : first + _CROP]
        else:
            count = len(example.cuts_mv)
            some = rng.choice(count, rng.integers(1, count + 1), replace=False)
            view = np.roll(np.median(example.cuts_mv[some], 0), rng.integers(-_SHIFT, _SHIFT + 1), 1)
        view = view / self.scaling.leads_mv
        return _distorted(view, rng) if self.design.distorted else view


def _distorted(view: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    view = view * np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.07, (len(view), 1)))
    if rng.random() < 0.5:
        view = view + rng.normal(0, 0.005) * np.cumsum(rng.normal(0, 1, view.shape), 1)
    view = view + rng.normal(0, 0.05, view.shape)
    if len(view) > 2 and rng.random() < 0.2:
        view[rng.integers(len(view))] = 0.0
    return view


def _made(shown: Shown, truth: np.ndarray, design: Design, settings: LoopSettings) -> nn.Module:
    torch.manual_seed(settings.seed)  # run_loop's own seed comes after the first weights
    kind = StripNetwork if design.strip else BeatNetwork
    return kind(len(shown.examples[0].beat_mv), shown.columns.shape[1], truth.shape[1])


def _loss(model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
    shown, columns, truth = batch
    loss = nn.functional.binary_cross_entropy_with_logits(model(shown, columns), truth)
    return loss, {"loss": loss.item()}


def _told(trained: Sequence[nn.Module], asked: Shown, one: int, design: Design, scaling: _Scaling) -> np.ndarray:
    """(classes,) mean probability over strips and networks."""
    example = asked.examples[one]
    views = (example.strips_mv if design.strip else example.beat_mv[None]) / scaling.leads_mv
    columns = np.tile(scaling.columns(asked.columns[one]), (len(views), 1))
    inputs = [torch.from_numpy(part.astype(np.float32)) for part in (views, columns)]
    return np.mean([torch.sigmoid(model(*inputs)).mean(0).numpy() for model in trained], 0)


def _digest(shown: Shown, truth: np.ndarray, design: Design) -> str:
    """Names a training's folder: other data, labels or design are trained anew."""
    digest = hashlib.sha256(repr(replace(design, networks=1)).encode())  # a seed has a file of its own
    for one in shown.examples:
        digest.update((one.strips_mv if design.strip else one.cuts_mv).tobytes())
    digest.update(shown.columns.tobytes())
    digest.update(truth.tobytes())
    return digest.hexdigest()[:16]

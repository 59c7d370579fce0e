"""One training loop for every stage: seeded by step, checkpointed with the optimiser, resumable at any minute.

Batches are a function of (seed, step): a run that was killed and continued sees the data of one that was not."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from inference.training.checkpoint import load_checkpoint, save_checkpoint
from inference.training.losses import draw_losses

__all__ = ["LoopSettings", "Stage", "run_loop"]

log = logging.getLogger(__name__)

_EVERY = 50  # steps between two lines of the log


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """steps: optimiser steps of the stage. rate: peak learning rate of the one-cycle schedule."""

    steps: int
    rate: float
    seed: int = 0
    batch: int = 32
    decay: float = 1e-4
    ema: float = 0.998
    save_every_s: float = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """name: of the files NAME.ckpt, .jsonl and .svg in `out`. made_with: beside the settings, what a checkpoint must
    have been made with to be gone on from: the network's configuration, the recordings."""

    name: str
    out: Path
    made_with: Mapping[str, Any] = field(default_factory=dict)

    def file(self, suffix: str) -> Path:
        """OUT/NAME and the suffix."""
        return self.out / f"{self.name}{suffix}"


def run_loop(
    model: nn.Module,
    draw: Callable[[np.random.Generator, int], list[Tensor]],
    loss_of: Callable[[nn.Module, list[Tensor]], tuple[Tensor, dict[str, float]]],
    settings: LoopSettings,
    stage: Stage,
) -> nn.Module:
    """Train `model` and return its moving average, in eval mode.

    draw(rng, batch) gives one batch; loss_of(model, batch) the loss and figures for the log. With a checkpoint of the
    same settings there, training goes on from it; the result is that of a run that was never stopped, to the last bit
    on one thread. The plot is drawn anew whenever a checkpoint is written.

    Raises CheckpointUnusable when the checkpoint there is damaged or of other settings."""
    stage.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    average = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.steps, pct_start=0.15)
    parts = {"model": model, "average": average, "optimiser": optimiser, "schedule": schedule}
    made_with = _matters(settings) | dict(stage.made_with)
    progress = load_checkpoint(stage.file(".ckpt"), parts, made_with) or {"step": 0, "smooth": {}}
    step, smooth = progress["step"], progress["smooth"]
    if step:
        log.info("going on from step %d of %s", step, stage.file(".ckpt"))
    saved_at = time.monotonic()
    with (
        _journal(stage.file(".jsonl"), step) as journal,
        tqdm(total=settings.steps, initial=step, desc=stage.name, mininterval=5) as bar,
    ):
        while step < settings.steps:
            model.train()
            rng = np.random.default_rng((settings.seed, step))
            torch.manual_seed(int(rng.integers(2**31)))
            loss, figures = loss_of(model, draw(rng, settings.batch))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            step += 1
            _follow(average, model, min(settings.ema, step / (step + 10)))
            for key, value in figures.items():
                smooth[key] = 0.98 * smooth.get(key, value) + 0.02 * value
            bar.update()
            if step % _EVERY == 0:
                bar.set_postfix({key: f"{value:.4f}" for key, value in smooth.items()})
                journal.write(json.dumps({"step": step, **smooth}) + "\n")
                journal.flush()
            if time.monotonic() - saved_at > settings.save_every_s or step == settings.steps:
                save_checkpoint(stage.file(".ckpt"), parts, made_with, {"step": step, "smooth": smooth})
                draw_losses(stage.file(".jsonl"), stage.file(".svg"))
                saved_at = time.monotonic()
    return average.eval()


def _matters(settings: LoopSettings) -> dict[str, Any]:
    """What decides the result; how often it is saved does not."""
    return {name: value for name, value in asdict(settings).items() if name != "save_every_s"}


def _journal(path: Path, step: int) -> TextIO:
    """The log, opened to go on at `step`: what a killed run wrote after its checkpoint is done, and written, again."""
    lines = path.read_text().splitlines(keepends=True) if step and path.exists() else []
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    path.write_text("".join(kept))
    return path.open("a")


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)

"""One training loop for every stage: seeded by step, checkpointed with the optimiser, resumable at any minute.

Batches are a function of (seed, step): a run that was killed and continued sees the data of one that was not."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

__all__ = ["LoopSettings", "run_loop"]

log = logging.getLogger(__name__)


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


def run_loop(
    model: nn.Module,
    draw: Callable[[np.random.Generator, int], list[Tensor]],
    loss_of: Callable[[nn.Module, list[Tensor]], tuple[Tensor, dict[str, float]]],
    settings: LoopSettings,
    out: Path,
    name: str,
) -> nn.Module:
    """Train `model` and return its moving average, in eval mode.

    draw(rng, batch) gives one batch; loss_of(model, batch) the loss and figures for the log. The checkpoint is
    out/NAME.ckpt, the log out/NAME.jsonl; with a checkpoint of the same settings there, training goes on from it."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    average = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.steps, pct_start=0.15)
    parts = {"model": model, "average": average, "optimiser": optimiser, "schedule": schedule}
    checkpoint = out / f"{name}.ckpt"
    step = _resume(checkpoint, parts, settings)
    saved_at = time.monotonic()
    smooth: dict[str, float] = {}
    with (
        (out / f"{name}.jsonl").open("a") as journal,
        tqdm(total=settings.steps, initial=step, desc=name, mininterval=5) as bar,
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
            if step % 50 == 0:
                bar.set_postfix({key: f"{value:.4f}" for key, value in smooth.items()})
                journal.write(json.dumps({"step": step, **smooth}) + "\n")
                journal.flush()
            if time.monotonic() - saved_at > settings.save_every_s or step == settings.steps:
                _save(checkpoint, parts, settings, step)
                saved_at = time.monotonic()
    return average.eval()


def _resume(checkpoint: Path, parts: dict, settings: LoopSettings) -> int:
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    if state["settings"] != asdict(settings):
        log.warning("%s was made with other settings: starting anew", checkpoint.name)
        return 0
    for key, part in parts.items():
        part.load_state_dict(state[key])
    log.info("going on from step %d of %s", state["step"], checkpoint.name)
    return state["step"]


def _save(checkpoint: Path, parts: dict, settings: LoopSettings, step: int) -> None:
    state = {key: part.state_dict() for key, part in parts.items()}
    partial = checkpoint.with_suffix(".part")
    torch.save({**state, "settings": asdict(settings), "step": step}, partial)
    partial.replace(checkpoint)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)

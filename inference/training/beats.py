"""The beat head's stage: windows of aligned recordings, distorted as a wearable would, and their R-peak raster."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inference.beat_head import beat_features, normalise
from inference.beat_network import BeatHead
from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.errors import DataMissing
from inference.training.loop import LoopSettings, Stage, run_loop
from inference.training.wearing import distort, lose, without_pulse
from stream.messages import GRID_FS_HZ

__all__ = ["RASTER_SD_S", "aligned", "raster", "train_beats"]

log = logging.getLogger(__name__)

RASTER_SD_S = 0.026
_WINDOW = 10 * GRID_FS_HZ
# the loss counts where a live window owns samples or lends them: with full context on either side
_COUNTED = slice(3 * GRID_FS_HZ, _WINDOW - int(1.3 * GRID_FS_HZ))
_MIN_F1, _MIN_WINDOWS = 0.5, 6
# of the windows: light without a pulse, in which no beat is to be found; and a pulse that is there for a part only
_PULSELESS, _LOST = 0.15, 0.06
_BORDER = GRID_FS_HZ // 2  # about the moment at which it comes or goes nothing is asked


def aligned(records: Sequence[PreparedRecord]) -> list[PreparedRecord]:
    """Recordings whose PPG explains their beats: the others would teach noise."""
    return [one for one in records if one.lag_f1 > _MIN_F1 and one.usable.sum() >= _MIN_WINDOWS]


def _counts(records: Sequence[PreparedRecord], kept: Sequence[PreparedRecord]) -> str:
    with_ppg = [one for one in records if len(one.ppg)]
    short = sum(one.usable.sum() < _MIN_WINDOWS for one in with_ppg)
    astray = len(with_ppg) - len(kept) - short
    return (
        f"{len(kept)} of {len(with_ppg)} recordings with PPG can teach beats; left out: {short} with less than "
        f"{10 * _MIN_WINDOWS} s of trusted ECG, {astray} whose pulses do not follow the beats"
    )


def raster(times_s: np.ndarray, n: int) -> np.ndarray:
    """(n,) float32 on the grid: a Gaussian of height 1 at each time, the higher where two meet."""
    grid = np.arange(n) / GRID_FS_HZ
    out = np.zeros(n, np.float32)
    for time in times_s:
        near = slice(max(0, int((time - 0.12) * GRID_FS_HZ)), max(0, int((time + 0.12) * GRID_FS_HZ) + 2))
        out[near] = np.maximum(out[near], np.exp(-0.5 * ((grid[near] - time) / RASTER_SD_S) ** 2))
    return out


class Sampler:
    """Draws training windows. Each recording's pulse is normalised once."""

    def __init__(self, records: Sequence[PreparedRecord]) -> None:
        self.records = list(records)
        self.pulses = [normalise(one.ppg, one.scale) for one in self.records]
        weight = np.array([one.usable.sum() * (1.5 if one.dataset == "bidmc" else 1.0) for one in self.records], float)
        self.weight = weight / weight.sum()

    def __call__(self, rng: np.random.Generator, batch: int) -> list[Tensor]:
        """features (batch, 3, 1280), raster (batch, 1280), mask (batch, 1280)."""
        drawn = [self._window(rng) for _ in range(batch)]
        pulse, target, mask = (np.stack(part) for part in zip(*drawn, strict=True))
        features = beat_features(pulse, np.ones_like(pulse))
        return [torch.from_numpy(features), torch.from_numpy(target), torch.from_numpy(mask)]

    def _window(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if rng.random() < _PULSELESS:
            everywhere = np.zeros(_WINDOW, np.float32)
            everywhere[_COUNTED] = 1.0
            return without_pulse(_WINDOW, rng), np.zeros(_WINDOW, np.float32), everywhere
        which = rng.choice(len(self.records), p=self.weight)
        record, pulse = self.records[which], self.pulses[which]
        stretch = np.exp(rng.uniform(-0.4, 0.4)) if rng.random() < 0.7 else 1.0
        span = 10 * stretch
        centre = 10 * rng.choice(np.flatnonzero(record.usable)) + rng.uniform(0, 10)
        start = np.clip(centre - span / 2, 0, max(0.0, record.n / GRID_FS_HZ - span - record.lag_s - 0.1))
        times = start + np.arange(_WINDOW) / GRID_FS_HZ * stretch
        seen = np.interp((times + record.lag_s) * GRID_FS_HZ, np.arange(len(pulse)), pulse)
        target = raster((record.beats_s[(record.beats_s > start - 1)] - start) / stretch, _WINDOW)
        window = np.minimum((times // 10).astype(int), len(record.usable) - 1)
        mask = np.zeros(_WINDOW, np.float32)
        mask[_COUNTED] = record.usable[window][_COUNTED]
        seen = distort(seen, rng)
        if rng.random() < _LOST:
            seen, gone = lose(seen, rng)
            target[gone] = 0.0
            edge = int(np.flatnonzero(np.diff(gone))[0])
            mask[max(0, edge - _BORDER) : edge + _BORDER] = 0.0
        return seen.astype(np.float32), target, mask


def _loss(model: nn.Module, batch: list[Tensor]) -> tuple[Tensor, dict[str, float]]:
    features, target, mask = batch
    each = nn.functional.binary_cross_entropy_with_logits(model(features), target, reduction="none")
    loss = (each * (1 + 3 * target) * mask).sum() / mask.sum().clamp(min=1)
    return loss, {"loss": loss.item()}


def train_beats(records: Sequence[PreparedRecord], out: Path, settings: LoopSettings) -> BeatHead:
    """Train the beat head on recordings of the train part. Returns its moving average.

    Raises DataMissing when no recording's pulses follow its beats, CheckpointUnusable (see run_loop)."""
    chosen = aligned(records)
    if not chosen:
        raise DataMissing(f"nothing to train on: {_counts(records, chosen)}")
    log.info("%s", _counts(records, chosen))
    stage = Stage("beats", out, {"recordings": fingerprint(chosen)})
    torch.manual_seed(settings.seed)  # a run killed before its first checkpoint begins from the same head
    head = run_loop(BeatHead(), Sampler(chosen), _loss, settings, stage)
    assert isinstance(head, BeatHead)
    return head

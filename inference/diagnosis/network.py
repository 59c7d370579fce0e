"""Two small networks that tell diagnoses from an ECG: one reads the median beat, the other the strip of 10 s."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.diagnosis.examples import BEAT

__all__ = ["BeatNetwork", "StripNetwork"]


class BeatNetwork(nn.Module):
    """(batch, leads, BEAT) median beats and (batch, columns) numbers beside them -> (batch, classes) logits.

    Where in the beat something stands is what it means, so places are kept rather than pooled away."""

    def __init__(self, leads: int, columns: int, classes: int, width: int = 32) -> None:
        super().__init__()
        self.shape = nn.Sequential(
            *_convolved(leads, width, 7),
            nn.MaxPool1d(2),
            *_convolved(width, width, 5),
            nn.MaxPool1d(2),
            *_convolved(width, width, 5),
            nn.MaxPool1d(2),
            *_convolved(width, width, 3),
            nn.Flatten(),
            nn.Dropout(0.4),
        )
        self.out = nn.Sequential(
            nn.Linear(width * (BEAT // 8) + columns, 32),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(32, classes),
        )

    def forward(self, shown: Tensor, columns: Tensor) -> Tensor:
        return self.out(torch.cat([self.shape(shown), columns], 1))


class StripNetwork(nn.Module):
    """(batch, leads, n) strips and (batch, columns) numbers beside them -> (batch, classes) logits: residual blocks of
    half the rate each, then mean and maximum over time."""

    def __init__(self, leads: int, columns: int, classes: int, width: int = 24) -> None:
        super().__init__()
        self.shape = nn.Sequential(
            *_convolved(leads, width, 11, 2),
            _Halving(width, width),
            _Halving(width, 2 * width),
            _Halving(2 * width, 2 * width),
            _Halving(2 * width, 3 * width),
        )
        self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(6 * width + columns, classes))

    def forward(self, shown: Tensor, columns: Tensor) -> Tensor:
        shape = self.shape(shown)
        return self.out(torch.cat([shape.mean(2), shape.amax(2), columns], 1))


class _Halving(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolved(into, out, 5, 2),
            nn.Dropout(0.1),
            nn.Conv1d(out, out, 5, padding=2),
            nn.BatchNorm1d(out),
        )
        self.past = nn.Sequential(nn.AvgPool1d(2, ceil_mode=True), nn.Conv1d(into, out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.past(x))


def _convolved(into: int, out: int, size: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv1d(into, out, size, stride, padding=size // 2), nn.BatchNorm1d(out), nn.ReLU()]

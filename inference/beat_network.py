"""The beat head's network: dilated convolutions at 32 Hz; how far it sees stands in beat_head.py."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["BeatHead"]

_STRIDE = 4
# (dilation, causal) of each block, at 32 Hz; kernel 5. Causal blocks look back only.
_BLOCKS = ((1, False), (2, False), (4, False), (6, False), (8, True), (16, True), (4, True), (1, False), (2, False))


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int, causal: bool) -> None:
        super().__init__()
        pad = (4 * dilation, 0) if causal else (2 * dilation, 2 * dilation)
        self.body = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.ConstantPad1d(pad, 0.0),
            nn.Conv1d(width, width, 5, dilation=dilation),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class BeatHead(nn.Module):
    """(batch, 3, n) features -> (batch, n) logits of an R-peak raster; n a multiple of 4."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv1d(3, width // 2, 9, stride=2, padding=4),
            nn.ReLU(),
            nn.Conv1d(width // 2, width, 5, stride=2, padding=2),
        )
        self.blocks = nn.Sequential(*(_Block(width, dilation, causal) for dilation, causal in _BLOCKS))
        self.out = nn.Sequential(nn.ReLU(), nn.Conv1d(width, 64, 1), nn.ReLU(), nn.Conv1d(64, _STRIDE, 1))

    def forward(self, features: Tensor) -> Tensor:
        phases = self.out(self.blocks(self.front(features)))
        return phases.transpose(1, 2).reshape(features.shape[0], -1)

"""Matrix products item by item: a batched product rounds an item by its place in the batch (measured: rows 6 and 7 of 8
differ from the others in the last bit), and then a replay would not repeat bit for bit."""

from __future__ import annotations

from torch import Tensor, bmm, nn

__all__ = ["ItemLinear", "by_item"]


def by_item(x: Tensor, matrix: Tensor) -> Tensor:
    """(batch, k) @ (k, m) -> (batch, m)."""
    return bmm(x[:, None], matrix.expand(len(x), -1, -1))[:, 0]


class ItemLinear(nn.Linear):
    """nn.Linear on (batch, k), the same for an item wherever it stands."""

    def forward(self, input: Tensor) -> Tensor:
        return by_item(input, self.weight.T) + self.bias

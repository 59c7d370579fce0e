"""numpy or torch: what both can do, under one name, so that the mathematics of sampling is written once and an edge box
needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Array", "functions_of", "sigmoid"]

Array = TypeVar("Array", np.ndarray, "Tensor")


def functions_of(x: Any) -> Any:
    """The module whose functions take x: numpy, or torch, which is loaded already when x is one of its tensors."""
    if isinstance(x, np.ndarray):
        return np
    import torch

    return torch


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); numpy has none."""
    if isinstance(x, np.ndarray):
        return np.asarray(special.expit(x))
    return x.sigmoid()

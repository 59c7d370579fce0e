"""The shipped model with a student, for the tests of this room."""

import copy
from pathlib import Path

import torch

from inference.denoiser import Denoiser
from inference.weights_file import Weights, load_weights, save_weights


def moved(denoiser: Denoiser) -> Denoiser:
    """The same network with every weight moved a little."""
    other = copy.deepcopy(denoiser)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in other.parameters():
            one += 0.02 * one.abs().mean() * torch.randn(one.shape, generator=generator)
    return other


def with_a_student(folder: Path) -> Path:
    """Written into `folder`: with its own student, or its denoiser moved a little where none is shipped."""
    weights = load_weights()
    write(weights, folder, weights.student or moved(weights.generator.denoiser))
    return folder


def without_a_student(folder: Path) -> Path:
    """Written into `folder`, as models were before there were students."""
    write(load_weights(), folder, None)
    return folder


def write(weights: Weights, folder: Path, student: Denoiser | None) -> str:
    """Save with this student. Returns the model id."""
    return save_weights(folder, weights.head, weights.generator, weights.lead_scale, weights.typical.beat_mv, student)

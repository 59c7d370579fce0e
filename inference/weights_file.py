"""The networks' weights on disk: safetensors in a model folder."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from inference.beat_network import BeatHead
from inference.denoiser import Denoiser
from inference.errors import WeightsCorrupt
from inference.generator import Generator, GeneratorConfig
from inference.model_folder import SHIPPED, STUDENT, no_student, read_folder, sha256, write_description
from inference.typical_beat import TYPICAL_BEAT_FILE, TypicalBeat, typical_beat_bytes

__all__ = ["SHIPPED", "Weights", "load_weights", "network_bytes", "save_weights"]

_STUDENT_FILE = "student.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """model_id: from the hashes. lead_scale: (8,) mV. student: the generator's denoiser distilled, where there is
    one."""

    model_id: str
    head: BeatHead
    generator: Generator
    lead_scale: np.ndarray
    typical: TypicalBeat
    student: Denoiser | None = None

    def denoiser(self, name: str) -> Denoiser:
        """The one that infer.engine.denoiser names. Raises WeightsUnfit for a student that is not there."""
        if name != STUDENT:
            return self.generator.denoiser
        if self.student is None:
            raise no_student(self.model_id)
        return self.student


def network_bytes(network: nn.Module) -> bytes:
    """Its weights as a file holds them."""
    return save({key: value.contiguous() for key, value in network.state_dict().items()})


def save_weights(
    folder: Path,
    head: BeatHead,
    generator: Generator,
    lead_scale: np.ndarray,
    typical_mv: np.ndarray,
    student: Denoiser | None = None,
) -> str:
    """Write the networks, the typical beat (8, SIZE) in mV, and their description. Returns the model id."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "beats.safetensors": network_bytes(head),
        "generator.safetensors": network_bytes(generator),
        TYPICAL_BEAT_FILE: typical_beat_bytes(typical_mv),
    }
    if student is not None:
        files[_STUDENT_FILE] = network_bytes(student)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    hashes = {name: sha256(content) for name, content in files.items()}
    model_id = "p2es-" + sha256("".join(hashes.values()).encode())[:10]
    facts = {
        "model_id": model_id,
        "sha256": hashes,
        "generator": generator.config.as_dict(),
        "lead_scale_mv": [round(float(value), 6) for value in lead_scale],
    }
    write_description(folder, facts)
    return model_id


def load_weights(path: Path = SHIPPED) -> Weights:
    """Read and check. Raises WeightsMissing, WeightsCorrupt or WeightsUnfit, each with what to do."""
    folder = read_folder(path, "torch")
    generator = Generator(GeneratorConfig(**folder.facts["generator"]))
    head = BeatHead()
    _fill(head, folder.files["beats.safetensors"], path)
    _fill(generator, folder.files["generator.safetensors"], path)
    scale = np.array(folder.facts["lead_scale_mv"], np.float32)
    typical = TypicalBeat(folder.files[TYPICAL_BEAT_FILE])
    student = None
    if _STUDENT_FILE in folder.files:
        student = copy.deepcopy(generator.denoiser)  # the same network, whatever its configuration
        _fill(student.eval(), folder.files[_STUDENT_FILE], path)
    return Weights(folder.facts["model_id"], head.eval(), generator.eval(), scale, typical, student)


def _fill(network: nn.Module, content: bytes, folder: Path) -> None:
    try:
        state: dict[str, torch.Tensor] = load(content)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsCorrupt(
            f"the weights in {folder} do not fit this version: {str(error).splitlines()[0]}"
        ) from error

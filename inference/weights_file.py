"""Weights on disk: safetensors beside a description that names their hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import nn

from inference.beat_head import BeatHead
from inference.errors import WeightsCorrupt, WeightsMissing
from inference.generator import Generator, GeneratorConfig

__all__ = ["SHIPPED", "Weights", "load_weights", "save_weights"]

SHIPPED = Path(__file__).parent / "weights"
_DESCRIPTION = "model.json"


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """model_id: from the hashes. lead_scale: (8,) mV. population: (8, 90) mean beat over the lead scale."""

    model_id: str
    head: BeatHead
    generator: Generator
    lead_scale: np.ndarray
    population: np.ndarray


def save_weights(
    folder: Path, head: BeatHead, generator: Generator, lead_scale: np.ndarray, population: np.ndarray
) -> str:
    """Write both networks and their description. Returns the model id."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name, network in (("beats", head), ("generator", generator)):
        path = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    model_id = "p2es-" + hashlib.sha256("".join(hashes.values()).encode()).hexdigest()[:10]
    description = {
        "model_id": model_id,
        "sha256": hashes,
        "generator": generator.config.as_dict(),
        "lead_scale_mv": [round(float(value), 6) for value in lead_scale],
        "population_beat": [[round(float(value), 4) for value in lead] for lead in population],
    }
    (folder / _DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")
    return model_id


def load_weights(folder: Path = SHIPPED) -> Weights:
    """Read and check. Raises WeightsMissing or WeightsCorrupt, each with what to do."""
    try:
        description = json.loads((folder / _DESCRIPTION).read_text())
        files = {name: (folder / name).read_bytes() for name in description["sha256"]}
    except FileNotFoundError as error:
        raise WeightsMissing(f"no weights in {folder} ({Path(str(error.filename)).name} is missing)") from error
    except (json.JSONDecodeError, KeyError, OSError) as error:
        raise WeightsCorrupt(f"{folder / _DESCRIPTION} cannot be read: {error}") from error
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != description["sha256"][name]:
            raise WeightsCorrupt(f"{folder / name} is damaged: its SHA-256 is not the one in {_DESCRIPTION}")
    generator = Generator(GeneratorConfig(**description["generator"]))
    head = BeatHead()
    _fill(head, files["beats.safetensors"], folder)
    _fill(generator, files["generator.safetensors"], folder)
    scale, population = (np.array(description[key], np.float32) for key in ("lead_scale_mv", "population_beat"))
    return Weights(description["model_id"], head.eval(), generator.eval(), scale, population)


def _fill(network: nn.Module, content: bytes, folder: Path) -> None:
    try:
        state: dict[str, torch.Tensor] = load(content)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsCorrupt(
            f"the weights in {folder} do not fit this version: {str(error).splitlines()[0]}"
        ) from error

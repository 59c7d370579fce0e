"""The networks' weights on disk: safetensors in a model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import nn

from inference.beat_network import BeatHead
from inference.errors import WeightsCorrupt
from inference.generator import Generator, GeneratorConfig
from inference.model_folder import SHIPPED, read_folder, sha256, write_description
from inference.typical_beat import TYPICAL_BEAT_FILE, TypicalBeat, typical_beat_bytes

__all__ = ["SHIPPED", "Weights", "load_weights", "save_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """model_id: from the hashes. lead_scale: (8,) mV."""

    model_id: str
    head: BeatHead
    generator: Generator
    lead_scale: np.ndarray
    typical: TypicalBeat


def save_weights(
    folder: Path, head: BeatHead, generator: Generator, lead_scale: np.ndarray, typical_mv: np.ndarray
) -> str:
    """Write both networks, the typical beat (8, SIZE) in mV, and their description. Returns the model id."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name, network in (("beats", head), ("generator", generator)):
        path = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
        hashes[path.name] = sha256(path.read_bytes())
    typical = typical_beat_bytes(typical_mv)
    (folder / TYPICAL_BEAT_FILE).write_bytes(typical)
    hashes[TYPICAL_BEAT_FILE] = sha256(typical)
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
    return Weights(folder.facts["model_id"], head.eval(), generator.eval(), scale, typical)


def _fill(network: nn.Module, content: bytes, folder: Path) -> None:
    try:
        state: dict[str, torch.Tensor] = load(content)
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsCorrupt(
            f"the weights in {folder} do not fit this version: {str(error).splitlines()[0]}"
        ) from error

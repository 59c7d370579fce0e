"""The networks on torch: CPU or CUDA."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from inference.crop import Person
from inference.denoiser import Told
from inference.diffusion import filtered
from inference.model_folder import SHIPPED, TEACHER, of_denoiser
from inference.settings import EngineSettings
from inference.weights_file import Weights, load_weights

__all__ = ["TorchNetworks", "load"]


def load(settings: EngineSettings) -> TorchNetworks:
    """Read the weights. Raises WeightsMissing, WeightsCorrupt or WeightsUnfit."""
    torch.set_num_threads(settings.threads)
    wanted = settings.device
    device = "cuda" if wanted == "auto" and torch.cuda.is_available() else wanted.replace("auto", "cpu")
    return TorchNetworks(load_weights(settings.weights or SHIPPED), device, settings.denoiser)


class TorchNetworks:
    """See Networks. Raises WeightsUnfit for weights without the denoiser that is asked for."""

    def __init__(self, weights: Weights, device: str = "cpu", denoiser: str = TEACHER) -> None:
        self.model_id, self.weights_id = of_denoiser(weights.model_id, denoiser), weights.model_id
        self.device, self.lead_scale, self.typical = device, weights.lead_scale, weights.typical
        self.head, self.generator = weights.head.to(device), weights.generator.to(device)
        self.denoiser, self.process = weights.denoiser(denoiser).to(device), self.generator.process

    @torch.inference_mode()
    def beat_probability(self, features: np.ndarray) -> np.ndarray:
        return self.values(torch.sigmoid(self.head(self.array(features))))

    def array(self, values: np.ndarray) -> Tensor:
        # torch's own memory: kernels round by the alignment of what they read, and numpy's varies from run to run
        return torch.from_numpy(values).to(self.device, copy=True)

    def values(self, array: Tensor) -> np.ndarray:
        return array.cpu().numpy()

    @torch.no_grad()  # a tensor of inference_mode could not be written over outside of it
    def person(self, vectors: Tensor, shapes: Tensor) -> Person:
        return self.generator.person(vectors, shapes)[0]

    @torch.no_grad()
    def own_code(self, beat: np.ndarray, known: np.ndarray) -> Tensor:
        return self.generator.encoder(self.array(beat)[None], self.array(known)[None])[0]

    @torch.inference_mode()
    def tell(self, channels: Tensor, person: Person) -> Told:
        return self.denoiser.tell(channels, person)

    @torch.inference_mode()
    def denoise(self, z: Tensor, t: Tensor, told: Told) -> Tensor:
        return filtered(*self.denoiser.estimate(z, t, told))

    @torch.inference_mode()
    def band(self, channels: Tensor, person: Person) -> Tensor:
        return self.generator.band(channels, person)

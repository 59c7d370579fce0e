"""DPM-Solver++(2M) in data prediction (Lu et al. 2022, algorithm 2), applied to every frequency on its own logSNR."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from inference.diffusion import Process, dct, idct

__all__ = ["dpmpp_2m"]


def dpmpp_2m(
    denoise: Callable[[Tensor, Tensor], Tensor], process: Process, noise: Sequence[Tensor], times: Sequence[float]
) -> Tensor:
    """denoise(z, t) gives clean leads. noise[0]: (batch, leads, n), the start. The last call's estimate is returned:
    at the grid's end what noise remains (logSNR 6) is left out."""
    u = dct(noise[0])
    n = u.shape[-1]
    before: Tensor | None = None
    step_before: Tensor | None = None
    clean = u
    for number, (now, after) in enumerate(pairwise(times)):
        t, s = (torch.full((u.shape[0],), time, device=u.device) for time in (now, after))
        alpha_t, alpha_s, sigma_t, sigma_s = (
            process.alpha(t, n),
            process.alpha(s, n),
            process.sigma(t),
            process.sigma(s),
        )
        clean = dct(denoise(idct(u), t))
        step = torch.log(alpha_s / sigma_s) - torch.log(alpha_t / sigma_t)
        target = clean
        # first and last step of first order: the slope at the ends is not to be trusted
        if before is not None and step_before is not None and number < len(times) - 2:
            half = step / (2 * step_before)
            target = (1 + half) * clean - half * before
        u = sigma_s / sigma_t * u - alpha_s * torch.expm1(-step) * target
        before, step_before = clean, step
    return idct(clean)

"""Deterministic sampling (Song et al. 2021, eq. 12 with zero variance; per frequency as in Hoogeboom and Salimans)."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from inference.arrays import Array
from inference.diffusion import Process, dct, idct, time_like

__all__ = ["ddim"]


def ddim(
    denoise: Callable[[Array, Array], Array], process: Process, noise: Sequence[Array], times: Sequence[float]
) -> Array:
    """denoise(z, t) gives clean leads. noise[0]: (batch, leads, n), the start. Returns the last estimate."""
    u = dct(noise[0])
    clean = u
    for now, after in pairwise(times):
        t, s = time_like(u, now), time_like(u, after)
        clean = dct(denoise(idct(u), t))
        n = u.shape[-1]
        residue = (u - process.alpha(t, n) * clean) / process.sigma(t)
        u = process.alpha(s, n) * clean + process.sigma(s) * residue
    return idct(clean)

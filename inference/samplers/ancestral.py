"""Sampling with fresh noise at every step from the exact posterior (Hoogeboom and Salimans 2023, eq. 10)."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from inference.arrays import Array, functions_of
from inference.diffusion import Process, dct, idct, time_like

__all__ = ["ancestral"]


def ancestral(
    denoise: Callable[[Array, Array], Array], process: Process, noise: Sequence[Array], times: Sequence[float]
) -> Array:
    """denoise(z, t) gives clean leads. noise: (batch, leads, n) for the start and for each step but the last."""
    u: Array = dct(noise[0])
    n, xp = u.shape[-1], functions_of(u)
    clean = u
    for number, (now, after) in enumerate(pairwise(times)):
        t, s = time_like(u, now), time_like(u, after)
        clean = dct(denoise(idct(u), t))
        if number == len(times) - 2:
            break
        alpha_t, alpha_s, var_t, var_s = (
            process.alpha(t, n),
            process.alpha(s, n),
            process.sigma(t) ** 2,
            process.sigma(s) ** 2,
        )
        ratio = alpha_t / alpha_s
        var_step = (var_t - ratio**2 * var_s).clip(1e-8)
        variance = 1 / (1 / var_s.clip(1e-8) + ratio**2 / var_step)
        mean = variance * (ratio / var_step * u + alpha_s / var_s.clip(1e-8) * clean)
        u = mean + xp.sqrt(variance) * dct(noise[number + 1])
    return idct(clean)

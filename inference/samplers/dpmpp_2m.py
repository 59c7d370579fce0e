"""DPM-Solver++(2M) in data prediction (Lu et al. 2022, algorithm 2), applied to every frequency on its own logSNR."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from inference.arrays import Array, functions_of
from inference.diffusion import Process, dct, idct, time_like

__all__ = ["dpmpp_2m"]


def dpmpp_2m(
    denoise: Callable[[Array, Array], Array], process: Process, noise: Sequence[Array], times: Sequence[float]
) -> Array:
    """denoise(z, t) gives clean leads. noise[0]: (batch, leads, n), the start. The last call's estimate is returned:
    at the grid's end what noise remains (logSNR 6) is left out."""
    u: Array = dct(noise[0])
    n, xp = u.shape[-1], functions_of(u)
    before = step_before = None
    clean = u
    for number, (now, after) in enumerate(pairwise(times)):
        t, s = time_like(u, now), time_like(u, after)
        alpha_t, alpha_s, sigma_t, sigma_s = (
            process.alpha(t, n),
            process.alpha(s, n),
            process.sigma(t),
            process.sigma(s),
        )
        clean = dct(denoise(idct(u), t))
        step = xp.log(alpha_s / sigma_s) - xp.log(alpha_t / sigma_t)
        target = clean
        # first and last step of first order: the slope at the ends is not to be trusted
        if before is not None and step_before is not None and number < len(times) - 2:
            half = step / (2 * step_before)
            target = (1 + half) * clean - half * before
        u = sigma_s / sigma_t * u - alpha_s * xp.expm1(-step) * target
        before, step_before = clean, step
    return idct(clean)

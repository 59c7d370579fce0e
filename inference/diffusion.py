"""The forward process: blur in the frequency domain, then noise in time.

In the orthonormal DCT-II along time, u_t = alpha_t(k) u_x + sigma_t eps, alpha_t(k) = a_t d_t(k); d_t a heat kernel
(Hoogeboom and Salimans 2023, eqs. 5-9) and a variance-preserving cosine schedule. White noise is white in both domains.
Time runs from 0 (clean) to 1 (noise). Everything here takes arrays of numpy or of torch and gives the same kind."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft

from inference.arrays import Array, functions_of, sigmoid

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Process", "dct", "filtered", "idct", "time_like"]

_LOGSNR_MAX = 6.0  # the network sees logSNR in [-6, 6]: beyond, steps are spent on nothing (research: few-step table)
_D_MIN = 1e-3


@cache
def _basis(n: int, device: Any) -> Tensor:
    import torch

    matrix = np.asarray(fft.dct(np.eye(n), axis=0, norm="ortho"), np.float32)
    with torch.inference_mode(mode=False):  # training may meet what was kept while serving
        return torch.from_numpy(matrix).to(device)


def dct(x: Array) -> Array:
    """Orthonormal DCT-II along the last axis of (batch, leads, n)."""
    if isinstance(x, np.ndarray):
        return np.asarray(fft.dct(x, norm="ortho"))
    # item by item: one product over the whole batch rounds by the place in it
    return x.bmm(_basis(x.shape[-1], x.device).T.expand(len(x), -1, -1))


def idct(u: Array) -> Array:
    """Inverse of `dct`."""
    if isinstance(u, np.ndarray):
        return np.asarray(fft.idct(u, norm="ortho"))
    return u.bmm(_basis(u.shape[-1], u.device).expand(len(u), -1, -1))


def filtered(x: Array, gain: Array) -> Array:
    """x (batch, leads, n) with each frequency of the DCT multiplied. gain: (batch or 1, 1, n)."""
    return idct(dct(x) * gain)


def time_like(x: Array, time: float) -> Array:
    """(batch,): one time for each item of x (batch, leads, n)."""
    return functions_of(x).full_like(x[:, 0, 0], time)


class Process:
    """Schedules of one forward process. blur: sigma_B,max in samples at 128 Hz (0: noise only)."""

    def __init__(self, blur: float = 2.0) -> None:
        self.blur = blur
        low, high = math.atan(math.exp(-_LOGSNR_MAX / 2)), math.atan(math.exp(_LOGSNR_MAX / 2))
        self._low, self._span = low, high - low

    def logsnr(self, t: Array) -> Array:
        """logSNR of the noise at time t, from 6 to -6."""
        xp = functions_of(t)
        return -2 * xp.log(xp.tan(t * self._span + self._low))

    def time_of(self, logsnr: Array) -> Array:
        """Inverse of `logsnr`."""
        xp = functions_of(logsnr)
        return (xp.atan(xp.exp(-logsnr / 2)) - self._low) / self._span

    def heat(self, t: Array, n: int) -> Array:
        """d_t(k), (batch, 1, n): what the blur leaves of each frequency. t: (batch,)."""
        xp = functions_of(t)
        width = self.blur * xp.sin(t * math.pi / 2) ** 2
        eigen = (math.pi * xp.arange(n, dtype=t.dtype, device=t.device) / n) ** 2
        kept = xp.exp(-eigen * (width[:, None] ** 2 / 2))
        return ((1 - _D_MIN) * kept + _D_MIN)[:, None]

    def alpha(self, t: Array, n: int) -> Array:
        """alpha_t(k), (batch, 1, n)."""
        return functions_of(t).sqrt(sigmoid(self.logsnr(t)))[:, None, None] * self.heat(t, n)

    def sigma(self, t: Array) -> Array:
        """sigma_t, (batch, 1, 1)."""
        return functions_of(t).sqrt(sigmoid(-self.logsnr(t)))[:, None, None]

    def diffuse(self, x: Array, t: Array, noise: Array) -> Array:
        """z_t of clean x (batch, leads, n) with white noise of the same shape."""
        return idct(self.alpha(t, x.shape[-1]) * dct(x)) + self.sigma(t) * noise

    def grid(self, calls: int) -> list[float]:
        """Times of `calls` network calls and the end: uniform in logSNR from 1 to 0."""
        return [float(time) for time in self.time_of(np.linspace(-_LOGSNR_MAX, _LOGSNR_MAX, calls + 1))]

"""Samplers: plain functions of a denoiser, noise and a time grid; one file each."""

from inference.samplers.ancestral import ancestral
from inference.samplers.ddim import ddim
from inference.samplers.dpmpp_2m import dpmpp_2m

__all__ = ["FRESH", "SAMPLERS", "ancestral", "ddim", "dpmpp_2m"]

FRESH = {"ancestral"}  # take new noise at every call
SAMPLERS = {"ancestral": ancestral, "ddim": ddim, "dpmpp_2m": dpmpp_2m}

"""The sampler's noise: a random field on absolute time, not a stream.

A sample's noise depends on (seed, patient, lead, grid index, draw) alone: overlapping windows see the same noise and a
replay repeats bit for bit. Counter-based generation after Salmon et al. 2011 (Philox)."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["field"]

_BLOCK = 256


def field(seed: int, patient: str, first: int, n: int, leads: int = 8, draw: int = 0) -> np.ndarray:
    """(leads, n) float32 standard normal at grid samples [first, first + n)."""
    digest = hashlib.sha256(f"{seed}/{patient}".encode()).digest()
    key = np.frombuffer(digest[:16], np.uint64)
    blocks = range(first // _BLOCK, (first + n - 1) // _BLOCK + 1)
    drawn = [_block(key, block, leads, draw) for block in blocks]
    begin = first - blocks[0] * _BLOCK
    return np.concatenate(drawn, axis=1)[:, begin : begin + n]


def _block(key: np.ndarray, block: int, leads: int, draw: int) -> np.ndarray:
    counter = np.array([0, 0, draw, block % 2**64], np.uint64)  # the first words count the values of a block
    return np.random.Generator(np.random.Philox(key=key, counter=counter)).standard_normal((leads, _BLOCK), np.float32)

"""Frames as a Polar sensor would send them, for simulated sensors and tests. Written from the description of the
format and sharing no code with the decoder, so that the two check each other.

Source: Polar BLE SDK, technical_documentation/online_measurement.pdf 1.0, chapter 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["ACC", "PPG", "encode_delta", "encode_raw", "encode_raw0"]

PPG, ACC = 1, 2
_COUNT_MAX = 255
_LIGHT_BYTES = 3


def encode_raw0(samples: np.ndarray, last_ns: int) -> bytes:
    """Light without compression, as an OH1 sends it.

    samples: (n, 4), ppg0, ppg1, ppg2, ambient, 24 bits. last_ns: of the last sample, since 2000-01-01."""
    return encode_raw(0, samples, last_ns)


def encode_raw(frame_type: int, samples: np.ndarray, last_ns: int, kind: int = PPG, size: int = _LIGHT_BYTES) -> bytes:
    """samples: (n, columns), two's complement, size bytes each. kind: measurement type. Raises OverflowError."""
    content = b"".join(int(one).to_bytes(size, "little", signed=True) for one in np.ravel(samples))
    return _header(kind, last_ns, frame_type) + content


def encode_delta(
    frame_type: int,
    samples: np.ndarray,
    last_ns: int,
    block_sizes: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    kind: int = PPG,
    size: int = _LIGHT_BYTES,
) -> bytes:
    """The first sample in plain bytes, the differences in blocks.

    samples: (n, columns), n > 0, status words included. block_sizes: differences in each block, n - 1 in all; as few
    blocks as possible when left out. widths: bits per difference in each block; the fewest that hold it when left out.
    kind: measurement type. size: bytes of each number of the first sample. Raises ValueError when block_sizes or
    widths cannot hold the samples, OverflowError when `size` cannot."""
    samples = np.asarray(samples, np.int64)
    deltas = np.diff(samples, axis=0)
    if block_sizes is None:
        full, rest = divmod(len(deltas), _COUNT_MAX)
        block_sizes = [_COUNT_MAX] * full + [rest] * (rest > 0)
    if sum(block_sizes) != len(deltas) or any(not 0 <= count <= _COUNT_MAX for count in block_sizes):
        raise ValueError(f"blocks of {list(block_sizes)} do not hold {len(deltas)} differences")
    if widths is not None and len(widths) != len(block_sizes):
        raise ValueError(f"{len(widths)} widths for {len(block_sizes)} blocks")
    frame = bytearray(encode_raw(frame_type | 0x80, samples[:1], last_ns, kind, size))
    at = 0
    for index, count in enumerate(block_sizes):
        part = deltas[at : at + count]
        fewest = width_of(part)
        width = fewest if widths is None else widths[index]
        if not fewest <= width <= 32:
            raise ValueError(f"block {index} needs {fewest} bits, at most 32 are allowed, {width} were given")
        frame += bytes([width, count]) + _packed(part, width)
        at += count
    return bytes(frame)


def width_of(deltas: np.ndarray) -> int:
    """The fewest bits, at least 1, that hold all of them in two's complement."""
    if not deltas.size:
        return 1
    return 1 + int(np.where(deltas < 0, ~deltas, deltas).max()).bit_length()


def _packed(deltas: np.ndarray, width: int) -> bytes:
    """Least significant bit first, without gaps, the last byte filled up with zeros."""
    bits = (deltas.reshape(-1, 1) >> np.arange(width)) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes()


def _header(kind: int, last_ns: int, frame_type: int) -> bytes:
    return bytes([kind]) + last_ns.to_bytes(8, "little") + bytes([frame_type])

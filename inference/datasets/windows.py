"""A recording's PPG as live windows, just as `window` would send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from inference.datasets.entry import Entry
from inference.datasets.records import read_channels
from inference.errors import DataMissing
from stream.messages import Demographics, PpgChunk, PpgSegment
from stream.monitor_delay import guessed_delay_s
from stream.windows import DeviceWindows

__all__ = ["blank_chunk", "windows_from", "windows_of"]

_CHUNK_S = 2.0


def windows_of(
    entry: Entry, demographics: Demographics | None = None, span_s: tuple[float, float] | None = None
) -> list[PpgSegment]:
    """All windows of a recording's PPG, as `window` would send them. demographics: instead of the entry's own. span_s:
    of this stretch alone, times as in the whole.

    Raises DataMissing when the recording has no PPG, or none that can be read."""
    if entry.ppg is None:
        raise DataMissing(f"{entry.name}: no PPG channel is named for it")
    try:
        channel = read_channels(entry.path, [entry.ppg], entry.span_s)[entry.ppg]
    except ValueError as error:
        raise DataMissing(f"{entry.name}: {error}") from error
    chunk = replace(
        blank_chunk(entry.name, channel.fs_hz, channel.step),
        channels=(entry.ppg,),
        unit=channel.unit or "NU",
        offset=channel.offset,
        demographics=demographics or entry.demographics,
        pulse_delay_s=guessed_delay_s(entry.ppg, channel.values, channel.fs_hz),
    )
    begin, end = (0, None) if span_s is None else (round(second * channel.fs_hz) for second in span_s)
    chunk = replace(chunk, t0_ns=round(begin / chunk.fs_hz * 1e9))
    return windows_from(chunk, channel.values[begin:end])


def blank_chunk(name: str, fs_hz: float, scale: float) -> PpgChunk:
    """What the chunks of one recording have in common: a single channel, volume-like, from time 0 on, no samples yet.
    scale: one ADC step."""
    return PpgChunk(
        device=f"evaluate-{name}",
        patient=name,
        session=name,
        seq=0,
        t0_ns=0,
        fs_hz=fs_hz,
        channels=("ppg",),
        primary=0,
        unit="NU",
        scale=scale,
        offset=0.0,
        polarity=1,
        pulse_delay_s=None,
        demographics=None,
        device_clock_offset_ns=None,
        clock_residual_ns=None,
        received_ns=0,
        shift_ns=0,
        end=False,
        samples=np.zeros((0, 1), np.int32),
    )


def windows_from(chunk: PpgChunk, values: np.ndarray, motion_g: np.ndarray | None = None) -> list[PpgSegment]:
    """All windows of one channel sent as copies of `chunk`. values: (m,) in its unit, NaN where missing. motion_g:
    (3, m) beside it at the same rate."""
    device, out = DeviceWindows(clock=lambda: 0), []
    mg = None if motion_g is None else np.clip(np.rint(1000 * motion_g.T), -32_767, 32_767).astype(np.int16)
    for seq, (start, stop) in enumerate(_finite_runs(values, int(_CHUNK_S * chunk.fs_hz))):
        counts = np.rint((values[start:stop, None] - chunk.offset) / chunk.scale).astype(np.int32)
        t0_ns = chunk.t0_ns + round(start / chunk.fs_hz * 1e9)
        sent = replace(chunk, seq=seq, t0_ns=t0_ns, samples=counts)
        if mg is not None:
            sent = replace(sent, motion_t0_ns=t0_ns, motion_fs_hz=chunk.fs_hz, motion_mg=mg[start:stop])
        out += device.push(sent).segments
    return out + device.flush()


def _finite_runs(values: np.ndarray, longest: int) -> Iterator[tuple[int, int]]:
    """Stretches without a missing sample, cut to at most `longest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isfinite(values), [False]]).astype(np.int8)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        for at in range(start, stop, longest):
            yield at, min(stop, at + longest)

"""A recording through the live windows: what is judged is what a bedside would have seen, not an offline run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from inference.datasets.entry import Entry
from inference.datasets.records import read_channels
from inference.errors import DataMissing
from inference.evaluation.estimate import Estimate, from_segments
from stream.messages import ABSTAINED_UV, Demographics, EcgSegment, PpgChunk, PpgSegment
from stream.monitor_delay import guessed_delay_s
from stream.windows import DeviceWindows

__all__ = ["Infers", "Streamed", "blank_chunk", "owned_again", "stream_record", "windows_from", "windows_of"]

_CHUNK_S = 2.0
_BATCH = 32


class Infers(Protocol):
    """What evaluation needs of the engine."""

    def infer(self, segments: Sequence[PpgSegment]) -> list[EcgSegment]:
        """Estimate the owned part of each window, in their order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """estimate: of the whole recording. borders: (k,) grid samples at which another window takes over.
    quality, confidence: (n,) of the window that owns a sample. band_mv: (2, n) of lead II, NaN where abstained."""

    estimate: Estimate
    borders: np.ndarray
    quality: np.ndarray
    confidence: np.ndarray
    band_mv: np.ndarray


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


def stream_record(engine: Infers, segments: Sequence[PpgSegment], n: int) -> Streamed:
    """Infer every window and join what each owns. n: grid samples of the recording, which starts at grid time 0."""
    results = [one for at in range(0, len(segments), _BATCH) for one in engine.infer(segments[at : at + _BATCH])]
    starts = np.array([one.start_ns // 7_812_500 for one in results], int)
    quality, confidence, band = np.zeros(n), np.zeros(n), np.full((2, n), np.nan)
    for start, one in zip(starts, results, strict=True):
        owned = slice(start, start + len(one.leads_uv))
        quality[owned], confidence[owned] = one.quality, one.confidence
        uv = one.band_uv[: max(0, n - start)].T
        band[:, owned] = np.where(uv == ABSTAINED_UV, np.nan, uv / 1000)
    return Streamed(from_segments(results, 0, n), starts[(starts > 0) & (starts < n)], quality, confidence, band)


def owned_again(segments: Sequence[PpgSegment]) -> list[PpgSegment]:
    """The same windows, each owning the hop that the window before it owned: what two windows say of one sample."""
    full = [one for one in segments if one.owned_stop - one.owned_start == one.hop_samples]
    return [
        replace(one, owned_start=one.owned_start - one.hop_samples, owned_stop=one.owned_start)
        for one in full
        if one.owned_start >= one.hop_samples
    ]

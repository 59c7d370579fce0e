"""WFDB records as they lie on disk: what a header names, and channels read each at its own rate.

A record may be of many segments with gains, and sets of channels, of their own (MIMIC), and its channels may have
several samples in a frame: ECG four times as many as respiration. `rdrecord` would average those away."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

__all__ = ["Channel", "Header", "read_channels", "read_header"]

_DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError)  # wfdb on a bad file


@dataclass(frozen=True, slots=True)
class Header:
    """channels: names without the commas some have. fs_hz: of frames. seconds: NaN when the header does not say. year:
    in which it was recorded, None when it does not say. segments: (name, frames) of a multi-segment record, in order,
    "~" for a gap; empty for a plain one."""

    channels: tuple[str, ...]
    fs_hz: float
    seconds: float
    year: int | None
    comments: tuple[str, ...]
    segments: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """values: (m,) float64 in `unit`, NaN where missing, at fs_hz. step: one ADC step; offset: what ADC 0 means."""

    values: np.ndarray
    fs_hz: float
    unit: str
    step: float
    offset: float


def read_header(path: Path) -> Header:
    """Read NAME.hea and, of many segments, the header that names the channels. path: without extension.

    Raises FileNotFoundError, or ValueError when it is no header."""
    try:
        header: Any = wfdb.rdheader(str(path))
        named: Any = header
        segments: tuple[tuple[str, int], ...] = ()
        if hasattr(header, "seg_name"):
            segments = tuple(zip(header.seg_name, map(int, header.seg_len), strict=True))
            named = wfdb.rdheader(str(path.parent / next(name for name, _ in segments if name != "~")))
        frames = header.sig_len or sum(length for _, length in segments)
        fs = float(header.fs)
        return Header(
            channels=tuple(_clean(name) for name in named.sig_name or ()),
            fs_hz=fs,
            seconds=frames / fs if frames else float("nan"),
            year=header.base_date.year if header.base_date else None,
            comments=tuple(header.comments or ()),
            segments=segments,
        )
    except FileNotFoundError:
        raise
    except (*_DAMAGED, StopIteration) as error:
        raise ValueError(f"{path.name}.hea is no WFDB header ({error})") from error


def read_channels(path: Path, wanted: Collection[str], span_s: tuple[float, float] | None = None) -> dict[str, Channel]:
    """Read the wanted channels, physical. Of segments that lack one, its samples are missing.

    Raises OSError, or ValueError when a channel is not there or the record cannot be read."""
    header = read_header(path)
    lacking = [name for name in wanted if name not in header.channels]
    if lacking:
        raise ValueError(f"no channel {', '.join(lacking)}")
    names = [name for name in dict.fromkeys(header.channels) if name in wanted]
    begin, end = (0, None) if span_s is None else (round(second * header.fs_hz) for second in span_s)
    try:
        record: Any = wfdb.rdrecord(
            str(path),
            sampfrom=begin,
            sampto=end,
            channels=[header.channels.index(name) for name in names],
            smooth_frames=False,
            m2s=False,
        )
        if not header.segments:
            return {name: _channel(record, i) for i, name in enumerate(names)}
        whole: Any = record.multi_to_single(physical=True, expanded=True)
        return {name: _joined(record, whole, i, name) for i, name in enumerate(names)}
    except _DAMAGED as error:
        raise ValueError(f"cannot be read: {error}") from error


def _clean(name: str) -> str:
    return name.strip().strip(",")


def _unit(name: str | None) -> str:
    return (name or "").strip().strip(",")


def _channel(record: Any, i: int) -> Channel:
    gain = float(record.adc_gain[i])
    return Channel(
        values=np.asarray(record.e_p_signal[i], float),
        fs_hz=float(record.fs) * record.samps_per_frame[i],
        unit=_unit(record.units[i]),
        step=1 / gain,
        offset=-float(record.baseline[i]) / gain,
    )


def _joined(record: Any, whole: Any, i: int, name: str) -> Channel:
    """A channel over all segments: each was converted by its own gain, so only the finest step serves for all."""
    parts = [
        _channel(one, at)
        for one in record.segments
        if one is not None and one.e_p_signal is not None
        for at, each in enumerate(one.sig_name)
        if _clean(each) == name
    ]
    units = sorted({one.unit for one in parts})
    if len(units) > 1:
        raise ValueError(f"segments give {name} in different units ({', '.join(units)})")
    alike = len({(one.step, one.offset) for one in parts}) == 1
    return Channel(
        values=np.asarray(whole.e_p_signal[i], float),
        fs_hz=float(whole.fs) * whole.samps_per_frame[i],
        unit=units[0] if units else "",
        step=min((one.step for one in parts), default=1.0),
        offset=parts[0].offset if alike else 0.0,
    )

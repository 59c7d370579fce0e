"""Stretches of long bedside records that are worth training on: PPG beside leads that give beats, a minute or more.

A record of days in the MIMIC waveform databases is a header that lists segments, each with gains and channels of its
own. A segment is a plain record, so a stretch of a segment is what a manifest names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from inference.datasets.entry import lead_name, ppg_channel
from inference.datasets.records import read_header
from inference.datasets.reference import GENERATED, LIMB

__all__ = ["Excerpt", "Limits", "excerpts", "leads_of", "placeable"]

_SHORTEST_S = 60.0  # training asks for a minute of trusted ECG


@dataclass(frozen=True, slots=True)
class Limits:
    """minutes: of each stretch at most, from the segment's middle. per_person: stretches or 12-lead ECGs, the longest.
    people: the first so many of each source, None for all."""

    minutes: float = 10.0
    per_person: int = 4
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """path: of the segment, without extension. record: the record it belongs to. span_s: None for all of it."""

    path: Path
    record: Path
    ppg: str
    leads: dict[str, str]
    span_s: tuple[float, float] | None


def excerpts(records: Iterable[Path], limits: Limits) -> list[Excerpt]:
    """The longest stretches of one person's records, by what is left of a segment after `limits.minutes`.

    records: paths without extension. What cannot be read, or is not there in this copy, is passed over."""
    segments = sorted((found for record in records for found in _segments(record)), key=lambda one: (-one[0], one[1]))
    made = (_excerpt(seconds, path, record, limits) for seconds, path, record in segments)
    return list(islice(filter(None, made), limits.per_person))


def _segments(record: Path) -> Iterator[tuple[float, Path, Path]]:
    """(seconds, segment, record) of every segment that is long enough."""
    try:
        header = read_header(record)
    except (OSError, ValueError):
        return
    if not header.segments and header.seconds >= _SHORTEST_S:
        yield header.seconds, record, record
    for name, frames in header.segments:
        if name != "~" and frames / header.fs_hz >= _SHORTEST_S:
            yield frames / header.fs_hz, record.parent / name, record


def _excerpt(seconds: float, path: Path, record: Path, limits: Limits) -> Excerpt | None:
    try:
        header = read_header(path)
    except (OSError, ValueError):
        return None
    ppg, leads = ppg_channel(header.channels), leads_of(header.channels)
    if ppg is None or not placeable(leads):
        return None
    longest = 60 * limits.minutes
    if seconds <= longest:
        return Excerpt(path, record, ppg, leads, None)
    start = float(int((seconds - longest) / 2))
    return Excerpt(path, record, ppg, leads, (start, start + longest))


def leads_of(channels: Iterable[str]) -> dict[str, str]:
    """Their names -> ours, each of ours once."""
    leads: dict[str, str] = {}
    for name in channels:
        ours = lead_name(name)
        if ours and ours not in leads.values():
            leads[name] = ours
    return leads


def placeable(leads: dict[str, str]) -> bool:
    """Whether two leads can agree on beats, and one of the generated leads is among them or follows from two limb
    leads."""
    ours = set(leads.values())
    return len(ours) >= 2 and (not ours.isdisjoint(GENERATED) or len(ours.intersection(LIMB)) >= 2)

"""What a manifest may say of a recording: every line is held against its own header and against the other lines."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from inference.datasets.entry import LEAD_NAMES, Entry
from inference.datasets.records import Header, read_header
from inference.datasets.splits import PARTS, part_of
from stream.messages import Demographics, implausible

__all__ = ["Checked", "check_row", "check_together"]

_NUMBERS = {"age": "age_years", "height": "height_cm", "weight": "weight_kg"}


@dataclass(frozen=True, slots=True)
class Checked:
    """entry: as far as the line could be read. problems: what is wrong with the line by itself."""

    line: int
    entry: Entry
    problems: tuple[str, ...]


def check_row(folder: Path, line: int, row: Mapping[str | None, Any]) -> Checked:
    """One line. folder: that records are relative to. row: cells by column, what is beyond the columns under None."""
    problems = ["more cells than columns"] if any(row.get(None, ())) else []
    cells: dict[str, str] = {name: value.strip() for name, value in row.items() if name is not None}
    problems += [f"the {name} is missing" for name in ("record", "dataset", "subject") if not cells[name]]
    leads = _leads(cells["leads"], problems)
    span = _span(cells, problems)
    part = cells.get("part") or part_of(cells["dataset"], cells["subject"])
    if part not in PARTS:
        problems.append(f"part {part}: one of {', '.join(PARTS)}")
    person = _person(cells, problems)
    ppg = cells["ppg"] or None
    entry = Entry(folder / cells["record"], cells["dataset"], cells["subject"], part, ppg, leads, person, span_s=span)
    if cells["record"]:
        problems += _against_header(entry)
    return Checked(line, entry, tuple(problems))


def _leads(cell: str, problems: list[str]) -> dict[str, str]:
    leads: dict[str, str] = {}
    for pair in filter(None, cell.split(";")):
        theirs, _, ours = (side.strip() for side in pair.rpartition("="))
        if not (theirs and ours):
            problems.append(f'leads "{pair}": THEIRS=OURS;THEIRS=OURS')
        elif ours not in LEAD_NAMES:
            problems.append(f"lead {ours}: one of {', '.join(LEAD_NAMES)}")
        elif theirs in leads or ours in leads.values():
            problems.append(f"lead {theirs}={ours} is named twice")
        else:
            leads[theirs] = ours
    if not cell:
        problems.append("no leads")
    return leads


def _number(cells: Mapping[str, str], name: str, problems: list[str]) -> float | None:
    text = cells.get(name)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problems.append(f"{name} {text} is no number")
        return None
    return value


def _person(cells: Mapping[str, str], problems: list[str]) -> Demographics:
    known = {field: _number(cells, column, problems) for column, field in _NUMBERS.items()}
    person = Demographics(known["age_years"], cells.get("sex") or None, known["height_cm"], known["weight_kg"])
    problems += [f"{name}: {wrong}" for name, wrong in implausible(person).items()]
    return person


def _span(cells: Mapping[str, str], problems: list[str]) -> tuple[float, float] | None:
    start, stop = (_number(cells, name, problems) for name in ("start_s", "stop_s"))
    if start is None and stop is None:
        return None
    if start is None or stop is None or not 0 <= start < stop:
        problems.append("start_s and stop_s: both, and 0 or more, and stop_s after start_s")
        return None
    return start, stop


def _against_header(entry: Entry) -> Iterator[str]:
    try:
        header = _header(entry.path)
    except FileNotFoundError:
        hint = ": leave .hea out" if entry.path.suffix == ".hea" else ""
        yield f"no record {entry.path}{hint}"
        return
    except (OSError, ValueError) as error:
        yield f"record {entry.path}: {error}"
        return
    for name in (*([entry.ppg] if entry.ppg else []), *entry.leads):
        if name not in header.channels:
            yield f"no channel {name} in {entry.name}, which has {', '.join(header.channels) or 'none'}"
    if entry.ppg in entry.leads:
        yield f"{entry.ppg} is both PPG and lead"
    if entry.span_s and entry.span_s[1] > header.seconds:
        yield f"stop_s {entry.span_s[1]:g}: {entry.name} ends after {header.seconds:g} s"


@lru_cache(maxsize=64)  # a recording's stretches mostly follow each other
def _header(path: Path) -> Header:
    return read_header(path)


def check_together(rows: Sequence[Checked]) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) where two lines contradict each other: a person in two parts, a recording twice."""
    people: dict[tuple[str, str], Checked] = {}
    records: dict[str, list[Checked]] = {}
    for row in rows:
        entry = row.entry
        first = people.setdefault((entry.dataset, entry.subject), row)
        if entry.subject and first.entry.part != entry.part:
            there = f"on line {first.line} in {first.entry.part}"
            yield row.line, f"subject {entry.subject} of {entry.dataset} is in {entry.part}, {there}"
        if "the record is missing" in row.problems:
            continue
        others = records.setdefault(os.path.realpath(entry.path), [])
        twice = next((one for one in others if _overlap(one.entry.span_s, entry.span_s)), None)
        if twice:
            yield row.line, f"{entry.name} is already on line {twice.line}"
        others.append(row)


def _overlap(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return one is None or other is None or (one[0] < other[1] and other[0] < one[1])

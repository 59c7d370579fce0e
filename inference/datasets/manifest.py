"""What to train on: a manifest of WFDB recordings, one line each.

CSV columns: record (path without extension, relative to the manifest), ppg (channel, empty for none), leads
("THEIRS=OURS;..."), dataset, subject, and, as far as they are known, part, age, sex, height, weight (empty for
unknown), start_s and stop_s (a stretch of the recording). Any hospital's own data train the same way as the open
sets."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from inference.datasets.entry import Entry
from inference.datasets.manifest_check import check_row, check_together
from inference.datasets.open_sets import open_sets
from inference.datasets.splits import PARTS
from inference.errors import DataMissing, ManifestUnusable

__all__ = ["Entry", "described", "open_sets", "read_entries", "read_manifest", "write_manifest"]

_NEEDED = ("record", "ppg", "leads", "dataset", "subject")
_COLUMNS = (*_NEEDED, "part", "age", "sex", "height", "weight", "start_s", "stop_s")
_TOLD = 10  # problems that one error spells out


def read_entries(data: Path) -> list[Entry]:
    """Entries of a manifest (.csv), or of a folder of the open sets. Raises DataMissing or ManifestUnusable."""
    if data.suffix.lower() != ".csv":
        return open_sets(data)
    if not data.is_file():
        raise DataMissing(f"{data}: no such manifest")
    return read_manifest(data)


def read_manifest(path: Path) -> list[Entry]:
    """Read a manifest and check all of it; without a part, the subject's hash decides.

    Raises ManifestUnusable, which names every line that cannot be meant (the first ten, and how many more)."""
    checked, problems = [], []
    for line, row in _rows(path):
        one = check_row(path.parent, line, row)
        checked.append(one)
        problems += [(line, wrong) for wrong in one.problems]
    problems += check_together(checked)
    if problems:
        raise ManifestUnusable(_told(path, sorted(problems)))
    if not checked:
        raise ManifestUnusable(f"{path.name} lists no recording")
    return [one.entry for one in checked]


def _rows(path: Path) -> Iterator[tuple[int, dict[str | None, Any]]]:
    """(line, cells by column); cells that a short line lacks are empty, more than the columns are under None."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines, restval="")
            lacking = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
            if lacking:
                raise ManifestUnusable(f"{path.name}: no column {', '.join(lacking)}; columns: {','.join(_COLUMNS)}")
            for row in rows:
                yield rows.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestUnusable(f"{path.name} is no CSV in UTF-8: {error}") from error


def _told(path: Path, problems: Sequence[tuple[int, str]]) -> str:
    said = "; ".join(f"line {line}: {' '.join(wrong.split())}" for line, wrong in problems[:_TOLD])
    more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return f"{path.name} has {len(problems)} problem{'s' if len(problems) > 1 else ''}: {said}{more}"


def described(entries: Sequence[Entry]) -> str:
    """How many recordings of how many people, by part."""
    parts = []
    for part in PARTS:
        inside = [one for one in entries if one.part == part]
        people = len({(one.dataset, one.subject) for one in inside})
        parts.append(f"{part} {len(inside)} of {people} people")
    without = sum(one.ppg is None for one in entries)
    count = f"{len(entries)} recording{'' if len(entries) == 1 else 's'}"
    return f"{count} ({without} without PPG): {', '.join(parts)}"


def write_manifest(entries: Sequence[Entry], path: Path) -> None:
    """Write entries so that `read_manifest` gives them back, whole or not at all.

    A record under the manifest's folder is named relative to it, another one from the root."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(os.path.abspath(path.parent))
    partial = path.with_name(path.name + ".part")
    with partial.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for entry in entries:
            person = entry.demographics
            leads = ";".join(f"{theirs}={ours}" for theirs, ours in entry.leads.items())
            known = (person.age_years, person.sex, person.height_cm, person.weight_kg, *(entry.span_s or (None, None)))
            record = Path(os.path.abspath(entry.path))
            writer.writerow(
                [record.relative_to(folder) if record.is_relative_to(folder) else record, entry.ppg or "", leads]
                + [entry.dataset, entry.subject, entry.part]
                + ["" if value is None else value for value in known]
            )
    partial.replace(path)

"""Recordings to judge: the entry that is streamed beside its prepared truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference.datasets.manifest import Entry, open_sets, read_manifest
from inference.datasets.prepare import load_records
from inference.datasets.prepared import PreparedRecord
from inference.errors import DataMissing
from inference.evaluation.score import judged

__all__ = ["Case", "load_cases", "load_part"]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One recording with PPG whose own ECG allows a judgement."""

    entry: Entry
    record: PreparedRecord

    @property
    def person(self) -> tuple[str, str]:
        """Dataset and subject."""
        return self.entry.dataset, self.entry.subject


def load_part(data: Path, cache: Path, part: str, jobs: int = 1) -> list[tuple[Entry, PreparedRecord]]:
    """Entries of one part beside their prepared records. data: a folder of the open sets, or a manifest (CSV).

    Raises DataMissing when the part has no usable recording."""
    entries = [one for one in (read_manifest(data) if data.suffix == ".csv" else open_sets(data)) if one.part == part]
    by_name = {(one.dataset, one.name): one for one in entries}
    pairs = [(by_name[one.dataset, one.name], one) for one in load_records(entries, cache, jobs)]
    if not pairs:
        raise DataMissing(f"no usable recording of the {part} part in {data}")
    return pairs


def load_cases(data: Path, cache: Path, part: str, limit: int | None = None, jobs: int = 1) -> list[Case]:
    """Recordings with PPG to judge; limit: the first so many of each dataset. Raises DataMissing without any."""
    cases, counts = [], {}
    for entry, record in load_part(data, cache, part, jobs):
        if entry.ppg is None or not judged(record):
            continue
        counts[entry.dataset] = counts.get(entry.dataset, 0) + 1
        if limit is None or counts[entry.dataset] <= limit:
            cases.append(Case(entry, record))
    if not cases:
        raise DataMissing(f"no recording with PPG and a usable ECG in the {part} part of {data}")
    return cases

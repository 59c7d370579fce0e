"""Recordings to judge: the entry that is streamed beside its prepared truth."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inference.datasets.entry import Entry
from inference.datasets.parts import load_part
from inference.datasets.prepared import PreparedRecord
from inference.errors import DataMissing
from inference.evaluation.score import WHEN_JUDGED, judged

__all__ = ["Case", "load_cases", "names_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One recording with PPG whose own ECG allows a judgement."""

    entry: Entry
    record: PreparedRecord

    @property
    def person(self) -> tuple[str, str]:
        """Dataset and subject."""
        return self.entry.dataset, self.entry.subject


def load_cases(data: Path, cache: Path, part: str, limit: int | None = None, jobs: int = 1) -> list[Case]:
    """Recordings with PPG to judge; limit: the first so many of each dataset. Raises DataMissing without any."""
    with_ppg = [(entry, record) for entry, record in load_part(data, cache, part, jobs) if entry.ppg is not None]
    fit = [(entry, record) for entry, record in with_ppg if judged(record)]
    if not fit:
        raise DataMissing(
            f"no recording to judge in the {part} part of {data}: of {len(with_ppg)} with PPG none has {WHEN_JUDGED}"
        )
    if len(fit) < len(with_ppg):
        names = ", ".join(entry.name for entry, record in with_ppg if not judged(record))
        log.info("%d of %d with PPG are judged; the others lack %s: %s", len(fit), len(with_ppg), WHEN_JUDGED, names)
    cases, counts = [], {}
    for entry, record in fit:
        counts[entry.dataset] = counts.get(entry.dataset, 0) + 1
        if limit is None or counts[entry.dataset] <= limit:
            cases.append(Case(entry, record))
    return cases


def names_of(cases: Sequence[Case]) -> list[str]:
    """A name of its own for each case: the record's, its stretch, and as much of its folder as tells them apart."""
    names = [_name(case, 1) for case in cases]
    for depth in range(2, 1 + max(len(case.entry.path.parts) for case in cases)):
        seen = Counter(names)
        names = [_name(case, depth) if seen[name] > 1 else name for case, name in zip(cases, names, strict=True)]
    return names


def _name(case: Case, depth: int) -> str:
    start = f"@{case.entry.span_s[0]:g}s" if case.entry.span_s else ""
    return "/".join(case.entry.path.parts[-depth:]) + start

"""The MIMIC-III Waveform Database Matched Subset as entries: pXX/pXXNNNN/pXXNNNN-YYYY-MM-DD-hh-mm.hea, each a list of
segments 3NNNNNN_NNNN. Subjects are those of the clinical tables, whose PATIENTS.csv gives age and sex.

Written from its documentation (physionet.org/content/mimic3wdb-matched/1.0), never run on the database itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from inference.datasets.clinical import OVER_89, read_table
from inference.datasets.entry import Entry
from inference.datasets.excerpts import Excerpt, Limits, excerpts
from inference.datasets.splits import part_of
from inference.errors import DataMissing
from stream.messages import Demographics

__all__ = ["mimic3"]

_DATASET = "mimic3"
_RECORDS = "p??????-????-??-??-??-??.hea"  # numerics end in n
_SHIFTED = 120  # years: dates of birth of people over 89 lie 300 years back


def mimic3(folder: Path, patients: Path | None, limits: Limits) -> list[Entry]:
    """Stretches with PPG and ECG. folder: holds p00/ to p09/. patients: PATIENTS.csv or .csv.gz.

    Raises DataMissing when there is none, or the table is not there or not it."""
    born = _births(patients) if patients else {}
    entries = [
        _entry(int(person.name[1:]), excerpt, born)
        for person in sorted(folder.glob("p[0-9][0-9]/p[0-9]*/"))[: limits.people]
        for excerpt in excerpts((path.with_suffix("") for path in sorted(person.glob(_RECORDS))), limits)
    ]
    if not entries:
        raise DataMissing(
            f"no stretch of a minute with PPG and two ECG leads in {folder}: it should hold p00/p000020/ and the like"
        )
    return entries


def _entry(subject: int, excerpt: Excerpt, born: dict[int, tuple[str | None, date]]) -> Entry:
    person = Demographics()
    if subject in born:
        sex, birth = born[subject]
        person = Demographics(_age(birth, _recorded(excerpt.record)), sex)
    part = part_of(_DATASET, str(subject))
    return Entry(excerpt.path, _DATASET, str(subject), part, excerpt.ppg, excerpt.leads, person, span_s=excerpt.span_s)


def _births(table: Path) -> dict[int, tuple[str | None, date]]:
    rows = read_table(table, ("subject_id", "gender", "dob"))
    try:
        return {int(row["subject_id"]): (row["gender"] or None, date.fromisoformat(row["dob"][:10])) for row in rows}
    except ValueError as error:
        raise DataMissing(f"{table.name} cannot be read as PATIENTS.csv: {error}") from error


def _recorded(record: Path) -> date:
    """The surrogate date in a record's name; the clinical tables of the subject are shifted alike."""
    return date.fromisoformat(record.name[8:18])


def _age(birth: date, day: date) -> float:
    years = (day - birth).days / 365.25
    return OVER_89 if years > _SHIFTED else round(max(0.0, min(years, OVER_89)), 1)

"""MIMIC-IV as entries: long bedside recordings with PPG of the Waveform Database, waves/pNNN/pNNNNNNNN/NNNNNNNN/, and
12-lead ECGs of 10 s of MIMIC-IV-ECG, files/pNNNN/pNNNNNNNN/sNNNNNNNN/. One person in both is one subject, so in one
part. Age and sex are of hosp/patients.csv.

Written from their documentation (physionet.org/content/mimic4wdb/0.1.0, mimic-iv-ecg/1.0), never run on the databases
themselves. ECG has four samples in a frame there, PPG two: see records.py."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from inference.datasets.clinical import OVER_89, read_table
from inference.datasets.entry import Entry
from inference.datasets.excerpts import Limits, excerpts, leads_of, placeable
from inference.datasets.records import read_header
from inference.datasets.splits import part_of
from inference.errors import DataMissing
from stream.messages import Demographics

__all__ = ["mimic4"]

_DATASET = "mimic4"


@dataclass(frozen=True, slots=True)
class _Person:
    """age: in the year `anchor`, over 89 as 91."""

    sex: str | None
    age: float
    anchor: int

    def at(self, year: int | None) -> Demographics:
        """As old as in that year of the subject's own, shifted calendar."""
        age = self.age + (year - self.anchor if year else 0)
        return Demographics(max(0.0, min(age, OVER_89)), self.sex)


def mimic4(folder: Path, ecg: Path | None, patients: Path | None, limits: Limits) -> list[Entry]:
    """Stretches with PPG and ECG, then 12-lead ECGs. folder: holds waves/ (or is it); ecg: holds record_list.csv and
    files/; patients: patients.csv or .csv.gz.

    Raises DataMissing when there is none, or a table is not there or not it."""
    people = _people(patients) if patients else {}
    entries = _waves(folder, people, limits)
    if not entries:
        raise DataMissing(
            f"no stretch of a minute with PPG and two ECG leads in {folder}: it should hold waves/p100/p10014354/ and "
            "the like"
        )
    return entries + (_ecgs(ecg, people, limits) if ecg else [])


def _people(table: Path) -> dict[int, _Person]:
    rows = read_table(table, ("subject_id", "gender", "anchor_age", "anchor_year"))
    try:
        return {
            int(row["subject_id"]): _Person(row["gender"] or None, float(row["anchor_age"]), int(row["anchor_year"]))
            for row in rows
        }
    except ValueError as error:
        raise DataMissing(f"{table.name} cannot be read as patients.csv: {error}") from error


def _at(people: dict[int, _Person], subject: int, year: int | None) -> Demographics:
    return people[subject].at(year) if subject in people else Demographics()


def _waves(folder: Path, people: dict[int, _Person], limits: Limits) -> list[Entry]:
    root = folder / "waves" if (folder / "waves").is_dir() else folder
    entries = []
    for home in sorted(root.glob("p[0-9]*/p[0-9]*/"))[: limits.people]:
        subject = int(home.name[1:])
        records = (one / one.name for one in sorted(home.iterdir()) if one.is_dir())
        for one in excerpts(records, limits):
            person = _at(people, subject, read_header(one.record).year)
            entries.append(_entry(one.path, subject, one.ppg, one.leads, person, one.span_s))
    return entries


def _ecgs(folder: Path, people: dict[int, _Person], limits: Limits) -> list[Entry]:
    here: dict[int, list[tuple[str, Path]]] = defaultdict(list)
    for row in read_table(folder / "record_list.csv", ("subject_id", "ecg_time", "path")):
        path = folder / row["path"]
        if Path(f"{path}.hea").exists():  # a copy may hold a part of what is listed
            here[int(row["subject_id"])].append((row["ecg_time"], path))
    entries = []
    for subject in sorted(here)[: limits.people]:
        for time, path in sorted(here[subject])[: limits.per_person]:
            leads = _leads(path)
            if placeable(leads):
                entries.append(_entry(path, subject, None, leads, _at(people, subject, int(time[:4])), None))
    return entries


def _leads(path: Path) -> dict[str, str]:
    try:
        return leads_of(read_header(path).channels)
    except (OSError, ValueError):  # passed over, as in excerpts.py
        return {}


def _entry(
    path: Path,
    subject: int,
    ppg: str | None,
    leads: dict[str, str],
    person: Demographics,
    span_s: tuple[float, float] | None,
) -> Entry:
    part = part_of(_DATASET, str(subject))
    return Entry(path, _DATASET, str(subject), part, ppg, leads, person, span_s=span_s)

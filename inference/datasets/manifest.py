"""What to train on: a manifest of WFDB recordings, one line each.

CSV columns: record (path without extension, relative to the manifest), ppg (channel, empty for none), leads
("THEIRS=OURS;..."), dataset, subject, part, age, sex, height, weight (empty for unknown), and labels if there are any
(codes of a diagnosis, "MI;AF"). Any hospital's own data train the same way as the open sets."""

from __future__ import annotations

import ast
import csv
import re
from dataclasses import dataclass, field
from pathlib import Path

import wfdb

from inference.datasets.splits import part_of, read_splits, subject_of
from inference.errors import DataMissing
from stream.messages import LEADS, Demographics

__all__ = ["Entry", "lead_name", "open_sets", "read_manifest", "write_manifest"]

_COLUMNS = ("record", "ppg", "leads", "dataset", "subject", "part", "age", "sex", "height", "weight", "labels")
_OURS = {name.upper(): name for name in LEADS} | {"MLII": "II", "V": "V", "MCL": "MCL", "MCL1": "MCL1"}
_PPG_NAMES = {"PLETH", "PPG"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording. path: without extension. ppg: channel name or None. leads: their channel name -> ours. labels:
    codes of what its ECG shows, none when nobody said."""

    path: Path
    dataset: str
    subject: str
    part: str
    ppg: str | None
    leads: dict[str, str]
    demographics: Demographics = field(default_factory=Demographics)
    # nothing that is prepared depends on them, and the prepared are cached by an entry's repr
    labels: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """Record name."""
        return self.path.name


def lead_name(channel: str) -> str | None:
    """Our name of an ECG channel ("ECG lead avr," -> "aVR"), None when it is no ECG."""
    cleaned = re.sub(r"^(ECG[ _]?)?(LEAD )?", "", channel.strip().strip(",").upper())
    return _OURS.get(cleaned)


def open_sets(data: Path) -> list[Entry]:
    """Entries of the open sets under `data`: bidmc/, cinc2015/ and ptbxl/, as far as they are there.

    Raises DataMissing when none is."""
    entries = [*_monitor_set(data, "bidmc"), *_monitor_set(data, "cinc2015"), *_ptbxl(data / "ptbxl")]
    if not entries:
        raise DataMissing(f"no recordings under {data}: it should hold bidmc/, cinc2015/ or ptbxl/ with WFDB files")
    return entries


def _placed(dataset: str, record: str, subject: str) -> tuple[str, str]:
    """Subject and part: as frozen, and by the same rule for a record that was not at hand when they were frozen."""
    return read_splits().get((dataset, record), (subject, part_of(dataset, subject)))


def _monitor_set(data: Path, dataset: str) -> list[Entry]:
    entries = []
    for header_path in sorted((data / dataset).glob("*.hea")):
        header = wfdb.rdheader(str(header_path.with_suffix("")))
        channels = [name.strip().strip(",") for name in header.sig_name or []]
        ppg = next((name for name in channels if name.upper() in _PPG_NAMES), None)
        subject, part = _placed(dataset, header_path.stem, subject_of(dataset, header_path.stem))
        entries.append(
            Entry(
                header_path.with_suffix(""),
                dataset,
                subject,
                part,
                ppg,
                _leads(channels),
                _person(header.comments or []),
            )
        )
    return entries


def _leads(channels: list[str]) -> dict[str, str]:
    return {name: ours for name in channels if (ours := lead_name(name))}


def _person(comments: list[str]) -> Demographics:
    text = " ".join(comments)
    age = re.search(r"<age>:\s*(\d+(?:\.\d+)?)", text)
    sex = re.search(r"<sex>:\s*([MF])", text)
    return Demographics(float(age[1]) if age else None, sex[1] if sex else None)


def _ptbxl(folder: Path) -> list[Entry]:
    table, entries = folder / "ptbxl_database.csv", []
    if not table.exists():
        return []
    with table.open() as lines:
        for row in csv.DictReader(lines):
            path = folder / row["filename_lr"]
            if not path.with_suffix(".hea").exists():
                continue
            subject, part = _placed("ptbxl", path.name, f"{float(row['patient_id']):.0f}")
            # 300 years stands for "over 89" in PTB-XL
            age = min(float(row["age"]), 90.0) if row["age"] else None
            person = Demographics(
                age, {"0": "M", "1": "F"}.get(row["sex"]), _number(row["height"]), _number(row["weight"])
            )
            leads = {name.upper(): name for name in LEADS}
            labels = tuple(ast.literal_eval(row.get("scp_codes") or "{}"))
            entries.append(Entry(path, "ptbxl", subject, part, None, leads, person, labels))
    return entries


def read_manifest(path: Path) -> list[Entry]:
    """Read a manifest; without a part, the subject's hash decides. Raises DataMissing when a column is."""
    with path.open() as lines:
        rows = csv.DictReader(lines)
        lacking = set(_COLUMNS[:5]) - set(rows.fieldnames or ())
        if lacking:
            raise DataMissing(f"{path.name}: no column {', '.join(sorted(lacking))}; needed: {', '.join(_COLUMNS)}")
        return [_entry(path.parent, row) for row in rows]


def _entry(folder: Path, row: dict[str, str]) -> Entry:
    leads = dict(pair.split("=", 1) for pair in row["leads"].split(";") if pair)
    person = Demographics(
        _number(row.get("age")), row.get("sex") or None, _number(row.get("height")), _number(row.get("weight"))
    )
    part = row.get("part") or part_of(row["dataset"], row["subject"])
    labels = tuple(code.strip() for code in (row.get("labels") or "").split(";") if code.strip())
    return Entry(
        folder / row["record"], row["dataset"], row["subject"], part, row["ppg"] or None, leads, person, labels
    )


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def write_manifest(entries: list[Entry], path: Path) -> None:
    """Write entries so that `read_manifest` gives them back."""
    with path.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for entry in entries:
            person = entry.demographics
            leads = ";".join(f"{theirs}={ours}" for theirs, ours in entry.leads.items())
            known = (person.age_years, person.sex, person.height_cm, person.weight_kg)
            record = entry.path.relative_to(path.parent) if entry.path.is_relative_to(path.parent) else entry.path
            writer.writerow(
                [record, entry.ppg or "", leads, entry.dataset, entry.subject, entry.part]
                + ["" if value is None else value for value in known]
                + [";".join(entry.labels)]
            )

"""The open sets as entries: BIDMC, CinC 2015 and PTB-XL, by the split that was frozen before any training."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from inference.datasets.entry import Entry, lead_name, ppg_channel
from inference.datasets.records import read_header
from inference.datasets.splits import part_of, read_splits, subject_of
from inference.errors import DataMissing
from stream.messages import LEADS, Demographics

__all__ = ["open_sets"]


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
        path = header_path.with_suffix("")
        header = read_header(path)
        subject, part = _placed(dataset, path.name, subject_of(dataset, path.name))
        leads = {name: ours for name in header.channels if (ours := lead_name(name))}
        entries.append(
            Entry(path, dataset, subject, part, ppg_channel(header.channels), leads, _person(header.comments))
        )
    return entries


def _person(comments: Sequence[str]) -> Demographics:
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
            entries.append(Entry(path, "ptbxl", subject, part, None, {name.upper(): name for name in LEADS}, person))
    return entries


def _number(text: str) -> float | None:
    return float(text) if text else None

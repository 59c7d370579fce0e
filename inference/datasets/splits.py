"""Who is trained on, who calibrates, who is only ever tested: decided by subject, once, before any training.

The rule is a hash of the subject, so no one chose by quality; `inference/splits.csv` is its frozen outcome."""

from __future__ import annotations

import csv
import hashlib
from functools import cache
from importlib.resources import files

__all__ = ["PARTS", "part_of", "read_splits", "subject_of"]

PARTS = ("train", "calibration", "test")

# BIDMC recorded three people more than once (data README): one subject each
_SAME_PERSON = {f"bidmc{n:02d}": "bidmc06" for n in (7, 8, 9)}
_SAME_PERSON |= {f"bidmc{n:02d}": "bidmc20" for n in (21, 22, 23)}
_SAME_PERSON |= {"bidmc39": "bidmc38"}

_SHARES = {"bidmc": (0.27, 0.10), "cinc2015": (0.18, 0.10), "ptbxl": (0.12, 0.08)}  # test, calibration


def subject_of(dataset: str, record: str) -> str:
    """The person behind a record of BIDMC or CinC 2015 (which names none: each record counts as its own subject)."""
    return _SAME_PERSON.get(record, record) if dataset == "bidmc" else record


def part_of(dataset: str, subject: str) -> str:
    """train, calibration or test, from the subject's hash. Unknown datasets get CinC's shares."""
    test, calibration = _SHARES.get(dataset, _SHARES["cinc2015"])
    digest = hashlib.sha256(f"p2es/{dataset}/{subject}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if place < test else "calibration" if place < test + calibration else "train"


@cache
def read_splits() -> dict[tuple[str, str], tuple[str, str]]:
    """(dataset, record) -> (subject, part), as frozen in splits.csv."""
    with (files("inference") / "splits.csv").open() as lines:
        return {(row["dataset"], row["record"]): (row["subject"], row["part"]) for row in csv.DictReader(lines)}

"""The split is by subject, follows its rule, and never changes."""

import csv
import hashlib
from collections import Counter
from importlib.resources import files

import pytest

from inference.datasets.splits import PARTS, part_of, read_splits, subject_of

# of the file as frozen before the first training; another value means that a test subject may have been trained on
FROZEN_SHA256 = "179b1541c1f550432a4ba824223b2786f8ef1330a011eb339e208b3c6d316844"


def test_file_is_the_frozen_one():
    assert hashlib.sha256((files("inference") / "splits.csv").read_bytes()).hexdigest() == FROZEN_SHA256


def test_file_follows_the_rule():
    for (dataset, record), (subject, part) in read_splits().items():
        assert part == part_of(dataset, subject), record
        if dataset != "ptbxl":
            assert subject == subject_of(dataset, record)


def test_rule_is_the_documented_hash():
    place = int(hashlib.sha256(b"p2es/bidmc/bidmc01").hexdigest()[:16], 16) / 2**64
    expected = "test" if place < 0.27 else "calibration" if place < 0.37 else "train"
    assert part_of("bidmc", "bidmc01") == expected


def test_no_subject_is_in_two_parts():
    parts: dict[tuple[str, str], set[str]] = {}
    for (dataset, _), (subject, part) in read_splits().items():
        parts.setdefault((dataset, subject), set()).add(part)
    assert all(len(where) == 1 for where in parts.values())


@pytest.mark.parametrize("same", [("06", "07", "08", "09"), ("20", "21", "22", "23"), ("38", "39")])
def test_persons_recorded_more_than_once_are_one_subject(same: tuple[str, ...]):
    assert len({subject_of("bidmc", f"bidmc{number}") for number in same}) == 1


def test_shares():
    with (files("inference") / "splits.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert {row["part"] for row in rows} == set(PARTS)
    subjects = {(row["dataset"], row["subject"], row["part"]) for row in rows}
    count = Counter((dataset, part) for dataset, _, part in subjects)
    assert count["bidmc", "test"] == 10
    assert 0.14 < count["cinc2015", "test"] / 557 < 0.22
    assert 0.08 < count["ptbxl", "test"] / 466 < 0.20

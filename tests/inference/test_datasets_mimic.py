"""Manifests of the MIMIC databases, on small folders of their form: the databases themselves are credentialed."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import wfdb

from inference.datasets.excerpts import Limits
from inference.datasets.manifest import read_manifest, write_manifest
from inference.datasets.mimic3 import mimic3
from inference.datasets.mimic4 import mimic4
from inference.datasets.prepare import prepare
from inference.errors import DataMissing
from stream.messages import LEADS, Demographics
from tests.inference.recordings import SegmentOf, ecg, heartbeats, write_segments

BEATS = heartbeats(420, 5)
FULL = {"II": 1000.0, "V": 500.0, "PLETH": 4000.0}
LIMITS = Limits(minutes=1.5, per_person=2)


def numerics(path: Path) -> None:
    path.with_name(path.name + "n.hea").write_text(f"{path.name}n 1 0.0166666666667 10\nx.dat 16 1/bpm 0 0 0 0 0 HR\n")


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MIMIC-III: p000020 with a long segment, one without PLETH, one of 50 s, a gap; p000188 with one lead alone."""
    folder = tmp_path_factory.mktemp("mimic3wdb-matched")
    path = write_segments(
        folder / "p00" / "p000020",
        "p000020-2183-04-28-17-47",
        BEATS,
        [
            SegmentOf(200, {"V": 500.0, "II": 1000.0}),
            SegmentOf(120, FULL),
            None,
            SegmentOf(50, FULL),
            SegmentOf(70, {"PLETH": 1000.0, "II": 200.0, "AVR": 200.0}),
        ],
        stem="3544749",
    )
    numerics(path)
    write_segments(
        folder / "p00" / "p000188", "p000188-2161-07-02-18-42", BEATS, [SegmentOf(80, {"II": 1e3, "PLETH": 1e3})],
        stem="3975656",
    )  # fmt: skip
    write_segments(folder / "p01" / "p010013", "p010013-2101-01-02-03-04", BEATS, [SegmentOf(60, FULL)], stem="3000001")
    return folder


def test_mimic3_lists_stretches_with_ppg_and_leads(third: Path, tmp_path: Path):
    table = tmp_path / "PATIENTS.csv"
    table.write_text(
        '"ROW_ID","SUBJECT_ID","GENDER","DOB"\n1,20,"F","2107-04-27 00:00:00"\n2,10013,"M","1801-01-01 00:00:00"\n'
    )
    entries = mimic3(third, table, LIMITS)
    assert [(one.name, one.subject, one.leads, one.span_s) for one in entries] == [
        ("3544749_0002", "20", {"II": "II", "V": "V"}, (15.0, 105.0)),
        ("3544749_0005", "20", {"II": "II", "AVR": "aVR"}, None),
        ("3000001_0001", "10013", {"II": "II", "V": "V"}, None),
    ]
    assert {one.ppg for one in entries} == {"PLETH"}
    assert [one.demographics for one in entries] == [Demographics(76.0, "F")] * 2 + [Demographics(90.0, "M")]
    write_manifest(entries, third / "mimic3.csv")
    assert read_manifest(third / "mimic3.csv") == entries


def test_what_mimic3_lists_can_be_prepared(third: Path):
    for entry in mimic3(third, None, LIMITS):
        record = prepare(entry)
        assert record.usable.sum() >= 5
        assert record.lag_s == pytest.approx(0.55, abs=0.03)
        assert entry.demographics == Demographics()


def test_limits_are_kept(third: Path):
    assert [one.name for one in mimic3(third, None, Limits(10, 1))] == ["3544749_0002", "3000001_0001"]
    assert [one.subject for one in mimic3(third, None, Limits(10, 1, 1))] == ["20"]
    # without the segment of 50 s, and the person with one lead
    assert [one.name[-4:] for one in mimic3(third, None, Limits(10, 9))] == ["0002", "0005", "0001"]
    assert mimic3(third, None, Limits(10, 1))[0].span_s is None


@pytest.fixture(scope="module")
def fourth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MIMIC-IV: one person in both databases, one with ECGs alone; a listed ECG that is not in the copy."""
    folder = tmp_path_factory.mktemp("mimic4")
    gains, each = {"II": 1000.0, "aVR": 1000.0, "Pleth": 4000.0}, {"II": 4, "aVR": 4, "Pleth": 2}
    write_segments(
        folder / "wdb" / "waves" / "p100" / "p10014354" / "81739927", "81739927", BEATS,
        [SegmentOf(30, gains, each), None, SegmentOf(70, gains, each)], fs=62.4725,
    )  # fmt: skip
    rows = ["subject_id,study_id,file_name,ecg_time,path"]
    for subject, study, here in (
        (10014354, 41, True),
        (10014354, 40, True),
        (10014354, 42, False),
        (10000032, 43, True),
    ):
        path = f"files/p{subject // 10000}/p{subject}/s{study}/{study}"
        rows.append(f"{subject},{study},{study},21{study}-07-23 08:43:00,{path}")
        if here:
            write_twelve(folder / "ecg" / path)
    (folder / "ecg" / "record_list.csv").write_text("\n".join(rows) + "\n")
    with gzip.open(folder / "patients.csv.gz", "wt") as table:
        table.write("subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n")
        table.write("10014354,M,60,2130,2011 - 2013,\n10000032,F,91,2143,2011 - 2013,2180-09-09\n")
    return folder


def write_twelve(path: Path) -> None:
    path.parent.mkdir(parents=True)
    lead = ecg(BEATS, np.arange(5000) / 500)
    wfdb.wrsamp(
        path.name, 500, ["mV"] * 12, ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"],
        np.outer(lead, np.linspace(0.5, 1.5, 12)), fmt=["16"] * 12, adc_gain=[200.0] * 12, baseline=[0] * 12,
        write_dir=str(path.parent),
    )  # fmt: skip


def test_mimic4_lists_both_databases_with_one_subject_each(fourth: Path):
    entries = mimic4(fourth / "wdb", fourth / "ecg", fourth / "patients.csv.gz", LIMITS)
    assert [(one.name, one.subject, one.ppg, len(one.leads)) for one in entries] == [
        ("81739927_0003", "10014354", "Pleth", 2),
        ("43", "10000032", None, 12),
        ("40", "10014354", None, 12),
        ("41", "10014354", None, 12),
    ]
    assert {one.dataset for one in entries} == {"mimic4"}
    assert len({one.part for one in entries if one.subject == "10014354"}) == 1
    ages = [(one.demographics.age_years, one.demographics.sex) for one in entries]
    assert ages == [(60.0, "M"), (90.0, "F"), (70.0, "M"), (71.0, "M")]
    write_manifest(entries, fourth / "lists" / "mimic4.csv")
    assert read_manifest(fourth / "lists" / "mimic4.csv") == entries


def test_what_mimic4_lists_can_be_prepared(fourth: Path):
    bedside, twelve, *_ = mimic4(fourth / "wdb" / "waves", fourth / "ecg", None, LIMITS)
    record = prepare(bedside)
    assert record.usable.sum() >= 6
    assert record.lag_s == pytest.approx(0.55, abs=0.03)
    whole = prepare(twelve)
    assert np.isfinite(whole.leads_mv).all()
    assert whole.usable.tolist() == [True]
    assert set(twelve.leads.values()) == set(LEADS)


def test_what_is_damaged_or_half_copied_is_passed_over(third: Path):
    (third / "p01" / "p010014").mkdir()
    (third / "p01" / "p010014" / "p010014-2101-01-02-03-04.hea").write_text("p010014-2101-01-02-03-04/2 3 125 7500\n")
    (third / "p01" / "p010015").mkdir()
    master = third / "p01" / "p010013" / "p010013-2101-01-02-03-04.hea"
    copy = third / "p01" / "p010015" / "p010015-2101-01-02-03-04.hea"
    copy.write_text(master.read_text().replace("p010013", "p010015"))  # without its segments
    assert [one.subject for one in mimic3(third, None, LIMITS)] == ["20", "20", "10013"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SUBJECT_ID,GENDER\n20,F\n", "no column dob"),
        ("SUBJECT_ID,GENDER,DOB\n20,F,yesterday\n", "cannot be read as PATIENTS.csv"),
    ],
)
def test_a_table_that_is_another_is_refused(third: Path, tmp_path: Path, text: str, says: str):
    (tmp_path / "PATIENTS.csv").write_text(text)
    with pytest.raises(DataMissing, match=says):
        mimic3(third, tmp_path / "PATIENTS.csv", LIMITS)


def test_an_empty_folder_says_what_it_should_hold(tmp_path: Path, fourth: Path):
    with pytest.raises(DataMissing, match="it should hold p00/p000020/"):
        mimic3(tmp_path, None, LIMITS)
    with pytest.raises(DataMissing, match="it should hold waves/p100/"):
        mimic4(tmp_path, None, None, LIMITS)
    with pytest.raises(DataMissing, match=r"record_list\.csv: no such table"):
        mimic4(fourth / "wdb", tmp_path, None, LIMITS)
    with pytest.raises(DataMissing, match=r"PATIENTS\.csv: no such table"):
        mimic3(tmp_path, tmp_path / "PATIENTS.csv", LIMITS)

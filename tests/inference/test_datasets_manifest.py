"""A manifest is read back as written, and refused with every line that cannot be meant."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.datasets.entry import LEAD_NAMES, Entry
from inference.datasets.manifest import described, open_sets, read_entries, read_manifest, write_manifest
from inference.datasets.manifest_check import Checked, check_together
from inference.errors import DataMissing, ManifestUnusable
from stream.messages import Demographics
from tests.inference.recordings import heartbeats, write_monitor

COLUMNS = "record,ppg,leads,dataset,subject,part,age,sex,height,weight,start_s,stop_s"
GOOD = "{record},PLETH,II=II;AVR=aVR,mine,7,train,61,F,170,70,,"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of 12 s."""
    made = tmp_path_factory.mktemp("records")
    for name in ("one", "two"):
        write_monitor(made, name, heartbeats(12, 5), 0.55, seconds=12)
    return made


def refused(folder: Path, *lines: str, columns: str = COLUMNS) -> str:
    path = folder / "mine.csv"
    path.write_text("\n".join([columns, *lines]) + "\n")
    with pytest.raises(ManifestUnusable) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("three,PLETH,II=II,mine,7,train,,,,,,", "line 2: no record "),
        ("one.hea,PLETH,II=II,mine,7,train,,,,,,", "leave .hea out"),
        (",PLETH,II=II,mine,7,train,,,,,,", "line 2: the record is missing"),
        ("one,PLETH,II=II,,7,train,,,,,,", "the dataset is missing"),
        ("one,PLETH,II=II,mine,,train,,,,,,", "the subject is missing"),
        ("one,PLETH,II=IV,mine,7,train,,,,,,", "lead IV: one of I, II, III, aVR"),
        ("one,PLETH,II=ii,mine,7,train,,,,,,", "lead ii: one of"),
        ("one,PLETH,,mine,7,train,,,,,,", "no leads"),
        ("one,PLETH,II,mine,7,train,,,,,,", 'leads "II": THEIRS=OURS;THEIRS=OURS'),
        ("one,PLETH,=II,mine,7,train,,,,,,", 'leads "=II"'),
        ("one,PLETH,II=,mine,7,train,,,,,,", 'leads "II="'),
        ("one,PLETH,II=II;V=II,mine,7,train,,,,,,", "lead V=II is named twice"),
        ("one,Pleth,II=II,mine,7,train,,,,,,", "no channel Pleth in one, which has II, AVR, V, PLETH"),
        ("one,PLETH,I=I,mine,7,train,,,,,,", "no channel I in one"),
        ("one,V,V=V,mine,7,train,,,,,,", "V is both PPG and lead"),
        ("one,PLETH,II=II,mine,7,tets,,,,,,", "part tets: one of train, calibration, test"),
        ("one,PLETH,II=II,mine,7,train,sixty,,,,,", "age sixty is no number"),
        ("one,PLETH,II=II,mine,7,train,nan,,,,,", "age nan is no number"),
        ("one,PLETH,II=II,mine,7,train,300,,,,,", "age_years: 0 to 120, not 300"),
        ("one,PLETH,II=II,mine,7,train,-1,,,,,", "age_years: 0 to 120, not -1"),
        ("one,PLETH,II=II,mine,7,train,,male,,,,", "sex: F or M, not male"),
        ("one,PLETH,II=II,mine,7,train,,,1.7,,,", "height_cm: 20 to 250, not 1.7"),
        ("one,PLETH,II=II,mine,7,train,,,,7000,,", "weight_kg: 0.3 to 400, not 7000"),
        ("one,PLETH,II=II,mine,7,train,,,,,0,60", "stop_s 60: one ends after 12 s"),
        ("one,PLETH,II=II,mine,7,train,,,,,5,", "start_s and stop_s: both"),
        ("one,PLETH,II=II,mine,7,train,,,,,8,5", "stop_s after start_s"),
        ("one,PLETH,II=II,mine,7,train,,,,,,,more", "more cells than columns"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(folder: Path, wrong: str, says: str):
    assert says in refused(folder, wrong)


def test_a_header_that_is_none_is_refused(folder: Path):
    (folder / "garbage.hea").write_text("<html>")
    assert "garbage.hea is no WFDB header" in refused(folder, GOOD.format(record="garbage"))


def test_a_person_in_two_parts_and_a_recording_twice_are_refused(folder: Path):
    said = refused(folder, GOOD.format(record="one"), GOOD.format(record="two").replace("train", "test"))
    assert "has 1 problem: line 3: subject 7 of mine is in test, on line 2 in train" in said
    assert "line 3: one is already on line 2" in refused(folder, *[GOOD.format(record="one")] * 2)
    assert "one is already on line 2" in refused(folder, GOOD.format(record="one"), GOOD.format(record="./one"))
    spans = [GOOD.format(record="one")[:-1] + span for span in ("0,6", "5,11")]
    assert "line 3: one is already on line 2" in refused(folder, *spans)


def test_every_problem_is_told_with_its_line_up_to_ten(folder: Path):
    said = refused(folder, GOOD.format(record="one"), *["x,PLETH,II=IV,mine,7,train,,,,,,"] * 7)
    assert said.startswith("mine.csv has 20 problems: line 3: ")
    assert said.count("line ") == 10 + said.count("already on line ")
    assert said.endswith("; and 10 more")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("record,ppg,dataset\n", "no column leads, subject; columns: record,ppg,leads"),
        ("", "no column record"),
        (COLUMNS + "\n\n", "lists no recording"),
        (COLUMNS + "\n" + "x" * 140_000 + "\n", "is no CSV in UTF-8: field larger"),
    ],
)
def test_a_table_that_is_none_is_refused(folder: Path, text: str, says: str):
    (folder / "mine.csv").write_text(text)
    with pytest.raises(ManifestUnusable, match=says):
        read_manifest(folder / "mine.csv")


def test_another_encoding_and_no_file_are_refused(folder: Path):
    (folder / "mine.csv").write_bytes(COLUMNS.encode() + b"\n\xff\xfe,x\n")
    with pytest.raises(ManifestUnusable, match="no CSV in UTF-8"):
        read_manifest(folder / "mine.csv")
    with pytest.raises(DataMissing, match="no such manifest"):
        read_entries(folder / "absent.csv")


def test_what_spreadsheets_add_is_read(folder: Path):
    (folder / "mine.csv").write_text(f"\ufeff{COLUMNS},note\r\n{GOOD.format(record=' one ')},x\r\n\r\n")
    assert [one.name for one in read_manifest(folder / "mine.csv")] == ["one"]


def test_the_needed_columns_are_enough_and_the_hash_gives_the_part(folder: Path):
    (folder / "mine.csv").write_text("subject,record,ppg,leads,dataset\n7,one,,II=II,mine\n")
    (entry,) = read_manifest(folder / "mine.csv")
    assert (entry.ppg, entry.leads, entry.demographics, entry.span_s) == (None, {"II": "II"}, Demographics(), None)
    assert entry.part == "train"


def test_round_trip(tmp_path: Path):
    write_monitor(tmp_path / "bidmc", "bidmc01", heartbeats(20, 5), 0.55, 20, comment="<age>: 88 <sex>: M")
    write_monitor(tmp_path / "bidmc", "bidmc02", heartbeats(20, 5), 0.55, 20)
    one, two = open_sets(tmp_path)
    made = [
        replace(one, demographics=Demographics(70.0, "F", 165.5, None), span_s=(0.0, 9.5)),
        replace(one, ppg=None, span_s=(9.5, 20.0)),
        two,
    ]
    write_manifest(made, tmp_path / "deep" / "mine.csv")
    assert read_entries(tmp_path / "deep" / "mine.csv") == made
    assert described(made).startswith("3 recordings (1 without PPG): train ")


def test_records_are_found_again_from_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    entry = Entry(Path("one"), "mine", "7", "train", "PLETH", {"II": "II"})
    (folder / "lists").mkdir(exist_ok=True)
    write_manifest([entry], Path("lists") / "mine.csv")
    assert read_manifest(Path("lists") / "mine.csv")[0].path == folder / "one"
    write_manifest([entry], Path("mine.csv"))
    assert (folder / "mine.csv").read_text().splitlines()[1].startswith("one,PLETH,II=II,mine,7,train")


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("1234"), st.sampled_from(["train", "calibration", "test"])),
        max_size=12,
    )
)
def test_the_split_holds_if_and_only_if_nothing_is_said(rows: list[tuple[str, str, str]]):
    checked = [
        Checked(line, Entry(Path(f"/r{line}"), dataset, subject, part, None, {}), ())
        for line, (dataset, subject, part) in enumerate(rows, 2)
    ]
    parts: dict[tuple[str, str], set[str]] = {}
    for dataset, subject, part in rows:
        parts.setdefault((dataset, subject), set()).add(part)
    assert bool(list(check_together(checked))) == any(len(each) > 1 for each in parts.values())


def test_our_names_are_those_the_open_sets_use():
    assert LEAD_NAMES[:12] == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    assert LEAD_NAMES[12:] == ("V", "MCL", "MCL1")

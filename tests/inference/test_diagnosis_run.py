"""The judgement of diagnoses from end to end, on people made for it, and its page."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from inference.datasets.entry import Entry
from inference.datasets.prepare import Loaded
from inference.datasets.prepared import PreparedRecord
from inference.diagnosis.crossval import Fit
from inference.diagnosis.learning import DESIGNS, Design, Shown
from inference.diagnosis.regression import regression
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation import diagnosis_run
from inference.evaluation.diagnosis_report import write_diagnosis
from inference.evaluation.diagnosis_rules import rule_rows
from inference.evaluation.diagnosis_run import PERSON, Figure, judge_diagnosis
from inference.evaluation.estimate import Estimate
from inference.evaluation.run import EvaluationSettings
from inference.evaluation.streamed import Streamed
from stream.messages import LEADS, Demographics
from tests.inference.recordings import ecg

# what is asked of an engine here is stubbed but for its name
ENGINE = cast(Engine, SimpleNamespace(model_id="p2es-test"))


def person(i: int) -> tuple[Entry, PreparedRecord]:
    """Infarcted: the last chest lead upside down. Fibrillating: beats as they come. Neither is told by age or sex."""
    rng = np.random.default_rng(i)
    labels = ["MI"] * (i % 3 == 0) + ["AFIB"] * (i % 4 == 0) or ["SR"]
    beats = np.cumsum(0.7 + (0.25 if i % 4 == 0 else 0.01) * rng.uniform(-1, 1, 16))
    beats = beats[beats < 9.5]
    lead = ecg(beats, np.arange(1280) / 128)
    leads = np.stack([lead] * 7 + [-lead if i % 3 == 0 else lead]).astype(np.float32)
    entry = Entry(
        Path(f"x{i}"), "ward", f"p{i}", "test" if i % 2 else "train", None, {}, Demographics(50.0 + i % 7, "FM"[i % 2]),
        labels=tuple(labels),
    )  # fmt: skip
    none = np.zeros(0, np.float32)
    record = PreparedRecord(
        entry.dataset, entry.name, entry.subject, entry.part, entry.demographics, none, none, none, none, none,
        leads, beats, np.ones(1, bool), none, 0.0, 0.0,
    )  # fmt: skip
    return entry, record


PEOPLE = [person(i) for i in range(80)]


RECORDS = {record.name: record for _, record in PEOPLE}


class Networks:
    """Regressions on the leads at R instead. made: what each was shown, and how it was designed."""

    def __init__(self) -> None:
        self.made: list[tuple[Shown, Design, Fit]] = []

    def __call__(self, shown: Shown, truth: np.ndarray, design: Design, out: Path, asked: Shown | None = None) -> Fit:
        columns = [
            np.concatenate([[each.beat_mv[:, 45] for each in one.examples], one.columns], 1)
            for one in (shown, asked or shown)
        ]
        both = regression(np.concatenate(columns), np.concatenate([truth, truth]))

        def fit(train, name):
            predict = both(train, name)
            return lambda wanted: predict(wanted + len(truth))

        self.made.append((shown, design, fit))
        return fit


@pytest.fixture
def networks():
    return Networks()


@pytest.fixture
def quick(monkeypatch, tmp_path, networks):
    """p2es gives everybody the same beat at their R peaks."""
    monkeypatch.setattr(diagnosis_run, "network", networks)
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: [entry for entry, _ in PEOPLE])
    monkeypatch.setattr(
        diagnosis_run, "load_all", lambda entries, *_: Loaded([(one, RECORDS[one.name]) for one in entries], [])
    )
    monkeypatch.setattr(
        diagnosis_run,
        "from_true_peaks",
        lambda _, record: np.stack([ecg(record.beats_s, np.arange(1280) / 128)] * 8),
    )
    return EvaluationSettings(tmp_path / "ward.csv", tmp_path / "cache", "all")


def with_limits(figure: Figure) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(*figure)


def test_what_the_leads_hold_is_told_and_what_they_lack_is_not(quick, networks, tmp_path):
    report = judge_diagnosis(ENGINE, quick)
    assert (report.recordings, report.people, report.with_ppg) == (80, 80, 0)
    assert report.mix == {"MI": 27, "AF": 20}
    rows = {row.name: row for row in report.rows}
    area = {name: {label: row.classes[label]["auroc"][0] for label in report.mix} for name, row in rows.items()}
    assert area["class prior"] == {"MI": 0.5, "AF": 0.5}
    real, limbs, made, asked, plain = (
        next(name for name in area if part in name)
        for part in ("twelve", "limb", "trained on", "the network of", "amplitudes")
    )
    assert area[real]["MI"] > 0.9 > 0.7 > max(area[name]["MI"] for name in (limbs, made, asked, PERSON))
    assert min(area[name]["AF"] for name in (made, asked, plain)) > 0.9 > 0.8 > area[PERSON]["AF"]
    # rhythm beside the leads, and age, its square and sex where they are shown too
    assert [shown.columns.shape[1] for shown, *_ in networks.made] == [4, 7, 4, 4, 4]
    assert rows[PERSON].beyond_person["MI"] == (0, 0, 0)
    assert rows[real].beyond_person["MI"][0] == pytest.approx(area[real]["MI"] - area[PERSON]["MI"])
    found = 20 * rows[made].classes["AF"]["sensitivity"][0]
    assert found >= 15
    assert found == pytest.approx(round(found))  # of the people as they are, not of a resample
    assert report.held_out_recordings == 40
    assert report.held_out_mix == {"MI": 13, "AF": 0}
    assert report.rules[1].tally.hit == 20


def test_the_page_shows_each_figure_in_its_place(quick, tmp_path):
    report = judge_diagnosis(ENGINE, quick)
    page, table = (Path(name) for name in write_diagnosis(report, tmp_path / "docs", "p2es evaluate --task mi").split())
    assert page.name == "diagnosis.md"
    assert json.loads(table.read_text())["mix"] == report.mix
    text = page.read_text()
    assert "not for diagnosis" in text
    assert "Reading it" not in text  # is about one set
    _, areas, beyond, held_out, infarcted, *_ = text.split("| told from |")
    for row, unseen in zip(report.rows, report.held_out, strict=True):
        start = f"| {row.name} | "
        assert start + with_limits(row.classes["MI"]["auroc"]) in areas
        assert (start + with_limits(row.beyond_person["MI"]) in beyond) == (row.name != PERSON)
        assert start + with_limits(unseen.classes["MI"]["auroc"]) in held_out
        figures = [with_limits(row.classes["MI"][name]) for name in ("auroc", "average_precision", "sensitivity")]
        assert start + " | ".join(figures) in infarcted
    assert report.held_out != report.rows
    assert "## MI: 27 of 80 recordings" in held_out


def test_it_is_counted_who_is_in_it_and_who_is_not(quick, monkeypatch, tmp_path):
    """Nine bear a class, ten another; the first two are one person, and of three the ECG is of no use."""
    entries = [
        replace(entry, labels=(*entry.labels, *["HYP"] * (i < 9), *["CD"] * (i < 10), *["ODD"] * (i < 2)))
        for i, (entry, _) in enumerate(PEOPLE)
    ]
    entries[1] = replace(entries[1], subject=entries[0].subject)
    usual = diagnosis_run.load_all
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: entries)
    monkeypatch.setattr(diagnosis_run, "load_all", lambda *asked: Loaded(usual(*asked).pairs[:-3], []))
    report = judge_diagnosis(ENGINE, replace(quick, limit=78))
    assert (report.recordings, report.people, report.left_out) == (75, 74, 3)
    assert list(report.mix) == ["MI", "CD", "AF"]
    assert dict(report.unused) == {"SR": sum("SR" in one.labels for one in entries[:75]), "ODD": 2}
    page, _ = write_diagnosis(report, tmp_path, "").split()
    assert "3 more bear labels but no usable ECG" in Path(page).read_text()


def test_the_development_part_compares_designs_without_the_test_part(quick, networks, monkeypatch, tmp_path):
    joined = []
    usual = diagnosis_run.together
    monkeypatch.setattr(diagnosis_run, "together", lambda fits: joined.append(fits) or usual(fits))
    report = judge_diagnosis(ENGINE, replace(quick, part="development"))
    assert report.recordings == 40
    assert [row.name for row in report.rows] == [PERSON, *DESIGNS, "the first and the last"]
    assert [design for _, design, _ in networks.made] == list(DESIGNS.values())
    assert joined == [[networks.made[0][2], networks.made[-1][2]]]
    assert not report.held_out
    assert write_diagnosis(report, tmp_path, "").startswith(str(tmp_path / "diagnosis-development.md"))


def pulse(monkeypatch, estimate):
    """estimate: of an entry with PPG."""
    nothing = np.zeros(1280)
    monkeypatch.setattr(diagnosis_run, "windows_of", lambda entry: entry)
    monkeypatch.setattr(
        diagnosis_run,
        "stream_record",
        lambda engine, entry, n: Streamed(estimate(entry), np.zeros(0), nothing, nothing, np.zeros((2, 1280))),
    )
    return [replace(one, ppg="PLETH" if i % 4 != 1 else None) for i, (one, _) in enumerate(PEOPLE)]


def test_recordings_with_ppg_go_through_the_windows(quick, monkeypatch):
    beats = np.arange(0.5, 9.5, 0.8)
    leads = np.zeros((len(LEADS), 1280), np.float32)
    leads[LEADS.index("V6")] = 1.0
    entries = pulse(monkeypatch, lambda _: Estimate(leads, beats, np.ones(len(beats))))
    examples, (source,) = diagnosis_run._made(ENGINE, diagnosis_run._cases(entries, quick))
    assert examples[0].strips_mv[0].any(1).tolist() == [False] * 7 + [True]
    assert examples[0].rhythm[0] == pytest.approx(75)
    assert examples[1].strips_mv[0].any(1).all()  # from the true R peaks
    assert (source[0], source[1].tolist()) == ("beats from the PPG", [i for i in range(80) if i % 4 != 1])
    assert all(one is beats for one in source[2])


def test_the_rules_are_told_of_the_pulse_too(quick, monkeypatch):
    """What is announced is true here, but for one beat in the middle of each recording."""

    def estimate(entry):
        beats = RECORDS[entry.name].beats_s
        beats = np.delete(beats, len(beats) // 2)
        return Estimate(np.zeros((len(LEADS), 1280), np.float32), beats, np.ones(len(beats)))

    entries = pulse(monkeypatch, estimate)
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: entries)
    report = judge_diagnosis(ENGINE, quick)
    assert report.with_ppg == 60
    cases, heard = diagnosis_run._cases(entries, quick), np.array([i for i in range(80) if i % 4 != 1])
    beats = [estimate(entries[i]).beats_s for i in heard]
    labels = [entries[i].labels for i in heard]
    expected = rule_rows("beats from the PPG", beats, labels, cases.folds[heard], cases.weights[:, heard])
    told = [row for row in report.rules if row.beats == "beats from the PPG"]
    assert [str(one) for one in told] == [str(one) for one in expected]  # no NaN equals another
    assert len(report.rules) == 2 * len(expected)


def test_what_bears_no_label_or_too_few_is_refused(quick, monkeypatch):
    people = [entry for entry, _ in PEOPLE]
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: [replace(one, labels=()) for one in people])
    with pytest.raises(DataMissing, match="labels"):
        judge_diagnosis(ENGINE, quick)
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: people[:12])
    with pytest.raises(DataMissing, match="12 labelled recordings are too few"):
        judge_diagnosis(ENGINE, quick)
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: [replace(one, subject="one") for one in people])
    with pytest.raises(DataMissing, match="all have to be of many people"):
        judge_diagnosis(ENGINE, quick)

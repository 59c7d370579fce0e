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
from inference.diagnosis.regression import regression
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation import diagnosis_run
from inference.evaluation.diagnosis_report import write_diagnosis
from inference.evaluation.diagnosis_run import PERSON, judge_diagnosis
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


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A regression on the leads at R for the networks; p2es gives everybody the same beat at their R peaks."""
    records = {record.name: record for _, record in PEOPLE}

    def at_r(shown, truth, design, out, asked=None):
        heights = np.array([one.beat_mv[:, 45] for one in shown.examples])
        return regression(np.concatenate([heights, shown.columns], 1), truth)

    monkeypatch.setattr(diagnosis_run, "network", at_r)
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: [entry for entry, _ in PEOPLE])
    monkeypatch.setattr(
        diagnosis_run, "load_all", lambda entries, *_: Loaded([(one, records[one.name]) for one in entries], [])
    )
    monkeypatch.setattr(
        diagnosis_run,
        "from_true_peaks",
        lambda _, record: np.stack([ecg(record.beats_s, np.arange(1280) / 128)] * 8),
    )
    return EvaluationSettings(tmp_path / "ward.csv", tmp_path / "cache", "all")


def test_what_the_leads_hold_is_told_and_what_they_lack_is_not(quick, tmp_path):
    report = judge_diagnosis(ENGINE, quick)
    assert (report.recordings, report.people, report.with_ppg) == (80, 80, 0)
    assert report.mix == {"MI": 27, "AF": 20}
    rows = {row.name: row for row in report.rows}
    area = {name: {label: row.classes[label]["auroc"][0] for label in report.mix} for name, row in rows.items()}
    assert area["class prior"] == {"MI": 0.5, "AF": 0.5}
    real, limbs, made = (next(area[name] for name in area if part in name) for part in ("twelve", "limb", "trained on"))
    assert real["MI"] > 0.9 > 0.7 > max(limbs["MI"], made["MI"])
    assert made["AF"] > 0.9
    assert rows[PERSON].beyond_person["MI"] == (0, 0, 0)
    assert report.held_out_recordings == 40
    assert report.rules[1].tally.hit == 20
    page, table = (Path(name) for name in write_diagnosis(report, tmp_path / "docs", "p2es evaluate --task mi").split())
    assert page.name == "diagnosis.md"
    assert "## MI: 27 of 80 recordings" in page.read_text()
    assert "not for diagnosis" in page.read_text()
    assert json.loads(table.read_text())["mix"] == report.mix


def test_the_development_part_compares_designs_without_the_test_part(quick, tmp_path):
    report = judge_diagnosis(ENGINE, replace(quick, part="development"))
    assert report.recordings == 40
    assert [row.name for row in report.rows] == [PERSON, *diagnosis_run.DESIGNS, "the first and the last"]
    assert not report.held_out
    assert write_diagnosis(report, tmp_path, "").startswith(str(tmp_path / "diagnosis-development.md"))


def test_recordings_with_ppg_go_through_the_windows(quick, monkeypatch):
    beats = np.arange(0.5, 9.5, 0.8)
    leads = np.zeros((len(LEADS), 1280), np.float32)
    leads[LEADS.index("V6")] = 1.0
    monkeypatch.setattr(diagnosis_run, "windows_of", lambda entry: entry)
    nothing, estimate = np.zeros(1280), Estimate(leads, beats, np.ones(len(beats)))
    streamed = Streamed(estimate, np.zeros(0), nothing, nothing, np.zeros((2, 1280)))
    monkeypatch.setattr(diagnosis_run, "stream_record", lambda *_: streamed)
    entries, records = zip(*PEOPLE, strict=True)
    cases = diagnosis_run._cases([replace(one, ppg="PLETH") for one in entries[:60]], quick)
    examples, (source,) = diagnosis_run._made(ENGINE, cases)
    assert examples[0].strips_mv[0].any(1).tolist() == [False] * 7 + [True]
    assert (source[0], len(source[1])) == ("beats from the PPG", 60)
    assert records[0].name == "x0"


def test_what_bears_no_label_or_too_few_is_refused(quick, monkeypatch):
    people = [entry for entry, _ in PEOPLE]
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: [replace(one, labels=()) for one in people])
    with pytest.raises(DataMissing, match="labels"):
        judge_diagnosis(ENGINE, quick)
    monkeypatch.setattr(diagnosis_run, "read_entries", lambda data: people[:12])
    with pytest.raises(DataMissing, match="12 labelled recordings are too few"):
        judge_diagnosis(ENGINE, quick)

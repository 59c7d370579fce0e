"""What can be told of a diagnosis: from the true ECG, from the leads made of pulse or R peaks, and from age and sex."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.datasets.entry import Entry
from inference.datasets.manifest import read_entries
from inference.datasets.prepare import load_all
from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import GENERATED
from inference.datasets.windows import windows_of
from inference.diagnosis.crossval import FOLDS, Fit, Told, cross_validate, fold_of
from inference.diagnosis.examples import Example, example_of, limbs_of
from inference.diagnosis.features import person_columns, plain_columns
from inference.diagnosis.labels import CLASSES, classes_of, unused
from inference.diagnosis.learning import DESIGNS, Shown, network, together
from inference.diagnosis.regression import prior, regression
from inference.diagnosis.scores import auroc, figures, limits, patient_weights
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation.chest import from_true_peaks
from inference.evaluation.diagnosis_rules import RuleRow, rule_rows
from inference.evaluation.run import EvaluationSettings
from inference.evaluation.streamed import stream_record
from stream.messages import LEADS

__all__ = ["PERSON", "DiagnosisReport", "DiagnosisRow", "Figure", "judge_diagnosis"]

PERSON = "age and sex, regression"
_FEWEST = 10  # recordings of a class, and not of it: with less there is nothing to say
_CHOSEN = DESIGNS["median beat, mean of three seeds"]

Figure = tuple[float, float, float]  # the value and its 95 % limits


@dataclass(frozen=True, slots=True)
class DiagnosisRow:
    """One estimate: by class, each figure of `scores.figures`; and by class its AUROC less that of age and sex
    alone."""

    name: str
    classes: Mapping[str, Mapping[str, Figure]]
    beyond_person: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class DiagnosisReport:
    """mix: recordings of each class that is judged. with_ppg: recordings whose leads come through the windows.
    left_out: labelled recordings whose own ECG cannot be used. rows: over all; held_out: over the test part alone, and
    its mix. rules: of fibrillation. unused: codes of no class, and how often."""

    model_id: str
    part: str
    datasets: Sequence[str]
    recordings: int
    people: int
    with_ppg: int
    left_out: int
    mix: Mapping[str, int]
    rows: Sequence[DiagnosisRow]
    held_out: Sequence[DiagnosisRow]
    held_out_mix: Mapping[str, int]
    held_out_recordings: int
    rules: Sequence[RuleRow]
    unused: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Cases:
    """Labelled recordings with a usable ECG. truth: (n, judged classes) bool. folds: (n,). weights: (k, n)."""

    entries: Sequence[Entry]
    records: Sequence[PreparedRecord]
    classes: Sequence[str]
    truth: np.ndarray
    folds: np.ndarray
    weights: np.ndarray


def judge_diagnosis(engine: Engine, wanted: EvaluationSettings) -> DiagnosisReport:
    """Cross-validate over every labelled recording; of the development part the designs instead of the sources.

    Raises DataMissing when too few recordings bear labels, WeightsUnfit without torch networks."""
    entries = _labelled(wanted)
    cases = _cases(entries, wanted)
    out = wanted.cache / "diagnosis"
    real = [example_of(one.leads_mv, one.beats_s, one.usable) for one in cases.records]
    beats = [("R peaks of the ECG", np.arange(len(cases.records)), [one.beats_s for one in cases.records])]
    if wanted.part == "development":
        fits = _designs(cases, real, out)
    else:
        made, announced = _made(engine, cases)
        fits = _sources(cases, real, made, out)
        beats += announced
    told = {name: cross_validate(fit, cases.truth, cases.folds) for name, fit in fits.items()}
    unseen = np.flatnonzero([one.part == "test" for one in cases.entries])
    return DiagnosisReport(
        model_id=engine.model_id,
        part=wanted.part,
        datasets=list(dict.fromkeys(one.dataset for one in cases.entries)),
        recordings=len(cases.entries),
        people=len({(one.dataset, one.subject) for one in cases.entries}),
        with_ppg=sum(one.ppg is not None for one in cases.entries),
        left_out=len(entries) - len(cases.entries),
        mix=dict(zip(cases.classes, map(int, cases.truth.sum(0)), strict=True)),
        rows=_rows(cases, told, np.arange(len(cases.entries))),
        held_out=_rows(cases, told, unseen) if len(unseen) else (),
        held_out_mix=dict(zip(cases.classes, map(int, cases.truth[unseen].sum(0)), strict=True)),
        held_out_recordings=len(unseen),
        rules=_rules(cases, beats),
        unused=dict(Counter(code for one in cases.entries for code in unused(one.labels)).most_common()),
    )


def _labelled(wanted: EvaluationSettings) -> list[Entry]:
    entries = [one for one in read_entries(wanted.data) if one.labels and (wanted.part == "all" or one.part != "test")]
    if not entries:
        raise DataMissing(
            f"no recording of {wanted.data} bears a label: name a folder with ptbxl/, or a manifest with a column "
            "labels (codes such as MI;AF)"
        )
    return entries[: wanted.limit]


def _cases(entries: Sequence[Entry], wanted: EvaluationSettings) -> _Cases:
    pairs = load_all(entries, wanted.cache, wanted.jobs).pairs
    kept, records = [entry for entry, _ in pairs], [record for _, record in pairs]
    truth = np.array([classes_of(one.labels) for one in kept], bool).reshape(-1, len(CLASSES))
    judged = [i for i, count in enumerate(truth.sum(0)) if _FEWEST <= count <= len(kept) - _FEWEST]
    folds = np.array([fold_of(one.dataset, one.subject) for one in kept], int)
    if not judged or len(set(folds)) < FOLDS:
        raise DataMissing(
            f"{len(kept)} labelled recordings are too few: of one class at least ({', '.join(CLASSES)}) {_FEWEST} have "
            f"to show it and {_FEWEST} not, and all have to be of many people"
        )
    people = [f"{one.dataset}/{one.subject}" for one in kept]
    return _Cases(kept, records, [CLASSES[i] for i in judged], truth[:, judged], folds, patient_weights(people))


def _made(engine: Engine, cases: _Cases) -> tuple[list[Example], list[tuple[str, np.ndarray, list[np.ndarray]]]]:
    """Examples of the leads that p2es makes, and the beats it announces where there is PPG."""
    rows = [LEADS.index(name) for name in GENERATED]
    examples, heard, beats = [], [], []
    for i, (entry, record) in enumerate(zip(tqdm(cases.entries, desc="leads"), cases.records, strict=True)):
        if entry.ppg is None:
            examples.append(example_of(from_true_peaks(engine, record), record.beats_s, record.usable))
            continue
        estimate = stream_record(engine, windows_of(entry), record.n).estimate
        examples.append(example_of(estimate.leads_mv[rows], estimate.beats_s, record.usable))
        heard.append(i)
        beats.append(estimate.beats_s)
    return examples, [("beats from the PPG", np.array(heard), beats)] if heard else []


def _sources(cases: _Cases, real: Sequence[Example], made: Sequence[Example], out: Path) -> dict[str, Fit]:
    person = np.array([person_columns(one.demographics) for one in cases.entries])
    plain = np.array(
        [
            plain_columns(one.demographics, each.rhythm, each.beat_mv)
            for one, each in zip(cases.entries, real, strict=True)
        ]
    )
    rhythm = np.array([one.rhythm for one in real])
    ecg = Shown(real, rhythm)
    limbs = Shown([limbs_of(one) for one in real], rhythm)
    leads = Shown(made, np.array([one.rhythm for one in made]))
    with_person = Shown(real, np.concatenate([rhythm, person], 1))
    truth = cases.truth
    return {
        "class prior": prior(truth),
        PERSON: regression(person, truth),
        "real ECG: rate, irregularity, amplitudes, age and sex, regression": regression(plain, truth),
        "real ECG, twelve leads: network": network(ecg, truth, _CHOSEN, out),
        "real ECG, twelve leads, age and sex: network": network(with_person, truth, _CHOSEN, out),
        "real ECG, limb leads alone: network": network(limbs, truth, _CHOSEN, out),
        "p2es leads: network trained on such": network(leads, truth, _CHOSEN, out),
        "p2es leads: the network of the real ECG": network(ecg, truth, _CHOSEN, out, asked=leads),
    }


def _designs(cases: _Cases, real: Sequence[Example], out: Path) -> dict[str, Fit]:
    shown = Shown(real, np.array([one.rhythm for one in real]))
    person = np.array([person_columns(one.demographics) for one in cases.entries])
    fits = {name: network(shown, cases.truth, design, out) for name, design in DESIGNS.items()}
    return {PERSON: regression(person, cases.truth), **fits, "the first and the last": together([*fits.values()][::3])}


def _rows(cases: _Cases, told: Mapping[str, Told], inside: np.ndarray) -> list[DiagnosisRow]:
    truth, folds, weights = cases.truth[inside], cases.folds[inside], cases.weights[:, inside]

    def area(name: str, column: int) -> np.ndarray:
        return auroc(truth[:, column], told[name].probability[inside, column], folds, weights)

    rows = []
    for name, one in told.items():
        found = {
            label: figures(truth[:, c], one.probability[inside, c], one.called[inside, c], folds, weights)
            for c, label in enumerate(cases.classes)
        }
        rows.append(
            DiagnosisRow(
                name,
                {label: {key: _figure(each) for key, each in values.items()} for label, values in found.items()},
                {label: _figure(area(name, c) - area(PERSON, c)) for c, label in enumerate(cases.classes)},
            )
        )
    return rows


def _figure(values: np.ndarray) -> Figure:
    return (float(values[0]), *limits(values))


def _rules(cases: _Cases, beats: Sequence[tuple[str, np.ndarray, list[np.ndarray]]]) -> list[RuleRow]:
    if "AF" not in cases.classes:
        return []
    return [
        row
        for source, where, times in beats
        for row in rule_rows(
            source, times, [cases.entries[i].labels for i in where], cases.folds[where], cases.weights[:, where]
        )
    ]

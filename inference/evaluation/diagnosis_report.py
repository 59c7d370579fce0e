"""Diagnosis on paper: docs/diagnosis.md for people, diagnosis.json with every figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inference.evaluation.diagnosis_rules import RuleRow
from inference.evaluation.diagnosis_run import PERSON, DiagnosisReport, DiagnosisRow, Figure
from inference.evaluation.plain import write_page

__all__ = ["write_diagnosis"]

_COLUMNS = (
    ("AUROC", "auroc"),
    ("average precision", "average_precision"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("precision", "precision"),
    ("Brier", "brier"),
)
_SHARES = ("sensitivity", "specificity", "precision")
_WHY = """\
**Nothing on this page runs live**, and none of its networks ships: nobody reads an ST segment off a pulse, and no open
set has both PPG and labels of infarction. The leads that p2es makes are judged instead: what a network can tell from
them stands beside what it tells from the true ECG, and what age and sex tell without any recording.
"""
_READING = """\
## Reading it

- **Of infarction nothing is left in the leads that p2es makes**: .74, and .78 for age and sex alone. Quoted by itself,
  .74 would look like a detector; it is the person's age. Even from the true ECG the gain over age and sex is not
  certain (.04, -.02 to .10, when the network knows them too): 73 infarctions, old ones and ones stated at a low
  likelihood among them, are few to learn from. PTB-XL as a whole is forty times as large; only 500 were at hand.
- **NORM, STTC, CD, HYP**: the true ECG tells them, limb leads alone nearly as well but for HYP. The little that p2es
  leads add to age and sex is what rate and rhythm tell, and these came from true R peaks.
- **AF** is told by its rhythm, so by R peaks: the .98 of p2es leads is theirs. The rule in use wants 15 changes in half
  a minute, or 7 in a whole one; with 15 it answers 5 % of 10-s recordings; from 5 changes it finds 12 of 13 and is
  wrong in one of ten others, which at this class mix is a precision of .19. A limit fitted in the other folds doubles
  that and finds 10. The one recording that the rule misses bears a label of flutter too, and is regular; no flutter is
  called. All this is without PPG: beats read off a pulse are less exact ([rhythm](rhythm.md)).
- **Designs** (development part, `--part development`, mean AUROC of the six classes, 424 recordings): median beat
  .878, trained without distortions .881, mean of three seeds .887; the whole strip .890; strip and beat averaged .890.
  These differences are far inside the intervals; three seeds of the median beat were taken, being quicker to train.
"""
_PROTOCOL = """\
## Protocol

- **Labels**: codes of the recording, by the table of PTB-XL's scp_statements.csv to its five superclasses, at any
  likelihood, as PTB-XL's authors do; AF is AFIB. A recording may bear several classes or none. A class is judged when
  at least ten recordings show it and ten do not.
- **Cross-validation** by patient: five folds by a hash of the person. A network is trained for each pair of folds
  without both (ten in all); a recording gets the mean of the four that saw neither its own fold nor one other. What
  each says of that other fold gives the threshold (largest sum of sensitivity and specificity), so neither a weight
  nor a threshold ever saw the patient. Regressions likewise.
- **Leads**: I, II and V1 to V6 (the other four follow from I and II), as prepared for training, 0.5 to 40 Hz, where two
  leads agree on the beats. *p2es leads*: through the live windows where a recording has PPG, otherwise from the true R
  peaks and demographics ({with_ppg} of {recordings} have PPG here).{seen}
- **Network**: reads the median beat from 0.35 s before to 0.55 s after R, and four numbers of the rhythm; 30,000
  weights, trained by `run_loop`, seeded, resumable from its checkpoints under the cache. Designs tried:
  `--part development`.
- **Figures**: AUROC over pairs of the same fold, since networks of different folds share no scale; the rest over all.
  Precision and average precision depend on the class mix in the heading: never quote one without it. Intervals are
  95 %, bootstrap of 1000 over patients; what another draw of the training set would change is not in them.
  The prior's average precision is below the share of the class: folds rich in it are told by poorer ones.
"""
_SEEN = """
  The generator was trained on PTB-XL's train part (394 of 500): what it learnt by heart would favour it, and the test
  part alone is free of that."""


def write_diagnosis(report: DiagnosisReport, folder: Path, command: str) -> str:
    """Write folder/diagnosis.md and .json; the development part is named in the file's name. Returns the names."""
    stem = "diagnosis" if report.part == "all" else f"diagnosis-{report.part}"
    return write_page(folder, stem, _text(report, command), asdict(report))


def _text(report: DiagnosisReport, command: str) -> str:
    beyond = [one for one in report.rows if one.name != PERSON]
    parts = [
        "# Diagnoses\n",
        f"Model `{report.model_id}`. Estimated from PPG; not for diagnosis. Repeat: `{command}`\n",
        _WHY,
        f"## {', '.join(report.datasets)}: {report.recordings} recordings of {report.people} people\n",
        _counts(report),
        "AUROC; 0.5 is chance:\n",
        _summary(report.rows, report.mix, lambda row, label: row.classes[label]["auroc"]),
        f"The same less that of *{PERSON}*; an interval that holds 0 shows nothing:\n",
        _summary(beyond, report.mix, lambda row, label: row.beyond_person[label]),
    ]
    if report.held_out:
        parts += [
            f"### The test part alone: {report.held_out_recordings} recordings, on which nothing was chosen\n",
            "AUROC:\n",
            _summary(report.held_out, report.held_out_mix, lambda row, label: row.classes[label]["auroc"]),
        ]
    for label, count in report.mix.items():
        parts += [f"## {label}: {count} of {report.recordings} recordings\n", _table(report.rows, label)]
    if report.rules:
        parts += ["## Atrial fibrillation by rules on R peaks\n", _rules(report.rules)]
    # the figures in it are those of one set and command: of another they would be untrue
    parts += [_READING] if (report.part, report.datasets, report.recordings) == ("all", ["ptbxl"], 499) else []
    seen = _SEEN if "ptbxl" in report.datasets else ""
    return "\n".join([*parts, _PROTOCOL.format(with_ppg=report.with_ppg, recordings=report.recordings, seen=seen)])


def _counts(report: DiagnosisReport) -> str:
    mix = ", ".join(f"{label} {count}" for label, count in report.mix.items())
    left_out = f" {report.left_out} more bear labels but no usable ECG." if report.left_out else ""
    return f"Recordings of each class: {mix}.{left_out}\n"


def _summary(
    rows: Sequence[DiagnosisRow], mix: Mapping[str, int], figure: Callable[[DiagnosisRow, str], Figure]
) -> str:
    titles = ["told from", *(f"{label} ({count})" for label, count in mix.items())]
    lines = [_head(titles)]
    lines += [_line([row.name, *(_with_limits(figure(row, label)) for label in mix)]) for row in rows]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[DiagnosisRow], label: str) -> str:
    lines = [_head(["told from", *(title for title, _ in _COLUMNS)])]
    lines += [_line([row.name, *(_with_limits(row.classes[label][key]) for _, key in _COLUMNS)]) for row in rows]
    return "\n".join(lines) + "\n"


def _rules(rows: Sequence[RuleRow]) -> str:
    one = rows[0].tally
    lines = [
        f"{one.hit + one.missed} recordings with fibrillation, {one.false + one.right_no} with neither it nor flutter; "
        "flutter stands apart. Wilson's 95 % limits, AUROC's by bootstrap.\n",
        _head(
            [
                "beats",
                "measure",
                "limit",
                "AUROC",
                *_SHARES,
                "unanswered",
                "flutter called",
                "false: sinus arrhythmia, premature beats",
            ]
        ),
    ]
    for row in rows:
        limits = row.tally.intervals()
        shares = [_with_limits((getattr(row.tally, name), *limits[name])) for name in _SHARES]
        called, flutter = row.flutter
        lines.append(
            _line(
                [
                    row.beats,
                    row.measure,
                    row.limit,
                    _with_limits(row.auroc),
                    *shares,
                    str(row.tally.unanswered),
                    f"{called} of {flutter}",
                    f"{row.tally.false}: {row.arrhythmia}, {row.premature}",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _head(titles: Sequence[str]) -> str:
    return _line(titles) + "\n" + "|" + "---|" * len(titles)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _with_limits(figure: Figure) -> str:
    value, low, high = figure
    return "-" if not np.isfinite(value) else f"{value:.2f} ({low:.2f} to {high:.2f})"

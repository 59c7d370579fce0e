"""Rhythm findings judged: alarm labels of CinC 2015, hours of monitoring, half minutes regular and irregular."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import wfdb
from tqdm import tqdm

from inference.datasets.entry import Entry
from inference.datasets.manifest import read_entries
from inference.datasets.prepare import load_all
from inference.datasets.prepared import PreparedRecord
from inference.datasets.windows import windows_of
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation.heard import Heard, by_ecg, by_model, by_pulse, views_of
from inference.evaluation.rhythm import (
    Hours,
    Tally,
    clear_label,
    hours_of,
    irregular_spans,
    present_near,
    tally,
)
from inference.evaluation.run import EvaluationSettings
from inference.evaluation.score import judged
from inference.rhythm import (
    BRADYCARDIA,
    ECTOPIC,
    EXTREME_BRADYCARDIA,
    EXTREME_TACHYCARDIA,
    FAST_RUN,
    IRREGULAR,
    PAUSE,
    RULES,
    SINUS_LIKE,
    TACHYCARDIA,
)

__all__ = ["ALARMS", "HOURLY", "PARTS", "AlarmRow", "HoursRow", "RhythmReport", "SpanRow", "judge_rhythm"]

log = logging.getLogger(__name__)

PARTS = {
    "development": ("train", "calibration"),
    "train": ("train",),
    "calibration": ("calibration",),
    "test": ("test",),
}
ALARMS = {  # label in the header -> the finding that should confirm it
    "Asystole": PAUSE,
    "Bradycardia": EXTREME_BRADYCARDIA,
    "Tachycardia": EXTREME_TACHYCARDIA,
    "Ventricular_Tachycardia": FAST_RUN,
}
_NO_RULE = "Ventricular_Flutter_Fib"
HOURLY = (PAUSE, EXTREME_BRADYCARDIA, EXTREME_TACHYCARDIA, BRADYCARDIA, TACHYCARDIA)
_ALARM_S, _BEFORE_S, _AFTER_S = 300.0, 16.0, 4.0
_LEAD_IN_S = 50.0  # streamed before the judged stretch: longer than anything a window depends on
_UNTIL_S = 280.0  # of CinC's recordings, for hours without alarms: what is before the event
_ESTIMATES = ("p2es", "pulse detector")


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One label and estimate. always: what calling every alarm true would give."""

    label: str
    finding: str
    estimate: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class HoursRow:
    """One dataset, finding and estimate, summed over recordings."""

    dataset: str
    finding: str
    estimate: str
    recordings: int
    total: Hours


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One dataset, finding and estimate by stretch. cases: all, or the clear ones only."""

    dataset: str
    finding: str
    estimate: str
    cases: str
    tally: Tally


@dataclass(frozen=True, slots=True, eq=False)
class RhythmReport:
    """Everything judged; unruled: true and false alarms of the label without a rule."""

    model_id: str
    part: str
    alarms: Sequence[AlarmRow]
    unruled: tuple[int, int]
    hours: Sequence[HoursRow]
    spans: Sequence[SpanRow]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One recording from end to end: what each estimate and the ECG say."""

    dataset: str
    said: Mapping[str, Heard]
    truth: Heard
    usable: np.ndarray


def judge_rhythm(engine: Engine, wanted: EvaluationSettings) -> RhythmReport:
    """Judge the parts that PARTS names. Raises DataMissing without a recording, ManifestUnusable for a bad manifest."""
    entries = [one for one in read_entries(wanted.data) if one.part in PARTS[wanted.part] and one.ppg is not None]
    if not entries:
        raise DataMissing(f"no recording with PPG of the {wanted.part} part in {wanted.data}")
    labelled = [(one, *found) for one in entries if (found := alarm_label(one)) is not None][: wanted.limit]
    followed = follow_all(engine, entries, wanted)
    unruled = [true for _, label, true in labelled if label == _NO_RULE]
    return RhythmReport(
        model_id=engine.model_id,
        part=wanted.part,
        alarms=_alarms(engine, labelled),
        unruled=(sum(unruled), len(unruled) - sum(unruled)),
        hours=hours_rows(followed),
        spans=[*irregular_rows(followed), *_stretches(followed)],
    )


def alarm_label(entry: Entry) -> tuple[str, bool] | None:
    """(label, whether the alarm was true) of a CinC 2015 recording; None of any other."""
    if entry.dataset != "cinc2015":
        return None
    comments = [one.strip() for one in wfdb.rdheader(str(entry.path)).comments or []]
    label = next((one for one in comments if one in (*ALARMS, _NO_RULE)), None)
    return None if label is None else (label, "True alarm" in comments)


def _alarms(engine: Engine, labelled: Sequence[tuple[Entry, str, bool]]) -> list[AlarmRow]:
    cases: dict[tuple[str, str], list[tuple[bool, bool, bool]]] = {}
    for entry, label, true in tqdm(labelled, desc="alarms"):
        if label not in ALARMS:
            continue
        for estimate, heard in _near_alarm(engine, entry).items():
            called, answered = present_near(heard, ALARMS[label], _ALARM_S - _BEFORE_S, _ALARM_S + _AFTER_S)
            cases.setdefault((label, estimate), []).append((true, called, answered))
        cases.setdefault((label, "always alarm"), []).append((true, True, True))
    return [AlarmRow(label, ALARMS[label], name, tally(rows)) for (label, name), rows in sorted(cases.items())]


def _near_alarm(engine: Engine, entry: Entry) -> dict[str, Heard]:
    begin, end = _ALARM_S - _BEFORE_S - _LEAD_IN_S, _ALARM_S + _AFTER_S + 10
    segments = [
        one
        for one in windows_of(entry, span_s=(begin, end))
        if (one.start_ns / 1e9 + one.owned_stop / one.fs_hz) > _ALARM_S - _BEFORE_S
    ]
    return _said(engine, segments)


def _said(engine: Engine, segments: Sequence[Any]) -> dict[str, Heard]:
    return {
        "p2es": by_model(engine, segments),
        "pulse detector": by_pulse(segments, engine.settings.min_quality),
    }


def follow_all(engine: Engine, entries: Sequence[Entry], wanted: EvaluationSettings) -> list[Followed]:
    """Every recording whose ECG can be judged, from end to end. Raises DataMissing when none can."""
    loaded = load_all(entries, wanted.cache, wanted.jobs)
    log.info("%s part: %s", wanted.part, loaded.counts())
    pairs = [(entry, record) for entry, record in loaded.pairs if judged(record)]
    if not pairs:
        raise DataMissing(f"no recording to judge in the {wanted.part} part of {wanted.data}: {loaded.counts()}")
    sets = dict.fromkeys(entry.dataset for entry, _ in pairs)
    kept = [one for name in sets for one in [each for each in pairs if each[0].dataset == name][: wanted.limit]]
    return [_follow(engine, entry, record) for entry, record in tqdm(kept, desc="follow")]


def _follow(engine: Engine, entry: Entry, record: PreparedRecord) -> Followed:
    segments = windows_of(entry)
    return Followed(record.dataset, _said(engine, segments), by_ecg(record, views_of(segments)), record.usable)


def _of(followed: Sequence[Followed], dataset: str) -> list[Followed]:
    return [one for one in followed if one.dataset == dataset]


def hours_rows(followed: Sequence[Followed]) -> list[HoursRow]:
    """False alarms by ECG-verified hour, and what was found of the ECG's own episodes."""
    rows = []
    for dataset in dict.fromkeys(one.dataset for one in followed):
        until = _UNTIL_S if dataset == "cinc2015" else np.inf
        for finding in HOURLY:
            for name in _ESTIMATES:
                each = [hours_of(one.said[name], one.truth, finding, until) for one in _of(followed, dataset)]
                rows.append(HoursRow(dataset, finding, name, len(each), _summed(each)))
    return rows


def _summed(each: Sequence[Hours]) -> Hours:
    hours = sum(one.hours for one in each)
    answered = sum(one.hours * one.answered for one in each) / max(1e-9, hours)
    counts = (sum(getattr(one, name) for one in each) for name in ("episodes", "false", "far", "events", "found"))
    return Hours(hours, answered, *counts)


def irregular_rows(followed: Sequence[Followed], limit: float = RULES[IRREGULAR].limit) -> list[SpanRow]:
    """Half minutes whose ECG is believed all along, against the irregularity of its intervals."""
    rows = []
    for dataset in dict.fromkeys(one.dataset for one in followed):
        for name in _ESTIMATES:
            cases: dict[str, list[tuple[bool, bool, bool]]] = {"clear": [], "in-between negative": []}
            for one in _of(followed, dataset):
                starts = [30 * k for k in range(len(one.usable) // 3) if one.usable[3 * k : 3 * k + 3].all()]
                label = clear_label(one.truth, starts)
                found = irregular_spans(one.said[name], starts)
                for true, value in zip(label, found, strict=True):
                    case = (bool(true == 1), bool(value >= limit), bool(np.isfinite(value)))
                    cases["in-between negative"].append(case)
                    if true >= 0:
                        cases["clear"].append(case)
            rows += [SpanRow(dataset, IRREGULAR, name, which, tally(each)) for which, each in cases.items()]
    return rows


def _stretches(followed: Sequence[Followed]) -> list[SpanRow]:
    """Findings of a single view, one view in five, so that none overlaps the next."""
    rows = []
    for dataset in dict.fromkeys(one.dataset for one in followed):
        for finding in (SINUS_LIKE, ECTOPIC):
            for name in _ESTIMATES:
                cases = [
                    (finding in true.findings, finding in hop.findings, hop.answered)
                    for one in _of(followed, dataset)
                    for hop, true in list(zip(one.said[name].hops, one.truth.hops, strict=True))[::5]
                    if true.answered
                ]
                rows.append(SpanRow(dataset, finding, name, "all", tally(cases)))
    return rows

"""The judgement on paper: docs/evaluation.md for people, evaluation.json with every figure of every recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.datasets.reference import GENERATED
from inference.evaluation.chest import ChestRow
from inference.evaluation.figures.plots import write_plots
from inference.evaluation.figures.section import sections
from inference.evaluation.figures.summary import Amplitude, SetFigures
from inference.evaluation.plain import known as _known
from inference.evaluation.plain import write_page
from inference.evaluation.score import Figures
from inference.evaluation.tables import Summary, markdown

__all__ = ["Report", "SeamFigures", "write_report"]

_PROTOCOL = """\
## Protocol

- **Who.** Subjects of the {part} part of `inference/splits.csv`: chosen by a hash of the subject before any
  training, never by quality. Population constants of the controls (mean beat, delay) come from {population_people}
  people of the train part.
- **What runs.** The recording's PPG in chunks through the same windows as at a bedside (`stream.windows`), the
  engine on each window, each sample from the one window that owns it. Nothing is run offline or smoothed
  afterwards.
- **What is judged.** 10-s windows in which two recorded ECG leads agree on the beats; the PPG is never looked at
  for this. Recordings with 6 such windows and a quarter of all. Every such window counts, failed and abstained ones
  included: *coverage* is the share of samples with an estimate, *all beats* counts abstained beats as missed,
  *failed* is the mean number of windows without two beats to take a rate from. A rate is that of the intervals in
  the window that cross nothing abstained; the true one is of the whole window.
- **Beats** are detected in the estimated lead II, as a reader of the trace would, and matched mutually with the
  true ones. *lag*: after the best constant lag of each recording (within 1 s), because a bedside monitor delays its
  PPG by an amount of its own (here about {delay:.2f} s or 1.14 s); *as is*: as it stands, p2es with the kind of monitor
  that the PPG's spectrum tells ([how](model-card.md)), the controls with the population's delay.
- **Waveforms**: both sides zero-phase 0.5-40 Hz; r and RMSE per 10-s window, in mV, z-scored, and scaled to [-1,
  1]; means over recordings. Lead II unless "limb" (mean of six). A flat estimate has r = 0. *SD ratio*: estimated
  over true amplitude.
- **30 s of own ECG**: the first three usable windows calibrate, and are then left out as abstained. For p2es they do so
  as in `p2es calibrate`, and when they are refused the next three are tried, in the first half of the usable ones; a
  recording that is refused throughout is judged uncalibrated.
- **Intervals**: 95 %, bootstrap of 1000 over subjects.
- Nothing was tuned on these subjects; the thresholds of abstention and the width of the band were chosen on the
  calibration part.

Repeat: `p2es evaluate --data DIR --part {part}` (DIR holds bidmc/, cinc2015/, ptbxl/ as WFDB).

Beside this page: [the wrist](wrist.md), [rhythm](rhythm.md), [ablations](ablations.md), [diagnoses](diagnosis.md), and
[targets, met and missed](targets.md).
"""

_SCALE = """\
## About MSE and DTW

P2Es reports MSE 0.0902 and DTW 0.0583 (the best single-lead method it compares with: 0.1078 and 0.0792). The scale,
window and alignment of these figures are unknown to us, so they stand here as *reported, scale unknown* and can be
compared with nothing. Ours are on [-1, 1] min-max of each 10-s window, lead II after the best lag; DTW is the mean
absolute difference along the cheapest path (at most 1 s off the diagonal, 64 Hz, six windows a recording). Both
reward a flat line: read them only beside the rows *constant* and *another person's PPG*.
"""


@dataclass(frozen=True, slots=True)
class SeamFigures:
    """borders: steps counted at window borders, all leads. large_share: of them above the 99th percentile of the other
    steps. compared: samples given by two windows, with the median, 99th percentile and largest difference. beat_spread:
    median over recordings of the spread of beats round their mean beat (estimate, true ECG)."""

    borders: int
    large_share: float
    compared: int
    median_uv: float
    p99_uv: float
    largest_uv: float
    beat_spread: float
    beat_spread_true: float


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """summaries, seams, people, windows: by dataset; own_seams of the calibrated estimate, refused how many recordings
    could not be calibrated. records: figures by recording and estimate. calibrations: what came of it by recording.
    figures: those beside the tables, by dataset; chest_amplitudes: by lead of the 12-lead recordings."""

    model_id: str
    part: str
    summaries: Mapping[str, Sequence[Summary]]
    records: Mapping[str, Mapping[str, Figures]]
    seams: Mapping[str, SeamFigures]
    own_seams: Mapping[str, SeamFigures]
    calibrations: Mapping[str, Mapping[str, Any]]
    refused: Mapping[str, int]
    chest: Sequence[ChestRow]
    figures: Mapping[str, SetFigures]
    chest_amplitudes: Mapping[str, Amplitude]
    people: Mapping[str, int]
    windows: Mapping[str, int]
    population_people: int
    population_delay_s: float


def write_report(report: Report, folder: Path) -> None:
    """Write folder/evaluation.md, folder/evaluation.json and the pictures in folder/figures."""
    write_plots(report.figures, report.chest_amplitudes, folder / "figures")
    write_page(folder, "evaluation", _text(report), _plain(report))


def _text(report: Report) -> str:
    parts = [
        "# How good the estimate is\n",
        f"Model `{report.model_id}`, {report.part} part. Estimated from PPG; not for diagnosis.\n",
    ]
    for name, rows in report.summaries.items():
        parts += [
            f"## {name}: {rows[0].records} recordings of {report.people[name]} people, "
            f"{report.windows[name]} windows\n",
            markdown(rows) + "\n",
            f"Beats as announced (rather than found in lead II): F1@50 lag {rows[0].mean['f1_50_told_lag']:.3f}.\n",
            _seams_text("Seams", report.seams[name]),
            f"Calibration was refused for {report.refused[name]} of the recordings.\n",
            _seams_text("Seams when calibrated", report.own_seams[name]),
        ]
    if report.chest:
        parts += [_chest_text(report.chest)]
    delay = report.population_delay_s
    parts += [
        sections(report.figures, report.chest_amplitudes),
        _PROTOCOL.format(part=report.part, population_people=report.population_people, delay=delay),
        _SCALE,
    ]
    return "\n".join(parts)


def _seams_text(title: str, seams: SeamFigures) -> str:
    return (
        f"{title}: {100 * seams.large_share:.1f} % of {seams.borders} border steps are above the ordinary 99th "
        f"percentile (1 % when there is no seam); the same sample from two windows differs by "
        f"{seams.median_uv:.0f} uV (median), {seams.p99_uv:.0f} uV (99th percentile), {seams.largest_uv:.0f} uV "
        f"(largest). Spread of beats round the mean "
        f"beat, over that beat's SD: {seams.beat_spread:.2f}, in the true ECG {seams.beat_spread_true:.2f}.\n"
    )


def _chest_text(rows: Sequence[ChestRow]) -> str:
    lines = [
        f"## ptbxl: chest leads of {len(rows[0].r)} 12-lead recordings, no PPG\n",
        "True R peaks and demographics are given, so only the shape is judged. r per lead, mean over recordings; in "
        "brackets the amplitude (SD) ratio, median.\n",
        "| estimate | " + " | ".join(GENERATED) + " | V1-V6 |",
        "|" + "---|" * (len(GENERATED) + 2),
    ]
    for row in rows:
        r, ratio = np.nanmean(row.r, 0), np.nanmedian(row.sd_ratio, 0)
        cells = [f"{value:.2f} ({spread:.2f})" for value, spread in zip(r, ratio, strict=True)]
        lines.append(f"| {row.name} | " + " | ".join(cells) + f" | {r[2:].mean():.3f} |")
    return "\n".join(lines) + "\n"


def _plain(report: Report) -> dict[str, Any]:
    chest = [
        {
            "name": row.name,
            "leads": list(GENERATED),
            "r": _known(row.r.tolist()),
            "sd_ratio": _known(row.sd_ratio.tolist()),
        }
        for row in report.chest
    ]
    return {
        "model_id": report.model_id,
        "part": report.part,
        "people": dict(report.people),
        "windows": dict(report.windows),
        "population": {"people": report.population_people, "delay_s": _known(report.population_delay_s)},
        "summaries": {name: [_known(asdict(one)) for one in rows] for name, rows in report.summaries.items()},
        "seams": {name: _known(asdict(one)) for name, one in report.seams.items()},
        "seams_calibrated": {name: _known(asdict(one)) for name, one in report.own_seams.items()},
        "calibrations": {name: _known(dict(one)) for name, one in report.calibrations.items()},
        "chest": chest,
        "figures": {name: _known(one.plain()) for name, one in report.figures.items()},
        "chest_amplitudes": {lead: _known(one.plain()) for lead, one in report.chest_amplitudes.items()},
        "records": {
            name: {estimate: _known(asdict(figures)) for estimate, figures in rows.items()}
            for name, rows in report.records.items()
        },
    }

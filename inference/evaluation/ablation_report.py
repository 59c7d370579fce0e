"""The ablations on paper: docs/ablations.md for people, ablations.json with the figures of every recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.evaluation.ablation_rows import MEAN_BEAT
from inference.evaluation.ablation_run import AblationReport, AblationRow
from inference.evaluation.paired import Difference, paired
from inference.evaluation.plain import write_page
from inference.training.ablation import FULL, STEPS

__all__ = ["write_ablations"]

_COLUMNS = (  # title, figure, decimals
    ("r II lag", "r_ii_lag", 3),
    ("r limb lag", "r_limb_lag", 3),
    ("SD ratio", "sd_ratio", 2),
    ("RMSE mV", "rmse_mv_lag", 3),
    ("F1@50 lag", "f1_50_lag", 3),
    ("spread", "beat_spread", 2),
)
_CHEST = "V1-V6 r"
_PARTS = {  # row -> the part of P2Es that it does without
    "no blur": "the blur",
    "blur only": "the noise",
    "no dilation": "the dilation",
    "no affinity": "the affinity matrices",
    "affinity without demographics": "age and sex",
    "without contrastive loss": "the contrastive loss",
    "no beat head": "being told the beats",
}
_ABOUT = """\
Every row is a generator trained anew on the train part from seed {seed} for {steps} steps, with the same batches and
random numbers ({default:,} steps are 15 minutes on one thread of two x86-64 cores). **Rows may be compared with each
other, not with the shipped model**, which was trained for longer. All share the beat head of `{model_id}`, so the same
beats are announced and the same stretches abstained; sampler {sampler}, {calls} calls, temperature {temperature:g},
through the engine and the live windows as in [evaluation.md](evaluation.md). `typical_share` is 0 here: the generator
alone is judged, not what is shown.

Means over recordings, {sets}; of a larger set so many were taken, evenly over the split's order. *spread*: of beats
round their mean beat, over its SD; {spread} in the true ECG. *V1-V6 r*: 12-lead recordings without PPG, from true R
peaks, age and sex. *usage*: how evenly the training batches fell on the groups, from the log (entropy over its largest
value, 1: all alike).
"""
_PROTOCOL = """\
## The rows

- **no blur**: noise alone (`blur` 0). **blur only**: the network reads 0 in place of the noisy leads, in training and
  at every call; nothing random is left, a regression that deblurs. **no dilation**: every dilation of the denoiser is
  1, with as many weights. **no affinity**: leads are not mixed by the group's matrix; its prototype of the person code
  stays. **affinity without demographics**: neither groups nor networks are told age, sex, height and weight. **without
  contrastive loss**: groups learn from the other losses alone. **no beat head**: the channels that tell the beats are 0
  in training and in use, so leads come from the pulse alone (12-lead recordings without PPG are told age and sex only).
- **calls**: of the sampler, with the full row's weights. **another person's age and sex**: the same weights, told those
  of the next recording of somebody else.
- **p2es beats, population's mean beat**: the mean beat of the train part where the beat head announces a beat. What a
  generator adds to the beat head is its difference to this.
- **Intervals**: 95 %, bootstrap of 1000 over subjects, of the difference of each recording to itself in the full row.
  Bold where 0 lies outside. Each row was trained once: what another seed would change is not in them, and of so many
  intervals one in twenty leaves 0 out by chance.

Repeat: `{command}` (it goes on where it was stopped; `--row NAME` trains one).
"""


def write_ablations(report: AblationReport, folder: Path, command: str) -> str:
    """Write folder/ablations.md and .json. Returns their names."""
    return write_page(folder, "ablations", _text(report, command), _plain(report))


def _text(report: AblationReport, command: str) -> str:
    full = report.rows[0]
    sets = [f"{name} ({len(names)} recordings)" for name, names in report.subjects.items()]
    about = _ABOUT.format(
        seed=report.training.seed,
        steps=f"{report.training.steps:,}",
        default=STEPS,
        model_id=report.model_id,
        sampler=report.engine.sampler,
        calls=report.engine.calls,
        temperature=report.engine.temperature,
        sets=" / ".join(sets),
        spread=" / ".join(f"{_mean(full, 'beat_spread_true', names):.2f}" for names in report.subjects.values()),
    )
    parts = [f"# Ablations, {report.part} part\n", "Estimated from PPG; not for diagnosis.\n", about, _values(report)]
    if report.not_run:
        parts.append(f"Not run, for want of time: {', '.join(report.not_run)}.\n")
    parts += ["## What pays\n", _reading(report)]
    for dataset, subjects in report.subjects.items():
        parts += [f"## {dataset}: less the full row\n", _differences(report, subjects)]
    if report.chest_subjects:
        parts += [
            f"## {_CHEST} of {len(report.chest_subjects)} 12-lead recordings: less the full row\n",
            _chest(report),
        ]
    return "\n".join([*parts, _PROTOCOL.format(command=command)])


def _values(report: AblationReport) -> str:
    head = ["row", *(title for title, _, _ in _COLUMNS), _CHEST, "usage"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in report.rows:
        cells = [
            " / ".join(_number(_mean(row, figure, names), places) for names in report.subjects.values())
            for _, figure, places in _COLUMNS
        ]
        chest = _number(float(np.mean(list(row.chest.values()))) if row.chest else float("nan"), 3)
        lines.append(f"| {row.name} | " + " | ".join([*cells, chest, _number(row.usage, 2)]) + " |")
    return "\n".join(lines) + "\n"


def _differences(report: AblationReport, subjects: Mapping[str, str]) -> str:
    head = ["row", *(title for title, _, _ in _COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    full, *others = (row for row in report.rows if row.figures)
    for row in others:
        cells = [_with_limits(_figure_less(row, full, figure, subjects), places) for _, figure, places in _COLUMNS]
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _chest(report: AblationReport) -> str:
    lines = [f"| row | {_CHEST} |", "|---|---|"]
    full, *others = (row for row in report.rows if row.chest)
    lines += [
        f"| {row.name} | {_with_limits(paired(row.chest, full.chest, report.chest_subjects), 3)} |" for row in others
    ]
    return "\n".join(lines) + "\n"


def _reading(report: AblationReport) -> str:
    """Which parts pay: by r of lead II in each dataset and of V1-V6, as the intervals have it."""
    full = report.rows[0]
    said: dict[int, list[str]] = {-1: [], 0: [], 1: []}
    for row in report.rows:
        if row.name not in _PARTS:
            continue
        each = {name: _figure_less(row, full, "r_ii_lag", subjects) for name, subjects in report.subjects.items()}
        if report.chest_subjects:
            each[_CHEST] = paired(row.chest, full.chest, report.chest_subjects)
        for sign, found in said.items():
            where = [f"{name} {_signed(one.mean, 3)}" for name, one in each.items() if one.sign == sign]
            if sign and where:
                found.append(f"{_PARTS[row.name]} ({', '.join(where)})")
            elif not sign and len(where) == len(each):
                found.append(_PARTS[row.name])
    lines = [
        "By r of lead II in each dataset and of V1-V6; a part pays where the row without it is worse, and its interval "
        "leaves 0 out.\n",
        f"- **Pays**: {'; '.join(said[-1]) or 'none'}.",
        f"- **Costs** (the row without it is better): {'; '.join(said[1]) or 'none'}.",
        f"- **Nothing shown**, every interval includes 0: {', '.join(said[0]) or 'none'}.",
    ]
    return "\n".join([*lines, *_beyond_mean_beat(report)]) + "\n"


def _beyond_mean_beat(report: AblationReport) -> list[str]:
    reference = [row for row in report.rows if row.name == MEAN_BEAT]
    if not reference:
        return []
    cells = [
        f"{name} {_with_limits(_figure_less(report.rows[0], reference[0], 'r_ii_lag', subjects), 3)}"
        for name, subjects in report.subjects.items()
    ]
    return [f"- The {FULL} row less the population's mean beat at the same beats, r of lead II: {', '.join(cells)}."]


def _figure_less(row: AblationRow, base: AblationRow, figure: str, subjects: Mapping[str, str]) -> Difference:
    return paired(_by_recording(row, figure), _by_recording(base, figure), subjects)


def _by_recording(row: AblationRow, figure: str) -> dict[str, float]:
    return {name: getattr(one, figure) for name, one in row.figures.items()}


def _mean(row: AblationRow, figure: str, names: Sequence[str] | Mapping[str, str]) -> float:
    values = np.array([getattr(row.figures[name], figure) for name in names if name in row.figures])
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _number(value: float, places: int) -> str:
    return f"{value:.{places}f}" if np.isfinite(value) else "-"


def _signed(value: float, places: int) -> str:
    return f"{value:+.{places}f}"


def _with_limits(one: Difference, places: int) -> str:
    if not one.recordings:
        return "-"
    text = f"{_signed(one.mean, places)} ({_signed(one.low, places)} to {_signed(one.high, places)})"
    return f"**{text}**" if one.sign else text


def _plain(report: AblationReport) -> dict[str, Any]:
    full = report.rows[0]
    rows = []
    for row in report.rows:
        shown = [figure for _, figure, _ in _COLUMNS]
        less = {
            dataset: {figure: _limits(_figure_less(row, full, figure, subjects)) for figure in shown}
            for dataset, subjects in report.subjects.items()
        }
        rows.append(
            {
                "name": row.name,
                "usage": row.usage,
                "less_full": less if row is not full and row.figures else {},
                "chest_less_full": _limits(paired(row.chest, full.chest, report.chest_subjects)),
                "records": {
                    name: {figure: getattr(one, figure) for figure in shown} for name, one in row.figures.items()
                },
                "chest": dict(row.chest),
            }
        )
    return {
        "model_id": report.model_id,
        "part": report.part,
        "steps": report.training.steps,
        "seed": report.training.seed,
        "engine": {
            "sampler": report.engine.sampler,
            "calls": report.engine.calls,
            "temperature": report.engine.temperature,
            "typical_share": report.engine.typical_share,
        },
        "not_run": list(report.not_run),
        "rows": rows,
    }


def _limits(one: Difference) -> list[float]:
    return [one.mean, one.low, one.high]

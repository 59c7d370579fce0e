"""Figures of many recordings to one table: means over recordings, intervals from a bootstrap over subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.evaluation.intervals import bootstrap
from inference.evaluation.score import Figures, figure_names

__all__ = ["COLUMNS", "Row", "Summary", "markdown", "summarise"]

# column title, figure, decimals: what the table shows; the JSON beside it has all figures
COLUMNS = (
    ("coverage", "coverage", 3),
    ("F1@50 lag", "f1_50_lag", 3),
    ("all beats", "f1_50_all_lag", 3),
    ("F1@50 as is", "f1_50", 3),
    ("F1@150 as is", "f1_150", 3),
    ("RR-MAE ms", "rr_mae_ms", 1),
    ("HR-MAE bpm", "hr_mae_bpm", 2),
    ("failed", "hr_failed", 1),
    ("r II lag", "r_ii_lag", 3),
    ("r limb lag", "r_limb_lag", 3),
    ("RMSE mV", "rmse_mv_lag", 3),
    ("RMSE z", "rmse_z_lag", 2),
    ("RMSE ±1", "rmse_pm1_lag", 3),
    ("MSE ±1", "mse_pm1_lag", 3),
    ("DTW ±1", "dtw_pm1_lag", 3),
    ("SD ratio", "sd_ratio", 2),
    ("QRS error ms", "qrs_error_ms", 0),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate over many recordings: name of the estimate, and figures and subject of each recording."""

    name: str
    figures: Sequence[Figures]
    subjects: Sequence[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over the recordings that have a value, by figure; the 95 % interval of each; how many had a value."""

    name: str
    mean: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    count: dict[str, int]
    records: int


def summarise(row: Row, seed: int = 0) -> Summary:
    """Mean of each figure, NaN left out, and its bootstrap interval over subjects (a person's stay together)."""
    values = np.array([[getattr(one, name) for name in figure_names()] for one in row.figures], float)
    means, limits, counts = bootstrap(values, row.subjects, seed)
    names = figure_names()
    return Summary(
        row.name,
        dict(zip(names, map(float, means), strict=True)),
        dict(zip(names, map(float, limits[:, 0]), strict=True)),
        dict(zip(names, map(float, limits[:, 1]), strict=True)),
        dict(zip(names, map(int, counts), strict=True)),
        len(values),
    )


def markdown(summaries: Sequence[Summary]) -> str:
    """One Markdown table, a line per estimate; the first line carries its intervals in a line of its own."""
    head = ["estimate", *(title for title, _, _ in COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for number, one in enumerate(summaries):
        cells = [_text(one.mean[figure], places) for _, figure, places in COLUMNS]
        lines.append(f"| {one.name} | " + " | ".join(cells) + " |")
        if number == 0:
            spans = [
                f"{_text(one.low[figure], places)} to {_text(one.high[figure], places)}"
                for _, figure, places in COLUMNS
            ]
            lines.append("| 95 % interval | " + " | ".join(spans) + " |")
    return "\n".join(lines)


def _text(value: float, places: int) -> str:
    return "-" if not np.isfinite(value) else f"{value:.{places}f}"

"""The figures drawn: SVG where lines are few, PNG where points are many, so that the folder stays small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import RuntimeMissing
from inference.evaluation.figures.examples import SHOWN_S
from inference.evaluation.figures.selective import Selective
from inference.evaluation.figures.summary import Amplitude, SetFigures
from stream.messages import GRID_FS_HZ

__all__ = ["NAMES", "require_plots", "write_plots"]

NAMES = {
    "band": "evaluation-band.svg",
    "reliability": "evaluation-reliability.svg",
    "risk": "evaluation-risk.svg",
    "rates": "evaluation-bland-altman.png",
    "amplitudes": "evaluation-amplitudes.png",
    "shown": "evaluation-shown.png",
}
_COLOURS = ("#1f5fa8", "#c8501e", "#3b7d3a", "#7a4b9a")
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "p2es",  # the same figures give the same file
    "path.simplify_threshold": 0.5,
}
_SHADES = 160
_GRID = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))  # as on ECG paper


def require_plots() -> None:
    """Raises RuntimeMissing without matplotlib: better before the judgement than after it."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise RuntimeMissing(f"{error.name} is not installed: install p2es[figures]") from error


def write_plots(sets: Mapping[str, SetFigures], chest: Mapping[str, Amplitude], folder: Path) -> None:
    """Draw all of NAMES into the folder. sets: by dataset. chest: amplitudes by lead, empty without 12-lead ECGs."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.use("Agg")
    with matplotlib.rc_context(_STYLE):
        _save(_band(sets), folder / NAMES["band"])
        _save(_reliability(sets), folder / NAMES["reliability"])
        _save(_risk(sets), folder / NAMES["risk"])
        _save(_rates(sets), folder / NAMES["rates"])
        _save(_amplitudes(sets, chest), folder / NAMES["amplitudes"])
        _save(_shown(sets), folder / NAMES["shown"])


def _panels(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    from matplotlib import pyplot

    return pyplot.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot
    from PIL import Image

    if path.suffix == ".svg":
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    else:
        figure.set_dpi(110)
        figure.canvas.draw()
        pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
        pixels.quantize(_SHADES).save(path, optimize=True)  # a quarter of the size in full colour
    pyplot.close(figure)


def _band(sets: Mapping[str, SetFigures]) -> Any:
    figure, axes = _panels(1, len(sets), 4.6 * len(sets), 2.6)
    for axis, (name, one) in zip(axes[0], sets.items(), strict=True):
        for rows, label, colour, by in (
            (one.band, "uncalibrated", _COLOURS[0], -0.15),
            (one.own_band, "30 s of own ECG", _COLOURS[1], 0.15),
        ):
            points = [(place, row.coverage, row.low, row.high) for place, row in enumerate(rows) if row.recordings]
            place, value, low, high = np.array(points).reshape(-1, 4).T
            axis.errorbar(
                value, place + by, xerr=[value - low, high - value], fmt="o", ms=4, lw=1, color=colour, label=label
            )
        axis.axvline(0.9, color="0.5", lw=0.8, ls="--")
        axis.set(title=name, xlabel="share of true lead II in the 90 % band", xlim=(0.5, 1.0))
        axis.set_yticks(range(len(one.band)), [row.name.split(" (")[0] for row in one.band])
        axis.invert_yaxis()
    axes[0][0].legend(loc="lower left")
    return figure


def _reliability(sets: Mapping[str, SetFigures]) -> Any:
    figure, axes = _panels(1, len(sets), 3.4 * len(sets), 3.3)
    for axis, colour, (name, one) in zip(axes[0], cycle(_COLOURS), sets.items(), strict=False):
        found = one.reliability
        axis.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls="--")
        axis.fill_between(found.told, found.low, found.high, color=colour, alpha=0.2, lw=0)
        axis.plot(found.told, found.share, "o-", color=colour, ms=3)
        axis.set(
            title=f"{name}: calibration error {found.error:.3f}",
            xlabel="announced probability of a beat",
            ylabel="share true within 50 ms",
            xlim=(0.45, 1.0),
            ylim=(0.0, 1.02),
        )
    return figure


def _risk(sets: Mapping[str, SetFigures]) -> Any:
    figure, axes = _panels(1, 2, 7.2, 3.0)
    kinds = (("error of beats, 1 - F1@50 lag", lambda one: one.f1), ("error of heart rate, bpm", lambda one: one.rate))
    for axis, (label, pick) in zip(axes[0], kinds, strict=True):
        for colour, (name, one) in zip(cycle(_COLOURS), sets.items(), strict=False):
            curve: Selective = pick(one)
            axis.fill_between(curve.kept, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
            axis.plot(curve.kept, curve.risk, color=colour, lw=1.4, label=name)
        axis.set(xlabel="share of 10-s windows kept, the surest first", ylabel=label, xlim=(0, 1), ylim=(0, None))
    axes[0][0].legend()
    return figure


def _rates(sets: Mapping[str, SetFigures]) -> Any:
    figure, axes = _panels(1, len(sets), 4.2 * len(sets), 3.2)
    for axis, colour, (name, one) in zip(axes[0], cycle(_COLOURS), sets.items(), strict=False):
        true, found = one.rates
        axis.plot((true + found) / 2, found - true, ".", color=colour, ms=5, alpha=0.5, mew=0)
        for value, style in ((one.agreement.bias, "-"), (one.agreement.lower, "--"), (one.agreement.upper, "--")):
            axis.axhline(value, color="0.25", lw=0.9, ls=style)
        axis.set(title=name, xlabel="mean of both rates, bpm", ylabel="estimated - true, bpm")
    return figure


def _amplitudes(sets: Mapping[str, SetFigures], chest: Mapping[str, Amplitude]) -> Any:
    figure, axes = _panels(3, 4, 7.6, 5.8)
    sources = {**{name: one.amplitudes for name, one in sets.items()}, **({"ptbxl": chest} if chest else {})}
    for name, axis in zip([lead for row in _GRID for lead in row], axes.flat, strict=True):
        highest = 0.1
        for colour, (source, leads) in zip(cycle(_COLOURS), sources.items(), strict=False):
            if name not in leads:
                continue
            true, found = leads[name].sd_mv
            known = np.isfinite(true) & np.isfinite(found)
            axis.plot(true, found, ".", color=colour, ms=5, alpha=0.7, mew=0, label=source)
            if known.any():
                highest = max(highest, float(np.percentile(np.concatenate([true[known], found[known]]), 99)))
            if np.isfinite(leads[name].sd.slope):
                ends = np.array([true[known].min(), true[known].max()])
                line = found[known].mean() + leads[name].sd.slope * (ends - true[known].mean())
                axis.plot(ends, line, color=colour, lw=1)
        axis.plot([0, 1.1 * highest], [0, 1.1 * highest], color="0.6", lw=0.8, ls="--")
        axis.set(title=name, xlim=(0, 1.1 * highest), ylim=(0, 1.1 * highest))
    figure.supxlabel("SD of the true lead, mV")
    figure.supylabel("SD of the estimated lead, mV")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), markerscale=2)
    return figure


def _shown(sets: Mapping[str, SetFigures]) -> Any:
    rows: Sequence[tuple[str, Any]] = [(name, one) for name, each in sets.items() for one in each.shown]
    figure, axes = _panels(max(1, len(rows)), 1, 7.6, 1.25 * max(1, len(rows)) + 0.3)
    for axis, (name, one) in zip(axes[:, 0], rows, strict=False):
        seconds = np.arange(SHOWN_S * GRID_FS_HZ) / GRID_FS_HZ
        axis.fill_between(seconds, *one.example.band, color="0.85", lw=0, label="90 % band")
        axis.plot(seconds, one.example.true, color=_COLOURS[0], lw=0.9, label="true")
        axis.plot(seconds, one.example.estimate, color="black", lw=0.9, label="estimated")
        axis.set(xlim=(0, SHOWN_S), ylabel="mV")
        axis.set_title(f"{name}, {one.which}: {one.name}, r {one.r:.2f}", loc="left")
    axes[-1][0].set_xlabel("s")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3)
    return figure

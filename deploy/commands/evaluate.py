"""p2es evaluate: the judgement, with every control beside it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.context import settings_of
from inference.settings import EngineSettings

if TYPE_CHECKING:
    from inference.evaluation.cases import Case

__all__ = ["command"]

_SPLIT = ("test", "train", "calibration")
# these come last: the others are chosen without
_LAST_OFF = {"min_likeness": -1.0, "min_likeness_poor": -1.0, "max_swing": 1.0}
_PARTS = {  # the first is what is meant without --part
    "ecg": _SPLIT,
    "wrist": _SPLIT,
    "rhythm": (*_SPLIT, "development"),
    "mi": ("all", "development"),
}


def command(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="folder with bidmc/, cinc2015/ and ptbxl/, or a manifest (.csv)")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="folder for evaluation.md, evaluation.json and figures/")
    ] = Path("docs"),
    part: Annotated[
        str | None,
        typer.Option(
            help="train, calibration or test (as without it) part of the split; rhythm: or development, the first two; "
            "mi: all, or development"
        ),
    ] = None,
    cache: Annotated[Path, typer.Option(help="of prepared recordings")] = Path("runs/prepared"),
    limit: Annotated[int | None, typer.Option(help="the first so many recordings of each set", min=1)] = None,
    task: Annotated[
        str,
        typer.Option(
            help="ecg: the leads; wrist: DIR holds troika/ or polar/; rhythm: findings; mi: diagnoses, cross-validated "
            "over what bears labels"
        ),
    ] = "ecg",
    trials: Annotated[int, typer.Option(help="wrist: of each kind of light without a pulse", min=0)] = 1000,
    choose: Annotated[
        str | None,
        typer.Option(
            help="print settings chosen on the calibration part, in this order: confidence, what a beat's is worth; "
            "thresholds, when to abstain; band, how wide the 90 % band is"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="processes for preparing and scoring", min=1)] = 2,
) -> None:
    """Judge the model on people it was not trained on, through the live windows, and write the tables.

    Beside it stand the controls: constant, pulse detector and mean beat, other people's PPG, shuffled demographics."""
    from inference.engine import Engine  # torch takes seconds to load, and other commands do not need it
    from inference.evaluation.cases import load_cases
    from inference.evaluation.figures.plots import require_plots
    from inference.evaluation.report import write_report
    from inference.evaluation.run import EvaluationSettings, evaluate
    from inference.folders import ready_for_output

    if task not in _PARTS:
        raise typer.BadParameter(f"one of {', '.join(_PARTS)}", param_hint="--task")
    part = part or _PARTS[task][0]
    if part not in _PARTS[task]:
        raise typer.BadParameter(f"one of {', '.join(_PARTS[task])}", param_hint="--part")
    if choose is not None:
        if choose not in _CHOICES:
            raise typer.BadParameter(f"one of {', '.join(_CHOICES)}", param_hint="--choose")
        _CHOICES[choose](settings_of(context).infer.engine, load_cases(data, cache, "calibration", limit, jobs))
        return
    ready_for_output(out)
    if task != "ecg":
        from deploy.judging import judge_diagnoses, judge_findings, judge_wrist

        settings, wanted = settings_of(context).infer.engine, EvaluationSettings(data, cache, part, limit, jobs)
        if task == "wrist":
            typer.echo(judge_wrist(settings, wanted, out, trials))
        else:
            judge = judge_findings if task == "rhythm" else judge_diagnoses
            typer.echo(judge(settings, wanted, out))
        return
    require_plots()
    engine = Engine.load(settings_of(context).infer.engine)
    write_report(evaluate(engine, EvaluationSettings(data, cache, part, limit, jobs)), out)
    typer.echo(f"{out / 'evaluation.md'} {out / 'evaluation.json'} {out / 'figures'}")


def _thresholds(settings: EngineSettings, cases: "Sequence[Case]") -> None:
    from inference.beats_only import BeatsOnly
    from inference.evaluation.thresholds import choose_thresholds

    engine = BeatsOnly.load(replace(settings, min_quality=0.0, min_confidence=0.0, **_LAST_OFF))
    best, tried = choose_thresholds(cases, engine)
    for one in [*tried, best]:
        by_set = ", ".join(f"{name} F1 {one.f1[name]:.3f} coverage {one.coverage[name]:.3f}" for name in one.f1)
        typer.echo(f"min_quality {one.min_quality:.2f} min_confidence {one.min_confidence:.2f}: {by_set}")


def _band(settings: EngineSettings, cases: "Sequence[Case]") -> None:
    from inference.engine import Engine
    from inference.evaluation.widening import choose_widening

    narrow = replace(settings, band_wider=0.0, own_band_wider=0.0, own_band_wider_poor=0.0)
    found = choose_widening(cases, Engine.load(narrow))
    for key, one in found.items():
        (before, after), (thin, wide) = one.coverage, one.width_mv
        typer.echo(
            f"{key} {one.by:.3f}: {one.recordings} recordings, coverage {before:.3f} to {after:.3f}, "
            f"width {thin:.2f} to {wide:.2f} mV"
        )


def _confidence(settings: EngineSettings, cases: "Sequence[Case]") -> None:
    from inference.beats_only import BeatsOnly
    from inference.evaluation.believing import choose_confidence

    plain = replace(settings, confidence_slope=1.0, confidence_shift=0.0, min_confidence=0.0, **_LAST_OFF)
    found = choose_confidence(cases, BeatsOnly.load(plain))
    before, after = found.error
    typer.echo(
        f"confidence_slope {found.slope:.3f} confidence_shift {found.shift:.3f}: {found.beats} beats of "
        f"{found.recordings} recordings, calibration error {before:.3f} to {after:.3f}"
    )


_CHOICES = {"confidence": _confidence, "thresholds": _thresholds, "band": _band}

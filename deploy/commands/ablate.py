"""p2es ablate: the generator without one idea of P2Es at a time, trained alike and judged alike."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="folder with bidmc/, cinc2015/ and ptbxl/, or a manifest (.csv)")],
    out: Annotated[Path, typer.Option(help="a folder of checkpoints, logs, plots and weights for each row")] = Path(
        "runs/ablations"
    ),
    page: Annotated[Path, typer.Option(help="folder for ablations.md and ablations.json")] = Path("docs"),
    cache: Annotated[Path, typer.Option(help="of prepared recordings")] = Path("runs/prepared"),
    steps: Annotated[
        int | None, typer.Option(help="of every row; as without it, 15 minutes on one thread here", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="of every row")] = 0,
    row: Annotated[str | None, typer.Option(help="train this row alone, and judge nothing")] = None,
    judge: Annotated[bool, typer.Option("--judge", help="judge the rows that are trained, and train none")] = False,
    limit: Annotated[
        int, typer.Option(help="judge at most so many recordings with PPG of each set, evenly over the split", min=1)
    ] = 20,
    threads: Annotated[int, typer.Option(min=1, help="of torch")] = 1,
    jobs: Annotated[int, typer.Option(help="processes for preparing", min=1)] = 2,
) -> None:
    """Train the generator again without one idea of P2Es at a time, judge all on the test part, and write the table.

    Rows have the same seed and steps. Stop it whenever you like: the same command goes on from the last checkpoint, and
    neither trains nor judges again what it has. The beat head is that of infer.engine.weights for every row."""
    from inference.training.ablation import ROWS, STEPS, RowSettings  # torch takes seconds to load

    if row is not None and row not in ROWS:
        raise typer.BadParameter(f"one of {', '.join(ROWS)}", param_hint="--row")
    if row is not None and judge:
        raise typer.BadParameter("trains, --judge does not: leave one out", param_hint="--row")
    from inference.folders import ready_for_output
    from inference.model_folder import SHIPPED
    from inference.training.ablation import train_rows
    from inference.weights_file import load_weights

    ready_for_output(out)
    settings = settings_of(context).infer.engine
    head, rows = load_weights(settings.weights or SHIPPED), RowSettings(out, steps or STEPS, seed, threads)
    if not judge:
        for name, one in train_rows([row] if row else list(ROWS), data, cache, rows, head, jobs).items():
            typer.echo(f"{name}: {one.weights_id}")
    if row is None:
        from inference.evaluation.ablation_report import write_ablations
        from inference.evaluation.ablation_run import judge_ablations
        from inference.evaluation.run import EvaluationSettings

        ready_for_output(page)
        report = judge_ablations(head, settings, rows, EvaluationSettings(data, cache, "test", limit, jobs))
        typer.echo(write_ablations(report, page, "p2es ablate --data DIR"))

"""p2es train: every stage, resumable at any minute."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


def command(
    data: Annotated[Path, typer.Option(help="folder with bidmc/, cinc2015/ and ptbxl/, or a manifest (.csv)")],
    out: Annotated[Path, typer.Option(help="checkpoints, logs, plots, cache and the weights")] = Path("runs"),
    beat_steps: Annotated[int, typer.Option(min=1)] = 8000,
    generator_steps: Annotated[int, typer.Option(min=1)] = 2400,
    student_steps: Annotated[int, typer.Option(min=1)] = 600,
    seed: int = 0,
    threads: Annotated[int, typer.Option(min=1, help="of torch")] = 2,
) -> None:
    """Train the beat head, the generator, its student, and what tells a heart from a limb (two hours on one thread).

    Stop it whenever you like: the same command goes on from the last checkpoint. Once a minute OUT/beats.svg,
    OUT/generator.svg or OUT/student.svg shows the losses so far."""
    from inference.training.stages import TrainSettings, train  # torch takes seconds to load

    model_id = train(TrainSettings(data, out, beat_steps, generator_steps, student_steps, seed, threads))
    typer.echo(f"{model_id} in {out / 'weights'}")

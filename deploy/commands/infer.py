"""p2es infer: the diffusion worker."""

from dataclasses import replace
from typing import Annotated

import typer

from deploy.context import settings_of
from deploy.settings import calibration_files
from deploy.stage import run_stage

__all__ = ["command"]


def command(
    context: typer.Context,
    engine: Annotated[
        str | None, typer.Option(help="torch or onnx, what runs the networks; infer.engine.runtime when left out")
    ] = None,
) -> None:
    """Estimate the 12-lead ECG of every window (ppg.segments -> ecg.segments; CPU or GPU).

    Estimated from PPG. Not for diagnosis. Start as many as there are partitions; they share the patients."""
    from inference.worker import run  # torch takes seconds to load, and other commands do not need it

    if engine not in (None, "torch", "onnx"):
        raise typer.BadParameter("torch or onnx", param_hint="--engine")
    settings = settings_of(context)
    chosen = replace(settings.infer.engine, runtime=engine or settings.infer.engine.runtime)
    worker = replace(settings.infer, engine=chosen)
    files = calibration_files(settings)
    run_stage(lambda stop: run(worker, settings.kafka, files, stop), settings.health)

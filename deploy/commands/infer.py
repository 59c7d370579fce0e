"""p2es infer: the diffusion worker."""

import typer

from deploy.context import settings_of
from deploy.settings import calibration_files
from deploy.stage import run_stage

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """Estimate the 12-lead ECG of every window (ppg.segments -> ecg.segments; CPU or GPU).

    Estimated from PPG. Not for diagnosis. Start as many as there are partitions; they share the patients."""
    from inference.worker import run  # torch takes seconds to load, and other commands do not need it

    settings = settings_of(context)
    files = calibration_files(settings)
    run_stage(lambda stop: run(settings.infer, settings.kafka, files, stop), settings.health)

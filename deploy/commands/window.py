"""p2es window: chunks of PPG into conditioned windows."""

import typer

from deploy.context import settings_of
from deploy.settings import known_people
from deploy.stage import run_stage

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """Cut live PPG into conditioned, overlapping windows (ppg.chunks -> ppg.segments; faust).

    Gaps stay gaps; duplicates vanish; what comes late goes to ppg.late. Killed at any moment it resumes exactly."""
    from stream.app import run  # faust takes a second to load, and other commands do not need it

    settings = settings_of(context)
    run_stage(lambda stop: run(settings.window, settings.kafka, known_people(settings), stop), settings.health)

"""p2es monitor: the live page."""

import typer

from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """Serve the live 12-lead page (monitor.host, monitor.port). Estimated from PPG. Not for diagnosis.

    The page raises "no data" by its own clock, whichever process died. It has no log-in: keep it on this machine, or
    put a proxy before it that has one."""
    from sinks.monitor.server import run

    settings = settings_of(context)
    run_stage(lambda stop: run(settings.monitor, settings.kafka, stop), settings.health)

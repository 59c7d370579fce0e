"""p2es alert: rules and watchdog."""

import typer

from deploy.context import settings_of
from deploy.settings import alert_settings
from deploy.stage import run_stage
from inference.alerts.process import run

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """Raise and clear alerts (ecg.segments, device.status -> alerts): signal lost, poor signal, pause, slow, fast.

    A silent device is reported within 5 s by the wall clock. Limits: alert.limits and patients.ID.limits."""
    settings = settings_of(context)
    run_stage(lambda stop: run(alert_settings(settings), settings.kafka, stop), settings.health)

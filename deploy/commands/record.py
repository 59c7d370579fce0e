"""p2es record: sessions on disk."""

import typer

from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """Record sessions as WFDB: PPG as received, estimated leads, beats, alerts, true ECG (record.folder).

    A recorded folder can be given to `p2es replay`. A full disk stops it with nothing lost."""
    from sinks.recorder.process import run  # wfdb takes a second to load

    settings = settings_of(context)
    run_stage(lambda stop: run(settings.record, settings.kafka, stop), settings.health)

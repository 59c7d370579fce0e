"""p2es record: sessions on disk."""

from typing import Annotated

import typer

from deploy.commands.collect import DEVICE, DRIVER, PATIENT, PLAIN
from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["command"]


def command(
    context: typer.Context,
    device: Annotated[list[str] | None, DEVICE] = None,
    patient: Annotated[list[str] | None, PATIENT] = None,
    driver: Annotated[str | None, DRIVER] = None,
    plain: Annotated[bool, PLAIN] = False,
) -> None:
    """Record sessions as WFDB: PPG as received, estimated leads, beats, alerts, true ECG (record.folder).

    With --device straight from wearables, without a broker: PPG, motion, numbers and the raw frames. A recorded folder
    can be given to `p2es replay`. A full disk stops it with nothing lost."""
    settings = settings_of(context)
    if device:
        from deploy.collecting import record, wishes
        from deploy.live_view import live_view

        wanted = wishes(settings, device, patient or [], driver)
        with live_view(is_wanted=not plain) as show:
            run_stage(lambda stop: record(settings, wanted, stop, show), settings.health)
        return
    from sinks.recorder.process import run  # wfdb takes a second to load

    run_stage(lambda stop: run(settings.record, settings.kafka, stop), settings.health)

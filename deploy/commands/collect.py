"""p2es collect: live wearables into Kafka."""

from typing import Annotated

import typer

from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["DEVICE", "DRIVER", "PATIENT", "PLAIN", "command"]

DEVICE = typer.Option("--device", help="Bluetooth address, name or end of the name; all of [devices] when left out")
PATIENT = typer.Option("--patient", help="patient id; as many as devices, in their order")
DRIVER = typer.Option(help="when the device is not recognised; p2es devices lists them")
PLAIN = typer.Option("--plain", help="log lines instead of the live view")


def command(
    context: typer.Context,
    device: Annotated[list[str] | None, DEVICE] = None,
    patient: Annotated[list[str] | None, PATIENT] = None,
    driver: Annotated[str | None, DRIVER] = None,
    plain: Annotated[bool, PLAIN] = False,
) -> None:
    """Read wearables over Bluetooth LE and send what they measure to Kafka, with a live view of each.

    While the broker is away it is kept on the disk (collect.spool_folder) and sent later, in order."""
    from deploy.collecting import collect, wishes
    from deploy.live_view import live_view

    settings = settings_of(context)
    wanted = wishes(settings, device or [], patient or [], driver)
    with live_view(is_wanted=not plain) as show:
        run_stage(lambda stop: collect(settings, wanted, stop, show), settings.health)

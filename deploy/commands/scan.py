"""p2es scan: what is near."""

import asyncio
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(
    context: typer.Context,
    seconds: Annotated[float, typer.Option(min=0.5, help="how long to listen")] = 5.0,
    every: Annotated[bool, typer.Option("--all", help="also devices that no driver knows")] = False,
) -> None:
    """List Bluetooth devices near, the strongest first, and the driver that was found for each."""
    from rich.console import Console
    from rich.table import Table

    from ingest.bluetooth.scanner import scan

    found = asyncio.run(scan(seconds, settings_of(context).collect.adapter))
    shown = [one for one in found if every or one.driver is not None]
    table = Table("name", "address", "dBm", "driver", "is")
    for one in shown:
        driver = one.driver
        table.add_row(
            one.name or "",
            one.address,
            str(one.rssi_dbm),
            driver.name if driver else "-",
            driver.title if driver else "",
        )
    if shown:
        Console().print(table)
    others = len(found) - len(shown)
    if others or not found:
        typer.echo(f"{others} devices that no driver knows (--all lists them)" if others else "no device was heard")

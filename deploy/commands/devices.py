"""p2es devices: what can be read, and what is set up."""

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """List the kinds of wearable that can be read, and the devices of the settings."""
    from rich.console import Console
    from rich.table import Table

    from ingest.devices.registry import DRIVERS

    console = Console()
    kinds = Table("driver", "devices", "waveform", "channels (used)", "Hz", title="can be read")
    for one in DRIVERS.values():
        ppg = one.streams.get("ppg")
        channels = (
            ", ".join(f"({name})" if n == ppg.primary else name for n, name in enumerate(ppg.channels)) if ppg else ""
        )
        kinds.add_row(one.name, one.title, "yes" if ppg else "no", channels, f"{ppg.fs_hz:g}" if ppg else "")
    console.print(kinds)
    known = settings_of(context).devices
    if not known:
        typer.echo("no device is set up: [devices.ID] in p2es.toml, or --device (see p2es scan)")
        return
    table = Table("device", "patient", "driver", title="set up")
    for name, one in known.items():
        table.add_row(name, one.patient or "", one.driver or "as recognised")
    console.print(table)

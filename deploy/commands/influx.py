"""p2es influx: the database and the process that writes it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="InfluxDB: set it up, write into it.")


@app.command("write")
def write(context: typer.Context) -> None:
    """Write leads, PPG, vitals, windows, alerts and the devices' own numbers into InfluxDB (influx.url, influx.bucket).

    A stage like the others. Offsets are committed after the confirmed write; what is written twice is there once."""
    from sinks.influx.process import run

    settings = settings_of(context)
    run_stage(lambda stop: run(settings.influx, settings.kafka, stop), settings.health)


@app.command("init")
def init(
    context: typer.Context,
    admin_token_file: Annotated[
        Path | None, typer.Option(help="holds a token that may make buckets, tasks and tokens; else INFLUX_ADMIN_TOKEN")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="folder for the two token files")] = Path("."),
) -> None:
    """Make buckets, down-sampling task, a write-only and a read-only token. Doing it again changes nothing."""
    from sinks.influx.setup import set_up

    settings = settings_of(context)
    token = admin_token_file.read_text().strip() if admin_token_file else os.environ.get("INFLUX_ADMIN_TOKEN")
    if not token:
        raise typer.BadParameter("needed, or INFLUX_ADMIN_TOKEN in the environment", param_hint="--admin-token-file")
    made = set_up(settings.influx, token, out, typer.echo)
    typer.echo(f"ready: set influx.token_file to {made.write_token}; {made.read_token} is for Grafana")

"""p2es dashboards: Grafana, over its API or as provisioning files."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Grafana dashboards: one patient live, and operations.")


@app.command("apply")
def apply(
    context: typer.Context,
    read_token_file: Annotated[Path, typer.Option(help="InfluxDB's read token, of `p2es influx init`")],
) -> None:
    """Data source, folder and dashboards into a running Grafana (grafana.url). Doing it again changes nothing."""
    from sinks.grafana.apply import apply as put

    settings = settings_of(context)
    put(settings.grafana, settings.influx, read_token_file.read_text().strip(), typer.echo)
    typer.echo(f"dashboards are in {settings.grafana.url}/dashboards/f/p2es")


@app.command("write")
def write(
    context: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", help="Grafana's provisioning folder")] = Path("provisioning"),
) -> None:
    """The same as files that Grafana reads at its start; the token comes from its environment (INFLUX_READ_TOKEN)."""
    from sinks.grafana.provisioning import write_provisioning

    for file in write_provisioning(settings_of(context).influx, out):
        typer.echo(str(file))

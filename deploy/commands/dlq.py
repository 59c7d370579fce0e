"""p2es dlq: messages that were set aside."""

import asyncio
import json
from typing import Annotated

import typer

from deploy.context import settings_of

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Dead letters: look at them, send them again.")
_Place = Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="as `p2es dlq list` prints it")]


@app.command("list")
def list_(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False
) -> None:
    """All dead letters: where, from which topic, why."""
    from stream.dead_letters import dead_letters

    for one in asyncio.run(dead_letters(settings_of(context).kafka)):
        if as_json:
            typer.echo(json.dumps(one.facts()))
        else:
            typer.echo(f"{one.place:10} {one.source_topic} key={one.key} attempt={one.attempt} {one.error}")


@app.command("show")
def show(context: typer.Context, place: _Place) -> None:
    """One dead letter with its reason, and its content as far as it can be read."""
    from stream.dead_letters import find

    one = asyncio.run(find(settings_of(context).kafka, place))
    typer.echo(json.dumps(one.facts() | {"content": one.content()}, indent=1))


@app.command("redrive")
def redrive(
    context: typer.Context,
    places: Annotated[list[str] | None, typer.Argument(metavar="PARTITION:OFFSET...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all that were not sent again yet")] = False,
) -> None:
    """Send dead letters to the topic they came from, once what was wrong is mended. They stay listed as sent."""
    from stream.dead_letters import redrive as send

    if bool(places) == everything:
        raise typer.BadParameter("name some, or --all")
    for one in asyncio.run(send(settings_of(context).kafka, places or None)):
        typer.echo(f"{one.place} sent to {one.source_topic}, attempt {one.attempt + 1}")

"""p2es topics: the topics of a Kafka of yours."""

import asyncio

import typer

from deploy.context import settings_of

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Make and check the Kafka topics.")


@app.command("init")
def init(context: typer.Context) -> None:
    """Make the topics that are missing (kafka.partitions, replication, retention_h). Doing it again changes nothing."""
    from stream.topics import make_topics

    asyncio.run(make_topics(settings_of(context).kafka, typer.echo))
    typer.echo("all topics are there")


@app.command("list")
def list_(context: typer.Context) -> None:
    """What the topics should be: partitions and retention."""
    from stream.topics import planned_topics

    for one in planned_topics(settings_of(context).kafka):
        config = " ".join(f"{key}={value}" for key, value in one.config.items())
        typer.echo(f"{one.name:16} partitions={one.partitions} {config}")

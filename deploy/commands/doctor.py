"""p2es doctor: is everything there that the stages need?"""

import asyncio

import typer

from deploy.context import settings_of

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """Check broker, topics, database, token, model, recordings folder and clock; one line each.

    Exit 1 when something is wrong; the line says what to do."""
    from deploy.doctor import examine

    findings = asyncio.run(examine(settings_of(context)))
    for one in findings:
        typer.echo(f"{'ok  ' if one.is_well else 'FAIL'} {one.subject}: {one.text}")
    if not all(one.is_well for one in findings):
        raise typer.Exit(1)

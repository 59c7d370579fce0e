"""p2es settings: every key, its value, what it means."""

import typer

from deploy.context import settings_of
from deploy.settings import as_toml

__all__ = ["command"]


def command(context: typer.Context) -> None:
    """List every setting with its present value, in the form of a p2es.toml.

    The later wins: defaults, p2es.toml (or --settings FILE), environment (P2ES_INFER__ENGINE__CALLS=4), flags
    (--set infer.engine.calls=4)."""
    typer.echo(as_toml(settings_of(context)), nl=False)

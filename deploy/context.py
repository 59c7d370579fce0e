"""What every subcommand is given by the options before it."""

from __future__ import annotations

from typing import cast

import typer

from deploy.settings import Settings

__all__ = ["settings_of"]


def settings_of(context: typer.Context) -> Settings:
    """The merged settings, read once by the main command."""
    return cast(Settings, context.obj)

"""The `p2es` command: one subcommand a file, one line on stderr when something is wrong."""

from __future__ import annotations

import logging
import sys

import typer

from deploy.commands import generate, train
from inference.errors import InferenceError
from ingest.errors import IngestError
from stream.errors import StreamError

__all__ = ["app", "main"]

app = typer.Typer(
    name="p2es",
    help="Live wearable PPG in, an estimated 12-lead ECG out. Estimated from PPG. Not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("generate")(generate.command)
app.command("train")(train.command)


@app.callback()
def _options() -> None:
    """Subcommands have their own --help."""


def main() -> None:
    """Run the command line. Exit 0 done, 1 failed, 2 bad input."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except (IngestError, StreamError, InferenceError) as error:
        sys.stderr.write(f"p2es: {error}\n")
        sys.exit(2)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        sys.stderr.write(f"p2es: {error.strerror or error}{where}\n")
        sys.exit(1)

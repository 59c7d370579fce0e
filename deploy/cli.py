"""The `p2es` command: one subcommand a file, one line on stderr when something is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands import (
    ablate,
    alert,
    calibrate,
    collect,
    dashboards,
    decode,
    demo,
    devices,
    dlq,
    doctor,
    evaluate,
    export_onnx,
    generate,
    infer,
    influx,
    load,
    manifest,
    monitor,
    record,
    redecode,
    replay,
    scan,
    settings,
    testbed,
    topics,
    train,
    window,
)
from deploy.errors import DeployError
from deploy.logs import FORMATS, set_up_logging
from deploy.settings import read_settings
from inference.errors import InferenceError
from ingest.errors import IngestError
from sinks.errors import SinkError
from stream.errors import StreamError

__all__ = ["app", "main"]

_EXTRAS = {"torch": "torch", "onnxruntime": "onnx"}  # libraries that a small box does without

app = typer.Typer(
    name="p2es",
    help="Live wearable PPG in, an estimated 12-lead ECG out. Estimated from PPG. Not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, _module in {
    "demo": demo,
    "generate": generate,
    "calibrate": calibrate,
    "scan": scan,
    "devices": devices,
    "collect": collect,
    "replay": replay,
    "redecode": redecode,
    "window": window,
    "infer": infer,
    "alert": alert,
    "record": record,
    "monitor": monitor,
    "decode": decode,
    "settings": settings,
    "doctor": doctor,
    "load": load,
    "train": train,
    "evaluate": evaluate,
    "ablate": ablate,
    "export-onnx": export_onnx,
}.items():
    app.command(_name)(_module.command)
for _name, _module in {
    "influx": influx,
    "topics": topics,
    "dlq": dlq,
    "dashboards": dashboards,
    "manifest": manifest,
    "testbed": testbed,
}.items():
    app.add_typer(_module.app, name=_name)


@app.callback()
def _options(
    context: typer.Context,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="p2es.toml here when left out")] = None,
    put: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="one setting")] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error")] = "info",
    log_format: Annotated[str, typer.Option(help="text, or json for a log collector")] = "text",
    debug: Annotated[bool, typer.Option(help="show the traceback of an error")] = False,
) -> None:
    """Every stage is a process of its own; `demo` runs them all on an embedded broker."""
    if log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise typer.BadParameter("debug, info, warning or error", param_hint="--log-level")
    if log_format not in FORMATS:
        raise typer.BadParameter("text or json", param_hint="--log-format")
    set_up_logging(log_level, log_format, context.invoked_subcommand or "")
    pairs = [one.partition("=") for one in put or ()]
    if any(not sign for _, sign, _ in pairs):
        raise typer.BadParameter("KEY=VALUE, as in infer.engine.calls=4", param_hint="--set")
    context.obj = read_settings(settings_file, flags={key: value for key, _, value in pairs})


def main() -> None:
    """Run the command line. Exit 0 done, 1 failed, 2 bad input."""
    try:
        app()
    except (IngestError, StreamError, InferenceError, SinkError, DeployError) as error:
        _fail(str(error), 2)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        _fail(f"{error.name} is not installed: this command needs p2es[{_EXTRAS[error.name]}]", 1)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _fail(f"{error.strerror or error}{where}", 1)


def _fail(line: str, status: int) -> None:
    if "--debug" in sys.argv:
        raise
    sys.stderr.write(f"p2es: {line}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()

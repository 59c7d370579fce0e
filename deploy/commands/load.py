"""p2es load: how many patients this machine carries."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["command"]


def command(
    context: typer.Context,
    patients: Annotated[int, typer.Option(min=1, max=999, help="virtual wearables")] = 10,
    seconds: Annotated[float, typer.Option(min=20, help="each sends so long, at the pace of life")] = 60.0,
    recording: Annotated[
        list[Path] | None, typer.Option(help="what they send, in turn; repeatable; the demo's when left out")
    ] = None,
    infer_workers: Annotated[int, typer.Option(min=1)] = 1,
    window_workers: Annotated[int, typer.Option(min=1)] = 1,
    read_token_file: Annotated[
        Path | None, typer.Option(help="a token that may read influx.bucket; beside influx.token_file when left out")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one object and nothing else")] = False,
) -> None:
    """Virtual wearables through window, infer, alert and influx, which it starts itself, into InfluxDB.

    Every window that was sent is looked for in the database. Exit 1 when one is lost or there twice. It needs a broker
    and a database (p2es testbed up), and leaves its patients, load-..., in influx.bucket."""
    from deploy.load.run import LoadWish, run_load
    from deploy.stack.demo import DEMO_RECORDING
    from deploy.testbed.testbed import server_pids
    from ingest.recordings import read_recording
    from sinks.influx.setup import READ_TOKEN

    settings = settings_of(context)
    beside = settings.influx.token_file.with_name(READ_TOKEN) if settings.influx.token_file else None
    token = read_token_file or beside
    if token is None or not token.exists():
        raise typer.BadParameter("needed: p2es influx init writes one", param_hint="--read-token-file")
    workers = {"infer": infer_workers, "window": window_workers}
    recordings = [read_recording(path) for path in recording or [DEMO_RECORDING]]
    wish = LoadWish(recordings, patients, seconds, token, workers, server_pids(settings))
    found: dict[str, Any] = {}

    async def main(stop: Any) -> None:
        found.update(await run_load(wish, settings, stop))

    run_stage(main)
    typer.echo(json.dumps(found) if as_json else _table(found))
    if found["lost"] or found["duplicated"] or any(found["samples"][key] for key in ("lost", "duplicated")):
        raise typer.Exit(1)


def _table(found: dict[str, Any]) -> str:
    lines = [f"{key:24s} {value}" for key, value in found.items() if key != "stages"]
    lines.append(f"{'':24s} {'cores':>8s} {'ms/window':>10s} {'RSS MB':>8s}")
    for name, one in found["stages"].items():
        lines.append(f"{name:24s} {one['cores']:8.3f} {one['ms_a_window']:10.2f} {one['rss_mb']:8.0f}")
    return "\n".join(lines)

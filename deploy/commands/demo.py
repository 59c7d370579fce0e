"""p2es demo: the whole chain with one command."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.replay import speed_factor
from deploy.context import settings_of
from deploy.stage import run_stage

__all__ = ["command"]


def command(
    context: typer.Context,
    recording: Annotated[Path | None, typer.Option(help="yours instead of the shipped one")] = None,
    channel: Annotated[str | None, typer.Option(help="PPG channel; the usual names when left out")] = None,
    patient: Annotated[str | None, typer.Option(help="patient id; the file's name when left out")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="only the first so many of the recording")] = None,
    speed: Annotated[str, typer.Option(help="1 is real time, 20 twenty times, max as fast as it goes")] = "1",
    headless: Annotated[bool, typer.Option("--headless", help="no page; ends with the recording")] = False,
    out: Annotated[Path, typer.Option("-o", "--out", help="records, logs and summary.json")] = Path("p2es-demo"),
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="of the page; else monitor.port or the next")
    ] = None,
    browser: Annotated[bool, typer.Option(help="open the page")] = True,
    wearable: Annotated[
        bool, typer.Option("--wearable", help="from a simulated Polar Verity Sense over Bluetooth (needs dbus-daemon)")
    ] = False,
) -> None:
    """Run everything on this machine: embedded broker, every stage, a real recording, the live page.

    Needs nothing but Python. Headless it leaves DIR/NAME.hea, .dat, .json as `generate` writes them, and
    DIR/summary.json. Estimated from PPG. Not for diagnosis."""
    if wearable and (recording or headless or seconds is not None or speed != "1"):
        raise typer.BadParameter("plays its own recording at the pace of life, on the page", param_hint="--wearable")
    from deploy.stack.demo import DEMO_RECORDING, DemoWish, run_demo  # scipy and wfdb take a second to load

    speed_factor(speed)
    wish = DemoWish(
        recording or DEMO_RECORDING, out, channel, patient, seconds, speed, headless, port, browser, wearable
    )
    run_stage(lambda stop: run_demo(wish, settings_of(context), stop, typer.echo))

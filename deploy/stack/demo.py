"""The whole chain on this machine: embedded broker, every stage a process, a recording replayed, the page.

Headless it ends with the recording, and leaves the 12-lead record and what was measured."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import sys
import time
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from deploy.errors import DeployError, ProcessDied
from deploy.lookalike.bus import PrivateBus
from deploy.settings import Settings, as_toml
from deploy.stack.broker import broker_command, wait_for_address
from deploy.stack.export import export_session, recorded_until_ns
from deploy.stack.supervisor import Supervisor
from deploy.stack.tally import Tally
from deploy.stack.wearable import start_wearable
from ingest.recordings import Recording, first_seconds, read_recording
from ingest.session import session_id, start_ns
from sinks.recorder.process import folder_name
from sinks.wfdb_writer import replace_file
from stream.kafka import ALERTS, ECG_SEGMENTS, PPG_CHUNKS, KafkaSettings, Record, consume
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, LEADS, Alert, EcgSegment, PpgChunk

__all__ = ["DEMO_RECORDING", "DemoWish", "run_demo"]

log = logging.getLogger(__name__)

DEMO_RECORDING = Path(__file__).parents[1] / "recordings" / "bidmc37-5min"
_STALLED_S = 60.0
_PORTS = 20  # tried after the first when nobody asked for that one


@dataclass(frozen=True, slots=True)
class DemoWish:
    """What was asked for. port None: the settings' one or the next that is free. seconds: of the recording. wearable:
    a simulated one over (simulated) Bluetooth instead of a recording."""

    recording: Path
    out: Path
    channel: str | None = None
    patient: str | None = None
    seconds: float | None = None
    speed: str = "1"
    headless: bool = False
    port: int | None = None
    browser: bool = True
    wearable: bool = False


async def run_demo(wish: DemoWish, settings: Settings, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Run until `stop`, headless until the recording's end. say: where to tell people what happens.

    Raises BadRecording before anything is started, ProcessDied, NoEmbeddedBroker."""
    begun_s = time.monotonic()
    recording = None if wish.wearable else _recording(wish)
    wish.out.mkdir(parents=True, exist_ok=True)
    if recording is not None:  # of an earlier run, perhaps of another model
        shutil.rmtree(_session_folder(recording, wish), ignore_errors=True)
    port = None if wish.headless else _free_port(settings.monitor.host, wish.port, settings.monitor.port, say)
    with ExitStack() as stack:
        bus = stack.enter_context(PrivateBus()) if wish.wearable else None
        children = stack.enter_context(Supervisor(wish.out / "logs"))
        address_file = wish.out / "logs" / "broker-address"
        address_file.unlink(missing_ok=True)
        children.start("broker", broker_command(address_file), needed=True)
        address = await asyncio.to_thread(wait_for_address, children.children["broker"].process, address_file)
        kafka = KafkaSettings(address)
        _start_stages(children, wish, replace(settings, kafka=kafka), port)
        tally, counting = Tally(), asyncio.Event()
        counter = asyncio.create_task(_count(kafka, tally, counting))
        try:
            if bus is None:
                children.start("replay", [*_p2es(wish.out), *_replay_options(wish)])
            else:
                start_wearable(children, _p2es(wish.out), bus.address, wish.patient or "wearable", wish.out)
            if port is not None:
                await _open_page(wish, settings, port, children, stop, say)
            await _first_leads(children, tally, stop, say, begun_s)
            if not wish.headless:
                counting.set()  # a demo may be left running: nothing is to grow with it
            await _until_done(recording, wish, children, tally, stop)
        finally:
            counting.set()
            await counter
    if wish.headless and recording is not None and not stop.is_set():
        _leave_record(recording, wish, tally, say)


def _recording(wish: DemoWish) -> Recording:
    recording = read_recording(wish.recording, wish.channel)
    return recording if wish.seconds is None else first_seconds(recording, wish.seconds)


def _p2es(out: Path) -> list[str]:
    return [sys.executable, "-m", "deploy.cli", "--settings", str(out / "p2es.toml")]


def _start_stages(children: Supervisor, wish: DemoWish, settings: Settings, port: int | None) -> None:
    recordings = (wish.out / "recordings").absolute()
    settings = replace(
        settings,
        record=replace(settings.record, folder=recordings),
        collect=replace(settings.collect, folder=recordings, spool_folder=(wish.out / "spool").absolute()),
    )
    if port is not None:
        settings = replace(settings, monitor=replace(settings.monitor, port=port))
    replace_file(wish.out / "p2es.toml", as_toml(settings).encode())
    for stage in ("monitor",) * (port is not None) + ("infer", "window", "alert", "record"):
        children.start(stage, [*_p2es(wish.out), stage])


def _replay_options(wish: DemoWish) -> list[str]:
    options = ["replay", str(wish.recording), "--speed", wish.speed]
    if wish.channel:
        options += ["--channel", wish.channel]
    if wish.patient:
        options += ["--patient", wish.patient]
    if wish.seconds is not None:
        options += ["--seconds", str(wish.seconds)]
    if not wish.headless:
        options += ["--shift", "now", "--loop"]
    return options


def _free_port(host: str, asked: int | None, usual: int, say: Callable[[str], None]) -> int:
    for port in [asked] if asked is not None else range(usual, usual + _PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            if port != (asked or usual):
                say(f"port {usual} is in use, the page is on {port}")
            return port
    wanted = f"port {asked} is" if asked is not None else f"ports {usual} to {usual + _PORTS - 1} are"
    raise DeployError(f"{wanted} in use: choose another with --port")


async def _open_page(
    wish: DemoWish, settings: Settings, port: int, children: Supervisor, stop: asyncio.Event, say: Callable[[str], None]
) -> None:
    url = f"http://{settings.monitor.host}:{port}/"
    while not stop.is_set():
        children.check()
        try:
            _, writer = await asyncio.open_connection(settings.monitor.host, port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.1)
    say(f"live page: {url}  (Ctrl-C ends the demo)")
    display = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if wish.browser and display and not webbrowser.open(url):
        say("no browser could be opened; open the page by hand")


async def _count(kafka: KafkaSettings, tally: Tally, stop: asyncio.Event) -> None:
    async def take(records: list[Record]) -> None:
        for record in records:
            tally.take(record.message)

    kinds = {PPG_CHUNKS: PpgChunk, ECG_SEGMENTS: EcgSegment, ALERTS: Alert}
    await consume(kafka, group=None, kinds=kinds, process=take, publisher=None, stop=stop, max_records=500)


async def _first_leads(
    children: Supervisor, tally: Tally, stop: asyncio.Event, say: Callable[[str], None], begun_s: float
) -> None:
    while not stop.is_set() and not tally.segments:
        children.check()
        await asyncio.sleep(0.1)
    if tally.segments:
        say(f"first leads {time.monotonic() - begun_s:.1f} s after the start")


async def _until_done(
    recording: Recording | None, wish: DemoWish, children: Supervisor, tally: Tally, stop: asyncio.Event
) -> None:
    if recording is None:
        while not stop.is_set():  # a wearable has no end
            children.check()
            await asyncio.sleep(0.2)
        return
    end_ns = start_ns(recording) + (recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1) * GRID_STEP_NS
    session, moved_s, seen_ns = _session_folder(recording, wish), time.monotonic(), 0
    while not stop.is_set():
        children.check()
        if tally.stop_ns != seen_ns:
            seen_ns, moved_s = tally.stop_ns, time.monotonic()
        if wish.headless and children.finished("replay"):
            if tally.is_whole(end_ns) and await asyncio.to_thread(recorded_until_ns, session) >= end_ns:
                return
            if time.monotonic() - moved_s > _STALLED_S:
                raise ProcessDied(f"nothing came through for {_STALLED_S:.0f} s; see {wish.out / 'logs'}")
        await asyncio.sleep(0.2)


def _session_folder(recording: Recording, wish: DemoWish) -> Path:
    patient = wish.patient or recording.name
    return wish.out / "recordings" / folder_name(patient) / folder_name(session_id(recording))


def _leave_record(recording: Recording, wish: DemoWish, tally: Tally, say: Callable[[str], None]) -> None:
    path, beside = export_session(_session_folder(recording, wish), recording, wish.out)
    silent = [(one["start_s"], one["stop_s"], one["reason"]) for one in beside["abstained"]]
    samples = recording.length_ns * GRID_FS_HZ // 1_000_000_000 + 1
    figures = {
        "chunks_in": len(tally.chunks),
        "segments": len(tally.segments),
        "leads_out": len(LEADS),
        "samples_out": samples,
        "gaps": sum(why == "gap" for *_, why in silent),
        "abstained_s": round(sum(stop - start for start, stop, _ in silent), 3),
        "alerts": len(tally.alerts),
        "record": str(path),
        "broker": f"librdkafka mock cluster (confluent-kafka {version('confluent-kafka')})",
        "latency_ms": tally.latency_ms(),
        "model_id": beside["model_id"],
        "label": beside["label"],
    }
    replace_file(wish.out / "summary.json", (json.dumps(figures, indent=1) + "\n").encode())
    say(f"{path}.hea {path}.dat {path}.json {wish.out / 'summary.json'}")

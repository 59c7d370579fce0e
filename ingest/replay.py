"""A recording sent as if its wearable were here: paced by the wall clock, at its own times or shifted to now.

The same file, channel and shift give the same session and the same chunks, so what a restarted replay sends again is
dropped downstream as duplicates. A shift to now is therefore remembered until the replay ends."""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from ingest.faults import Faults, Injected, inject
from ingest.recordings import Recording
from ingest.session import ppg_chunks, reference_chunks, session_id, start_ns
from stream.kafka import DEVICE_STATUS, ECG_REFERENCE, PPG_CHUNKS
from stream.messages import DeviceStatus, PpgChunk, ReferenceEcg

__all__ = ["ReplaySettings", "Sender", "chosen_shift_ns", "remembered_shift_ns", "replay"]

log = logging.getLogger(__name__)

_HOP_NS = 2_000_000_000  # shifts are whole hops, so that the grid and the windows stay the same
_KEEP_NS = 3600 * 1_000_000_000
_UNDERWAY = 32


class Sender(Protocol):
    """What a replay needs of a publisher."""

    async def send(self, topic: str, message: object, key: str) -> None:
        """Return once the message is safe."""
        ...


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """patient, device: ids to send as. speed: 1 is real time, inf as fast as it goes. shift: original or now. loop:
    again and again, each round a session of its own whose time goes on. faults: done to the PPG on its way."""

    patient: str
    device: str
    speed: float = 1.0
    shift: str = "original"
    loop: bool = False
    faults: Faults | None = None


def chosen_shift_ns(recording: Recording, settings: ReplaySettings, now_ns: int) -> int:
    """0 at original times; else the whole hops that put the first sample at the next whole hop from now."""
    if settings.shift == "original":
        return 0
    first = start_ns(recording)
    return -(-now_ns // _HOP_NS) * _HOP_NS - first // _HOP_NS * _HOP_NS


def remembered_shift_ns(recording: Recording, settings: ReplaySettings, folder: Path, now_ns: int) -> tuple[int, Path]:
    """The shift of an unfinished replay of the same thing, else a new one, which is remembered in `folder`.

    Returns it and the file to remove at the end."""
    file = folder / f"{session_id(recording)}-{settings.device}.json".replace("/", "_")
    try:
        known = json.loads(file.read_text())
        if 0 <= now_ns - known["begun_ns"] < recording.length_ns / min(settings.speed, 1e6) + _KEEP_NS:
            log.info("going on with the replay that was interrupted")
            return int(known["shift_ns"]), file
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none, or not one of ours: begin anew
    shift_ns = chosen_shift_ns(recording, settings, now_ns)
    folder.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps({"shift_ns": shift_ns, "begun_ns": now_ns}))
    partial.replace(file)
    return shift_ns, file


@dataclass(slots=True)
class _Progress:
    session: str
    last_sample_ns: int | None = None
    gaps: int = 0


@dataclass(slots=True)
class _Pipeline:
    """Messages on their way, in order: a network that answers slowly must not slow the wearable.

    The first of a topic goes alone: while the client still looks for the topic, what waits may overtake."""

    sender: Sender
    _known: set[str] = field(default_factory=set)
    _underway: deque[asyncio.Task[None]] = field(default_factory=deque)

    async def send(self, topic: str, message: object, key: str) -> None:
        if topic not in self._known:
            await self.sender.send(topic, message, key)
            self._known.add(topic)
            return
        while len(self._underway) >= _UNDERWAY:
            await self._underway.popleft()
        self._underway.append(asyncio.create_task(self.sender.send(topic, message, key)))
        await asyncio.sleep(0)  # so that it begins before the next

    async def drain(self) -> None:
        while self._underway:
            await self._underway.popleft()


async def replay(
    recording: Recording,
    settings: ReplaySettings,
    shift_ns: int,
    sender: Sender,
    stop: asyncio.Event,
    clock: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Send the session (sessions, when looping). Returns whether it came to its end before `stop`."""
    begun_ns = clock()
    if settings.shift == "now" and settings.speed == 1:
        begun_ns = start_ns(recording, shift_ns)  # due when it would have been measured
    progress = _Progress(session_id(recording, shift_ns))
    heart = asyncio.create_task(_status_every_second(recording, settings, progress, sender, clock))
    sent_s = 0.0
    pipeline = _Pipeline(sender)
    try:
        while not stop.is_set():
            first = start_ns(recording, shift_ns)
            for at_ns, _, message in _in_order(recording, settings, shift_ns):
                due_ns = begun_ns + (at_ns - first) / settings.speed + sent_s * 1e9
                while (wait_s := (due_ns - clock()) / 1e9) > 0 and not stop.is_set():
                    await sleep(min(wait_s, 0.5))
                if stop.is_set():
                    break
                await _send(message, pipeline, progress, clock)
            if not settings.loop:
                break
            turn_ns = (recording.length_ns // _HOP_NS + 1) * _HOP_NS
            shift_ns, sent_s = shift_ns + turn_ns, sent_s + turn_ns / settings.speed / 1e9
            progress.session = session_id(recording, shift_ns)
        await pipeline.drain()
    finally:
        heart.cancel()
    finished = not stop.is_set()
    # a stop by hand ends the monitoring on purpose; only a kill is silence, and an alert
    await sender.send(DEVICE_STATUS, _status(recording, settings, progress, clock(), True, finished), settings.device)
    return finished


def _in_order(recording: Recording, settings: ReplaySettings, shift_ns: int) -> Iterator[tuple[int, int, object]]:
    """PPG and true ECG by the time their last sample was taken."""
    chunks = ppg_chunks(recording, settings.patient, settings.device, shift_ns)
    if settings.faults is not None:
        chunks = _with_faults(chunks, settings.faults)
    ppg = ((one.t0_ns + round(len(one.samples) * 1e9 / one.fs_hz), 0, one) for one in chunks)
    reference = (
        (one.t0_ns + round(len(one.samples) * 1e9 / one.fs_hz), 1, one)
        for one in reference_chunks(recording, settings.patient, settings.device, shift_ns)
    )
    return heapq.merge(ppg, reference, key=lambda one: one[:2])


def _with_faults(chunks: Iterator[PpgChunk], faults: Faults) -> Iterator[PpgChunk]:
    done = Injected()
    yield from inject(chunks, faults, done)
    log.info(
        "faults: %d chunks dropped, %d repeated, %d out of order, %d late",
        *map(len, (done.dropped, done.repeated, done.reordered, done.late)),
    )


async def _send(message: object, pipeline: _Pipeline, progress: _Progress, clock: Callable[[], int]) -> None:
    if isinstance(message, ReferenceEcg):
        await pipeline.send(ECG_REFERENCE, message, message.device)
        return
    assert isinstance(message, PpgChunk)
    await pipeline.send(PPG_CHUNKS, replace(message, received_ns=clock()), message.device)
    if message.end:
        return
    if progress.last_sample_ns is not None and message.t0_ns - progress.last_sample_ns > 1.5e9 / message.fs_hz:
        progress.gaps += 1
    progress.last_sample_ns = message.t0_ns + round((len(message.samples) - 1) * 1e9 / message.fs_hz)


async def _status_every_second(
    recording: Recording, settings: ReplaySettings, progress: _Progress, sender: Sender, clock: Callable[[], int]
) -> None:
    while True:  # by the real clock, whatever the replay's own
        status = _status(recording, settings, progress, clock(), False, False)
        await sender.send(DEVICE_STATUS, status, settings.device)
        await asyncio.sleep(1.0)


def _status(
    recording: Recording, settings: ReplaySettings, progress: _Progress, at_ns: int, ended: bool, finished: bool
) -> DeviceStatus:
    return DeviceStatus(
        device=settings.device,
        patient=settings.patient,
        session=progress.session,
        at_ns=at_ns,
        last_sample_ns=progress.last_sample_ns,
        state="streaming" if not ended else "ended" if finished else "stopped",
        battery_percent=None,
        rssi_dbm=None,
        fs_hz=recording.fs_hz if math.isfinite(recording.fs_hz) else None,
        gaps=progress.gaps,
        drops=0,
        ended=ended,
    )

"""A replay put together: the person's facts, the remembered shift, the publisher."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.faults import Faults
from ingest.recordings import Recording
from ingest.replay import ReplaySettings, remembered_shift_ns, replay
from stream.kafka import KafkaSettings, Publisher
from stream.messages import Demographics

__all__ = ["Replay", "overridden", "run_replay"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What was asked for on the command line; None where it was left out."""

    recording: Recording
    patient: str | None = None
    device: str | None = None
    age_years: float | None = None
    sex: str | None = None
    speed: float = 1.0
    shift: str = "original"
    loop: bool = False
    faults: Faults | None = None


def overridden(recording: Recording, age_years: float | None, sex: str | None) -> Demographics:
    """What the header says of a person, flags on top."""
    known = recording.demographics
    return Demographics(
        known.age_years if age_years is None else age_years, sex or known.sex, known.height_cm, known.weight_kg
    )


async def run_replay(wanted: Replay, kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Replay until the end or `stop`. Raises BrokerUnavailable."""
    recording = replace(wanted.recording, demographics=overridden(wanted.recording, wanted.age_years, wanted.sex))
    settings = ReplaySettings(
        patient=wanted.patient or recording.name,
        device=wanted.device or f"replay-{recording.name}",
        speed=wanted.speed,
        shift=wanted.shift,
        loop=wanted.loop,
        faults=wanted.faults,
    )
    async with Publisher(kafka) as publisher:
        shift_ns, memory = 0, None
        if settings.shift == "now":
            shift_ns, memory = remembered_shift_ns(recording, settings, _state_folder(), time.time_ns())
        await replay(recording, settings, shift_ns, publisher, stop)
        if memory is not None:
            memory.unlink(missing_ok=True)


def _state_folder() -> Path:
    """Where a user's programs keep what must survive a restart (XDG base directories)."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "p2es" / "replay"

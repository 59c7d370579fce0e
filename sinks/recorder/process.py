"""The record process: messages into session folders; offsets are committed after the disk has them."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import re
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path

from sinks.errors import Rejected, Unwritable
from sinks.metrics import FLUSH_SECONDS
from sinks.recorder.session import SessionFiles, append_lines
from sinks.settings import RecordSettings
from stream.kafka import (
    ALERTS,
    ECG_REFERENCE,
    ECG_SEGMENTS,
    MOTION,
    NUMERICS,
    PPG_CHUNKS,
    KafkaSettings,
    Publisher,
    Record,
    Reject,
    consume,
)
from stream.messages import Alert, EcgSegment, Motion, Numerics, PpgChunk, ReferenceEcg

__all__ = ["Recorder", "folder_name", "probe", "run"]

log = logging.getLogger(__name__)
_OPEN = 64  # sessions with open files


class Recorder:
    """All sessions. Not thread-safe."""

    def __init__(self, settings: RecordSettings) -> None:
        self._folder = settings.folder
        self._sessions: OrderedDict[tuple[str, str], SessionFiles] = OrderedDict()
        self._alerts: dict[str, list[dict]] = {}

    def take(self, message: PpgChunk | EcgSegment | ReferenceEcg | Motion | Numerics | Alert) -> None:
        """Store one message, not yet for good. Raises Rejected, Unwritable."""
        try:
            if isinstance(message, Alert):
                self._alerts.setdefault(message.patient, []).append(asdict(message))
                return
            files = self._session(message.patient, message.device, message.session)
            if isinstance(message, PpgChunk):
                files.take_ppg(message)
            elif isinstance(message, EcgSegment):
                files.take_leads(message)
            elif isinstance(message, Motion):
                files.take_motion(message)
            elif isinstance(message, Numerics):
                files.take_numbers(message)
            else:
                files.take_reference(message)
        except OSError as error:
            raise self._unwritable(error) from error

    def flush(self) -> None:
        """Everything taken is on the disk when this returns. Raises Unwritable."""
        try:
            for files in self._sessions.values():
                files.flush()
            for patient, changes in self._alerts.items():
                folder = self._folder / folder_name(patient)
                folder.mkdir(parents=True, exist_ok=True)
                append_lines(folder / "alerts.jsonl", changes)
            self._alerts.clear()
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Flush and let all files go. Raises Unwritable."""
        self.flush()
        while self._sessions:
            self._sessions.popitem()[1].close()

    def _session(self, patient: str, device: str, session: str) -> SessionFiles:
        key = (patient, session)
        if key not in self._sessions:
            folder = self._folder / folder_name(patient) / folder_name(session)
            self._sessions[key] = SessionFiles(folder, patient, device, session)
            if len(self._sessions) > _OPEN:
                self._sessions.popitem(last=False)[1].close()
        self._sessions.move_to_end(key)
        return self._sessions[key]

    def _unwritable(self, error: OSError) -> Unwritable:
        where = error.filename or self._folder
        if error.errno == errno.ENOSPC:
            return Unwritable(
                f"no space left for recordings in {self._folder}: free some or set record.folder; "
                "what was not stored is still on the broker"
            )
        return Unwritable(f"recordings cannot be written to {where}: {error.strerror}; set record.folder")


def folder_name(name: str) -> str:
    """A name that stays inside the folder it is put in; two different ids never give the same."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


async def run(settings: RecordSettings, kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Record until `stop`. Raises Unwritable with nothing committed, BrokerUnavailable."""
    recorder = Recorder(settings)
    probe(settings.folder)

    async def process(records: list[Record]) -> None:
        for record in records:
            try:
                recorder.take(record.message)
            except Rejected as error:
                raise Reject(record, str(error)) from error
        with FLUSH_SECONDS.time():
            await asyncio.to_thread(recorder.flush)

    async with Publisher(kafka) as publisher:
        await consume(
            kafka,
            group="record",
            kinds={
                PPG_CHUNKS: PpgChunk,
                ECG_SEGMENTS: EcgSegment,
                ECG_REFERENCE: ReferenceEcg,
                MOTION: Motion,
                NUMERICS: Numerics,
                ALERTS: Alert,
            },
            process=process,
            publisher=publisher,
            stop=stop,
            max_records=256,
        )
    recorder.close()


def probe(folder: Path) -> None:
    """Better a clear line at the start than at the first beat."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".p2es-probe"
        probe.write_bytes(b"p2es")
        probe.unlink()
    except OSError as error:
        raise Unwritable(
            f"recordings cannot be written to {folder}: {error.strerror}; free space or set record.folder"
        ) from error

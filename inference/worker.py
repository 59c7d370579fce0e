"""The inference worker: PPG segments in, estimated ECG out, in batches over all patients."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from inference.engine import Engine
from inference.metrics import BATCH_WINDOWS, INFER_SECONDS, WINDOWS
from inference.settings import WorkerSettings
from stream.conditioning import SHAPE_SIZE
from stream.kafka import ECG_SEGMENTS, PPG_SEGMENTS, KafkaSettings, Publisher, Record, Reject, consume
from stream.messages import ABSTAINED_UV, GRID_FS_HZ, GRID_STEP_NS, Abstention, EcgSegment, PpgSegment
from stream.windows import HOP, MAX_DELAY_S, WINDOW

__all__ = ["problem_of", "run", "skipped", "stale"]

log = logging.getLogger(__name__)
_BATCHES = 4  # asked of the broker at once
_GATHER_MS = 100  # a batch costs the same whether it is full or not, and takes about so long


def problem_of(segment: PpgSegment) -> str | None:
    """Why a segment can never be inferred; None when it can."""
    if len(segment.ppg) != WINDOW or len(segment.valid) != WINDOW or segment.fs_hz != GRID_FS_HZ:
        return f"{len(segment.ppg)} samples at {segment.fs_hz} Hz; a window is {WINDOW} at {GRID_FS_HZ} Hz"
    if segment.scale.shape != (WINDOW // GRID_FS_HZ + 1,) or segment.shape.shape != (WINDOW // HOP + 1, SHAPE_SIZE):
        return "amplitude or pulse shape has another size than this version's"
    if not all(np.isfinite(each).all() for each in (segment.ppg, segment.scale, segment.shape, [segment.quality])):
        return "values that are not finite"
    if not 0 <= segment.owned_start < segment.owned_stop <= WINDOW:
        return f"owned part {segment.owned_start} to {segment.owned_stop} is not inside the window"
    if not 0 <= segment.delay_samples <= MAX_DELAY_S * GRID_FS_HZ or segment.start_ns % GRID_STEP_NS:
        return "delay or start is outside what a window can have"
    return None


def stale(segment: PpgSegment, now_ns: int, settings: WorkerSettings) -> bool:
    """Whether live use would rather see the next one. The last of a session is never skipped."""
    return settings.backlog == "freshest" and not segment.last and now_ns - segment.closed_ns > settings.max_age_s * 1e9


def skipped(segment: PpgSegment, model_id: str) -> EcgSegment:
    """The owned part of a segment, abstained as a whole because the worker was behind."""
    start_ns = segment.start_ns + segment.owned_start * GRID_STEP_NS
    n = segment.owned_stop - segment.owned_start
    return EcgSegment(
        patient=segment.patient,
        device=segment.device,
        session=segment.session,
        start_ns=start_ns,
        fs_hz=segment.fs_hz,
        heart_rate_bpm=None,
        confidence=0.0,
        findings=(),
        quality=segment.quality,
        reasons=segment.reasons,
        abstained=(Abstention(start_ns, start_ns + n * GRID_STEP_NS, "skipped: the worker was behind"),),
        model_id=model_id,
        steps=0,
        source="estimated",
        shift_ns=segment.shift_ns,
        last=segment.last,
        stages_ns={"closed": segment.closed_ns},
        leads_uv=np.full((n, 12), ABSTAINED_UV, np.int16),
        band_uv=np.full((n, 2), ABSTAINED_UV, np.int16),
        beats_ns=np.zeros(0, np.int64),
        beat_confidence=np.zeros(0, np.float32),
        rr_ms=np.zeros(0, np.float32),
    )


async def run(
    settings: WorkerSettings, kafka: KafkaSettings, calibrations: Mapping[str, Path], stop: asyncio.Event
) -> None:
    """Infer until `stop`. calibrations: files by patient.

    Raises WeightsMissing, WeightsCorrupt, CalibrationUnusable, BrokerUnavailable."""
    engine = await asyncio.to_thread(Engine.load, settings.engine, calibrations)
    log.info("model %s on %s, %d patients calibrated", engine.model_id, engine.device, len(calibrations))
    async with Publisher(kafka) as publisher:

        async def process(records: list[Record]) -> None:
            for record in records:
                problem = problem_of(record.message)
                if problem:
                    raise Reject(record, problem)
            # in a thread: the group's heartbeats must go on
            with INFER_SECONDS.time():
                results = await asyncio.to_thread(_infer, engine, [one.message for one in records], settings)
            _count(results)
            await publisher.send_all((ECG_SEGMENTS, one, one.patient) for one in results)

        await consume(
            kafka,
            group="infer",
            kinds={PPG_SEGMENTS: PpgSegment},
            process=process,
            publisher=publisher,
            stop=stop,
            max_records=_BATCHES * settings.engine.batch,
            poll_ms=50,
            gather_ms=_GATHER_MS,
        )


def _count(results: Sequence[EcgSegment]) -> None:
    BATCH_WINDOWS.observe(len(results))
    for one in results:
        WINDOWS.labels("skipped" if not one.steps else "abstained" if one.abstained else "estimated").inc()


def _infer(engine: Engine, segments: Sequence[PpgSegment], settings: WorkerSettings) -> list[EcgSegment]:
    now_ns = time.time_ns()
    old = [stale(one, now_ns, settings) for one in segments]
    if any(old):
        log.warning("%d of %d windows skipped: the worker is behind", sum(old), len(old))
    inferred = iter(engine.infer([one for one, late in zip(segments, old, strict=True) if not late]))
    late = zip(segments, old, strict=True)
    results = [skipped(one, engine.model_of(one.patient)) if is_late else next(inferred) for one, is_late in late]
    done_ns = time.time_ns()
    return [replace(one, stages_ns=one.stages_ns | {"inferred": done_ns}) for one in results]

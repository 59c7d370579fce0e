"""A recording cut into the chunks a device would have sent: pure, so that live replay and `generate` share it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ingest.beside import Acceleration, Beside
from ingest.recordings import Recording
from stream.messages import GRID_STEP_NS, PpgChunk, ReferenceEcg

__all__ = ["CHUNK_S", "ppg_chunks", "reference_chunks", "session_id", "start_ns"]

CHUNK_S = 0.25
_REFERENCE_S = 1.0


def start_ns(recording: Recording, shift_ns: int = 0) -> int:
    """Event time of the first sample: as recorded, rounded to the 128 Hz grid once, plus the shift."""
    return round(recording.t0_ns / GRID_STEP_NS) * GRID_STEP_NS + shift_ns


def session_id(recording: Recording, shift_ns: int = 0) -> str:
    """The same content, channel and shift give the same session: what is sent again is dropped as a duplicate."""
    digest = hashlib.sha256(recording.samples.tobytes())
    digest.update(recording.times_ns.tobytes())
    if recording.motion is not None:
        digest.update(recording.motion.times_ns.tobytes() + recording.motion.samples_mg.tobytes())
    digest.update(f"{recording.name}/{recording.channel}/{recording.t0_ns}/{shift_ns}".encode())
    return digest.hexdigest()[:16]


def ppg_chunks(recording: Recording, patient: str, device: str, shift_ns: int = 0) -> Iterator[PpgChunk]:
    """Chunks of CHUNK_S, cut at gaps, numbered from 0; the last is the end marker. Acceleration goes with the first
    chunk that ends after it."""
    session, first = session_id(recording, shift_ns), start_ns(recording, shift_ns)

    def chunk(seq: int, at_ns: int, samples: np.ndarray, end: bool) -> PpgChunk:
        return PpgChunk(
            device=device,
            patient=patient,
            session=session,
            seq=seq,
            t0_ns=first + at_ns,
            fs_hz=recording.fs_hz,
            channels=(recording.channel,),
            primary=0,
            unit=recording.unit,
            scale=recording.scale,
            offset=recording.offset,
            polarity=recording.polarity,
            pulse_delay_s=recording.pulse_delay_s,
            demographics=recording.demographics,
            device_clock_offset_ns=None,
            clock_residual_ns=None,
            received_ns=0,
            shift_ns=shift_ns,
            end=end,
            samples=samples.reshape(-1, 1),
        )

    cuts = _cuts(recording.times_ns, recording.fs_hz)
    beside, runs = Beside(), deque(_motion_runs(recording))
    beside.expect(recording.motion.fs_hz if recording.motion else None)
    for seq, (a, b) in enumerate(cuts):
        while runs and runs[0].t0_ns <= recording.times_ns[b - 1]:
            one = runs.popleft()
            beside.push(first + one.t0_ns, one.fs_hz, "mg", one.values)
        yield beside.on(chunk(seq, int(recording.times_ns[a]), recording.samples[a:b], False))
    yield chunk(len(cuts), int(recording.times_ns[-1]), recording.samples[:0], True)


def _motion_runs(recording: Recording) -> Iterator[Acceleration]:
    """The accelerometer as it would have come; times from the PPG's first sample on, nothing from before it."""
    if recording.motion is not None:
        known = recording.motion
        begun = int(np.searchsorted(known.times_ns, 0))
        times, samples = known.times_ns[begun:], known.samples_mg[begun:]
        for a, b in _cuts(times, known.fs_hz):
            yield Acceleration(int(times[a]), known.fs_hz, samples[a:b])


def _cuts(times_ns: np.ndarray, fs_hz: float) -> list[tuple[int, int]]:
    """[start, stop) of each chunk: no longer than CHUNK_S, never across a gap."""
    size = max(1, round(CHUNK_S * fs_hz))
    gaps = np.flatnonzero(np.diff(times_ns) > 1.5e9 / fs_hz) + 1
    edges = [0, *gaps.tolist(), len(times_ns)]
    return [(at, min(at + size, b)) for a, b in pairwise(edges) for at in range(a, b, size)]


def reference_chunks(recording: Recording, patient: str, device: str, shift_ns: int = 0) -> Iterator[ReferenceEcg]:
    """The true ECG in chunks of a second, the last an end marker; nothing when the recording has none."""
    truth = recording.reference
    if truth is None:
        return
    session, first = session_id(recording, shift_ns), start_ns(recording, shift_ns)
    size = round(_REFERENCE_S * truth.fs_hz)
    starts = list(range(0, len(truth.samples_mv), size))
    for seq, at in enumerate([*starts, len(truth.samples_mv)]):
        yield ReferenceEcg(
            patient=patient,
            device=device,
            session=session,
            seq=seq,
            t0_ns=first + round(at / truth.fs_hz * 1e9),
            fs_hz=truth.fs_hz,
            leads=truth.names,
            shift_ns=shift_ns,
            end=seq == len(starts),
            samples=truth.samples_mv[at : at + size],
        )

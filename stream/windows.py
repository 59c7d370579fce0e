"""Overlapping windows on the fixed grid, from one device's chunks. Pure; the live path, `generate` and tests share it.

A stretch is contiguous data: a gap above MAX_BRIDGE_S, a new session or the end marker ends it. Window k starts at a
whole hop and is given out once later samples cannot change it. It owns the hop that ends LOOKAHEAD_S before its end;
the first of a stretch owns from the stretch's start, the last to its end. So every sample has exactly one owner."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from stream.conditioning import (
    HISTORY_S,
    HOP_S,
    KERNEL_HALF_S,
    MAX_BRIDGE_S,
    MAX_FS_HZ,
    MIN_FS_HZ,
    Stretch,
    condition,
    drop_before,
)
from stream.errors import RejectedChunk
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, Demographics, PpgChunk, PpgSegment
from stream.motion import MotionTrack
from stream.reorder import Counts, Reorder

__all__ = ["DEFAULT_DELAY", "HOP", "LOOKAHEAD_S", "MAX_DELAY_S", "WINDOW", "DeviceWindows", "Emitted", "check"]

WINDOW_S, LOOKAHEAD_S = 10, 3
WINDOW, HOP, LOOKAHEAD = WINDOW_S * GRID_FS_HZ, HOP_S * GRID_FS_HZ, LOOKAHEAD_S * GRID_FS_HZ
DEFAULT_DELAY = 72  # samples, 0.5625 s: a bedside monitor of the quicker kind
MAX_DELAY_S = 1.4  # with the 1.1 s that the beat head looks ahead still inside the lookahead
_MAX_SAMPLES = 100_000
_KERNEL_NS = round(KERNEL_HALF_S * 1e9)


@dataclass(frozen=True, slots=True)
class Emitted:
    """segments to send on; late: the pushed chunk came after its place was given up."""

    segments: list[PpgSegment]
    late: bool = False


@dataclass(slots=True)
class DeviceWindows:
    """State of one device. clock gives wall time in ns, for the `closed_ns` mark only.

    patients: what the settings know of a person overrides what the chunk says."""

    clock: Callable[[], int]
    patients: Mapping[str, Demographics] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    _session: str | None = None
    _order: Reorder | None = None
    _stretch: Stretch | None = None
    _motion: MotionTrack = field(default_factory=lambda: MotionTrack(0))
    _next_start: int = 0
    _owned: int = 0
    _last: PpgChunk | None = None

    def push(self, chunk: PpgChunk) -> Emitted:
        """Take one chunk. Raises RejectedChunk when its content cannot be right."""
        check(chunk)
        segments = []
        if chunk.session != self._session:
            segments += self.flush()
            self._session, self._order = chunk.session, Reorder(self.counts)
        assert self._order is not None
        ready, late = self._order.push(chunk)
        for one in ready:
            segments += self._take(one)
        return Emitted(segments, late)

    def flush(self) -> list[PpgSegment]:
        """Give out what is held: the session is over or the device is given up."""
        segments = []
        for one in self._order.drain() if self._order else []:
            segments += self._take(one)
        return segments + self._close()

    @property
    def needed_from_ns(self) -> int | None:
        """Event time from which chunks must be read again after a crash; None when nothing is open."""
        if self._stretch is None:
            return None if self._order is None else self._order.oldest_ns
        return (self._next_start - HISTORY_S * GRID_FS_HZ) * GRID_STEP_NS - 1_000_000_000

    def _take(self, chunk: PpgChunk) -> list[PpgSegment]:
        if chunk.end:
            return self._close()
        step = 1e9 / chunk.fs_hz
        times = chunk.t0_ns + np.rint(np.arange(len(chunk.samples)) * step).astype(np.int64)
        values = chunk.polarity * (chunk.samples[:, chunk.primary] * chunk.scale + chunk.offset)
        segments: list[PpgSegment] = []
        if self._stretch is not None:
            gap_ns = times[0] - self._stretch.times_ns[-1]
            if gap_ns <= 0 or gap_ns > step + MAX_BRIDGE_S * 1e9:
                self.counts.gaps += 1
                segments += self._close()
            elif gap_ns > 1.5 * step:
                self.counts.bridged += 1
        if self._stretch is None:
            first = -(-int(times[0]) // GRID_STEP_NS)
            self._stretch = Stretch(times, values, chunk.fs_hz, abs(chunk.scale), first)
            self._motion = MotionTrack(int(times[0]))
            self._next_start, self._owned = first // HOP * HOP, first
        else:
            known = self._stretch
            self._stretch = replace(
                known,
                times_ns=np.concatenate([known.times_ns, times]),
                values=np.concatenate([known.values, values]),
                fs_hz=chunk.fs_hz,
            )
        self._motion.take(chunk)
        self._last = chunk
        return segments + self._complete()

    def _complete(self) -> list[PpgSegment]:
        """Windows that no later sample can change."""
        segments = []
        while (
            self._stretch is not None
            and self._stretch.times_ns[-1] >= (self._next_start + WINDOW) * GRID_STEP_NS + _KERNEL_NS
        ):
            segments.append(self._segment(self._next_start + WINDOW - LOOKAHEAD, last=False))
            self._next_start += HOP
            self._stretch = drop_before(self._stretch, self._next_start)
            self._motion.drop_before(self._next_start)
        return segments

    def _close(self) -> list[PpgSegment]:
        segments = []
        if self._stretch is not None:
            stop = self._stretch.stop
            while self._owned < stop:  # more than one only when the kernel's wait held a full window back
                segments.append(self._segment(min(stop, self._next_start + WINDOW), last=True))
                self._next_start += HOP
        self._stretch = None
        return segments

    def _segment(self, owned_stop: int, last: bool) -> PpgSegment:
        assert self._stretch is not None
        assert self._last is not None
        chunk, start = self._last, self._next_start
        known = condition(self._stretch, start, WINDOW)
        delay = DEFAULT_DELAY if chunk.pulse_delay_s is None else round(chunk.pulse_delay_s * GRID_FS_HZ)
        owned_start, self._owned = self._owned, owned_stop
        return PpgSegment(
            patient=chunk.patient,
            device=chunk.device,
            session=chunk.session,
            start_ns=start * GRID_STEP_NS,
            fs_hz=GRID_FS_HZ,
            owned_start=owned_start - start,
            owned_stop=owned_stop - start,
            hop_samples=HOP,
            lookahead_samples=LOOKAHEAD,
            delay_samples=delay,
            quality=known.quality,
            reasons=known.reasons,
            demographics=self.patients.get(chunk.patient) or chunk.demographics or Demographics(),
            shift_ns=chunk.shift_ns,
            closed_ns=self.clock(),
            last=last,
            ppg=known.ppg,
            valid=known.valid,
            scale=known.scale,
            shape=known.shape,
            motion_mg=self._motion.window(start, WINDOW),
        )


def check(chunk: PpgChunk) -> None:
    """Raise RejectedChunk when the content cannot be right."""

    def refuse(why: str) -> None:
        raise RejectedChunk(f"chunk {chunk.seq} of {chunk.device}: {why}")

    if not chunk.device or not chunk.session or chunk.seq < 0 or chunk.t0_ns < 0:
        refuse("device, session, number or time is missing")
    if chunk.shift_ns % (HOP_S * 1_000_000_000):
        refuse("the time shift is no whole number of hops")
    if chunk.end:
        return
    if not (math.isfinite(chunk.fs_hz) and MIN_FS_HZ <= chunk.fs_hz <= MAX_FS_HZ):
        refuse(f"rate {chunk.fs_hz} Hz is outside {MIN_FS_HZ:g}..{MAX_FS_HZ:g} Hz")
    if not 0 < len(chunk.samples) <= _MAX_SAMPLES:
        refuse(f"{len(chunk.samples)} samples")
    if not 0 <= chunk.primary < len(chunk.channels):
        refuse(f"channel {chunk.primary} of {len(chunk.channels)}")
    if chunk.polarity not in (1, -1) or not math.isfinite(chunk.scale * chunk.offset) or chunk.scale == 0:
        refuse("scale, offset or polarity is not usable")
    if chunk.pulse_delay_s is not None and not 0 <= chunk.pulse_delay_s <= MAX_DELAY_S:
        refuse(f"pulse delay {chunk.pulse_delay_s} s is outside 0..{MAX_DELAY_S} s")
    if len(chunk.motion_mg) and (chunk.motion_t0_ns is None or chunk.motion_fs_hz is None or chunk.motion_t0_ns < 0):
        refuse("acceleration without its time or rate")
    if chunk.motion_fs_hz is not None and not MIN_FS_HZ <= chunk.motion_fs_hz <= MAX_FS_HZ:
        refuse(f"acceleration at {chunk.motion_fs_hz} Hz is outside {MIN_FS_HZ:g}..{MAX_FS_HZ:g} Hz")
    if len(chunk.motion_mg) > _MAX_SAMPLES:
        refuse(f"{len(chunk.motion_mg)} rows of acceleration")

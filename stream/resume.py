"""Windows of one device, rebuilt exactly from the log after a crash. Pure.

No window state is stored anywhere. A chunk's offset is given free only when no later window can need the chunk, so
whoever takes the partition over reads again what it needs. What it sees of a device then begins in its middle:
windows that start less than SETTLED_S after that lack history, but all of them were sent before the crash, because
the chunks that later ones need were still held. Those are left out; the others come out bit for bit as before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stream.conditioning import HISTORY_S
from stream.messages import Demographics, PpgChunk, PpgSegment
from stream.windows import DeviceWindows

__all__ = ["SETTLED_S", "DeviceLog", "Step"]

SETTLED_S = HISTORY_S + 1
_SETTLED_NS = SETTLED_S * 1_000_000_000
_MARGIN_NS = 2_000_000_000  # chunks may lie in the log up to a second out of order


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a chunk brought: segments to send, whether it came late, and then the tokens that are free."""

    segments: list[PpgSegment]
    late: bool
    free: list[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    stop_ns: int
    token: Any


@dataclass(slots=True)
class DeviceLog:
    """State of one device in one process. Tokens stand for places in the log (offsets, events)."""

    clock: Callable[[], int]
    patients: Mapping[str, Demographics] = field(default_factory=dict)
    windows: DeviceWindows = field(init=False)
    _held: deque[_Held] = field(default_factory=deque)
    _settled_from_ns: int | None = None
    _session: str | None = None
    _first: int = 0
    _stray: bool = False
    _moved: bool = False

    def __post_init__(self) -> None:
        self.windows = DeviceWindows(self.clock, self.patients)

    def push(self, chunk: PpgChunk, token: Any) -> Step:
        """Take a chunk at `token`. Raises RejectedChunk, and then the token is free."""
        counts = self.windows.counts
        gaps, duplicates = counts.gaps, counts.duplicate
        emitted = self.windows.push(chunk)
        self._find_start(chunk)
        segments = self._settled(emitted.segments)
        if self._session not in (None, chunk.session) or (counts.gaps > gaps and not self._stray):
            self._settled_from_ns = None  # what starts now was seen from its start
        self._session = chunk.session
        if emitted.late or counts.duplicate > duplicates:
            return Step(segments, emitted.late, [token, *self._free()])
        stop_ns = chunk.t0_ns + round(len(chunk.samples) * 1e9 / chunk.fs_hz)
        self._held.append(_Held(stop_ns, token))
        return Step(segments, False, self._free())

    def flush(self) -> Step:
        """The device is given up: everything it still owes, and all its tokens."""
        segments = self._settled(self.windows.flush())
        return Step(segments, False, self._free())

    def _find_start(self, chunk: PpgChunk) -> None:
        """Until both first chunks of the session were seen, a device counts as begun in its middle. Then a first chunk
        whose follower never comes is a stray one (the follower lies before the place we began at): what comes after it
        is the beginning."""
        if self._session is None:
            self._first, self._stray = chunk.seq, True
            self._settled_from_ns = chunk.t0_ns + _SETTLED_NS
        elif self._settled_from_ns is not None and chunk.session == self._session:
            self._stray &= chunk.seq != self._first + 1
            if {chunk.seq, self._first} == {0, 1}:
                self._settled_from_ns = None
            elif self._stray and chunk.seq > self._first and not self._moved:
                self._moved, self._settled_from_ns = True, chunk.t0_ns + _SETTLED_NS

    def _settled(self, segments: list[PpgSegment]) -> list[PpgSegment]:
        if self._settled_from_ns is None:
            return segments
        return [one for one in segments if one.start_ns >= self._settled_from_ns]

    def _free(self) -> list[Any]:
        """Tokens no later window needs; the newest two stay too, as proof of a gap behind them."""
        needed_ns = self.windows.needed_from_ns
        if needed_ns is None:
            free = [one.token for one in self._held]
            self._held.clear()
            return free
        old = [one for one in self._held if one.stop_ns < needed_ns - _MARGIN_NS]
        if len(old) < 3:
            return []
        # two neighbours, so that nobody takes them for a stray one
        proof = sorted(old, key=lambda one: one.stop_ns)[-2:]
        kept = [one for one in self._held if one in proof or one.stop_ns >= needed_ns - _MARGIN_NS]
        gone = [one.token for one in self._held if one not in kept]
        self._held = deque(kept)
        return gone

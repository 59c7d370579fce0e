"""Chunks of one device in the order of their numbers: duplicates dropped, stragglers awaited, late ones set aside."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.messages import PpgChunk

__all__ = ["STARTING", "Counts", "Reorder"]

STARTING = 8  # a first chunk with a smaller number is the start of a session whose chunks came out of order

GRACE_NS = 1_000_000_000  # how far event time may run ahead before a missing chunk is given up


@dataclass(slots=True)
class Counts:
    """What happened to a device's chunks."""

    received: int = 0
    duplicate: int = 0
    late: int = 0
    reordered: int = 0
    gaps: int = 0
    bridged: int = 0


@dataclass(slots=True)
class Reorder:
    """Chunks of one session. The first chunk seen sets where counting starts, unless it is one of the very first."""

    counts: Counts
    _next: int | None = None
    _newest_ns: int = 0
    _given_up: set[int] = field(default_factory=set)
    _held: dict[int, PpgChunk] = field(default_factory=dict)

    def push(self, chunk: PpgChunk) -> tuple[list[PpgChunk], bool]:
        """Returns the chunks that are now in order, and whether this one came late (after it was given up)."""
        self.counts.received += 1
        if self._next is None:
            self._next = 0 if chunk.seq < STARTING else chunk.seq
        if chunk.seq in self._given_up:
            self._given_up.discard(chunk.seq)
            self.counts.late += 1
            return [], True
        if chunk.seq < self._next or chunk.seq in self._held:
            self.counts.duplicate += 1
            return [], False
        if chunk.seq != self._next:
            self.counts.reordered += 1
        self._held[chunk.seq] = chunk
        self._newest_ns = max(self._newest_ns, chunk.t0_ns)
        return self._release(), False

    @property
    def oldest_ns(self) -> int | None:
        """Event time of the oldest chunk that waits for one before it, None when none does."""
        return min((one.t0_ns for one in self._held.values()), default=None)

    def drain(self) -> list[PpgChunk]:
        """Everything held, in order: nothing more is awaited."""
        rest = [self._held[seq] for seq in sorted(self._held)]
        self._held.clear()
        return rest

    def _release(self) -> list[PpgChunk]:
        ready = []
        while self._held:
            assert self._next is not None
            if self._next not in self._held:
                oldest = min(self._held)
                if not self._held[oldest].end and self._held[oldest].t0_ns > self._newest_ns - GRACE_NS:
                    break
                if self._held[oldest].end and len(self._held) == 1 and oldest - self._next < 64:
                    break  # the end marker waits for stragglers; more data or the next session moves it on
                self._given_up.update(range(self._next, min(oldest, self._next + 4096)))
                self._next = oldest
            ready.append(self._held.pop(self._next))
            self._next += 1
        return ready

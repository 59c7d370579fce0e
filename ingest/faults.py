"""Seeded faults in a stream of chunks, as radio, gateways and clocks make them, with a record of what was done.

For replays that rehearse a bad day, and for tests that count what came out against what was put in. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ingest.errors import BadFaults
from stream.messages import PpgChunk

__all__ = ["Faults", "Injected", "inject", "parse_faults"]

_LATE_BY = 40  # chunks that overtake a late one: 10 s, when every place for it is given up


@dataclass(frozen=True, slots=True)
class Faults:
    """drop, duplicate, reorder, late, gap: probability for each chunk. reorder: sent after the next. late: sent 40
    chunks later. gap_s: length of a gap. drift_ppm: the device's clock runs so much fast. noise: standard deviation of
    what is added, over that of the chunk's own samples."""

    seed: int = 0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    gap: float = 0.0
    gap_s: float = 2.0
    drift_ppm: float = 0.0
    noise: float = 0.0


@dataclass(slots=True)
class Injected:
    """The truth: numbers of the chunks that were treated so."""

    dropped: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)
    reordered: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)


def parse_faults(text: str) -> Faults:
    """`drop=0.01,duplicate=0.02,seed=7`. Raises BadFaults."""
    known = {item.name: int if item.name == "seed" else float for item in dataclasses.fields(Faults)}
    values = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name.strip() not in known:
            raise BadFaults(f"unknown fault {name.strip()}: {', '.join(known)}")
        try:
            values[name.strip()] = known[name.strip()](value)
        except ValueError as error:
            raise BadFaults(f"fault {name.strip()}: {value} is no number") from error
    faults = Faults(**values)
    for name in ("drop", "duplicate", "reorder", "late", "gap"):
        if not 0 <= getattr(faults, name) <= 1:
            raise BadFaults(f"fault {name}: a probability from 0 to 1")
    return faults


def inject(chunks: Iterable[PpgChunk], faults: Faults, done: Injected | None = None) -> Iterator[PpgChunk]:
    """The chunks as they would arrive. The same seed does the same; the end marker is always last and whole."""
    done = Injected() if done is None else done
    rng = np.random.default_rng(faults.seed)
    waiting: list[tuple[int, PpgChunk]] = []  # (how many more go before it, chunk)
    first_ns, silent_until_ns = None, -1
    for chunk in chunks:
        if first_ns is None:
            first_ns = chunk.t0_ns
        chunk = _on_its_clock(chunk, first_ns, faults.drift_ppm)
        if chunk.end:
            yield from (held for _, held in waiting)
            yield chunk
            return
        luck = rng.random(5)
        chunk = _noisy(chunk, faults.noise, rng)
        if luck[0] < faults.gap and chunk.t0_ns >= silent_until_ns:
            silent_until_ns = chunk.t0_ns + round(faults.gap_s * 1e9)
        if chunk.t0_ns < silent_until_ns or luck[1] < faults.drop:
            done.dropped.add(chunk.seq)
            continue
        if luck[2] < faults.late:
            done.late.add(chunk.seq)
            waiting.append((_LATE_BY, chunk))
            continue
        if luck[3] < faults.reorder:
            done.reordered.add(chunk.seq)
            waiting.append((1, chunk))
            continue
        yield chunk
        if luck[4] < faults.duplicate:
            done.repeated.add(chunk.seq)
            yield chunk
        waiting = [(more - 1, held) for more, held in waiting]
        yield from (held for more, held in waiting if more == 0)
        waiting = [one for one in waiting if one[0] > 0]


def _on_its_clock(chunk: PpgChunk, first_ns: int, drift_ppm: float) -> PpgChunk:
    if not drift_ppm:
        return chunk
    pace = 1 + drift_ppm * 1e-6
    if chunk.motion_t0_ns is not None and chunk.motion_fs_hz is not None:
        moved_ns = first_ns + round((chunk.motion_t0_ns - first_ns) * pace)
        chunk = replace(chunk, motion_t0_ns=moved_ns, motion_fs_hz=chunk.motion_fs_hz / pace)
    return replace(chunk, t0_ns=first_ns + round((chunk.t0_ns - first_ns) * pace), fs_hz=chunk.fs_hz / pace)


def _noisy(chunk: PpgChunk, noise: float, rng: np.random.Generator) -> PpgChunk:
    if not noise:
        return chunk
    added = rng.normal(0, noise * max(1.0, float(chunk.samples.std())), chunk.samples.shape)
    return replace(chunk, samples=np.rint(chunk.samples + added).astype(chunk.samples.dtype))

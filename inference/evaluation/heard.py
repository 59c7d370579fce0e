"""What a recording's windows say of its rhythm, hop by hop: the model, the pulse detector and the true ECG, by the same
rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.abstain import known_span
from inference.datasets.prepare import pulse_times
from inference.datasets.prepared import PreparedRecord
from inference.evaluation.streamed import Infers
from inference.rhythm import (
    BRADYCARDIA,
    EXTREME_BRADYCARDIA,
    EXTREME_TACHYCARDIA,
    PAUSE,
    RULES,
    TACHYCARDIA,
    in_view,
)
from stream.messages import GRID_FS_HZ, EcgSegment, PpgSegment

__all__ = ["NEARLY", "Heard", "Hop", "by_ecg", "by_model", "by_pulse", "views_of"]

NEARLY = "nearly "
_BATCH = 32
_MOVED = {
    BRADYCARDIA: 10.0,
    EXTREME_BRADYCARDIA: 10.0,
    TACHYCARDIA: -10.0,
    EXTREME_TACHYCARDIA: -10.0,
    PAUSE: -1.0,
}
_NEARLY = {name: replace(rule, limit=rule.limit + _MOVED.get(name, 0.0)) for name, rule in RULES.items()}


@dataclass(frozen=True, slots=True)
class Hop:
    """What is said of [start_s, stop_s), from the beats in [seen_s, until_s). answered: not abstained."""

    start_s: float
    stop_s: float
    seen_s: float
    until_s: float
    answered: bool
    findings: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """hops: in order. beats_s: (b,). intervals_s: (b,) that end with each beat, NaN where not known."""

    hops: Sequence[Hop]
    beats_s: np.ndarray
    intervals_s: np.ndarray


def views_of(segments: Sequence[PpgSegment], first_ns: int = 0) -> list[tuple[float, float, float, float]]:
    """Owned part and seen part of each window, in s after first_ns."""
    out = []
    for one in segments:
        start = (one.start_ns - first_ns) / 1e9
        first, last = known_span(one)
        owned = (one.owned_start / GRID_FS_HZ, one.owned_stop / GRID_FS_HZ)
        out.append((start + owned[0], start + owned[1], start + first / GRID_FS_HZ, start + last / GRID_FS_HZ))
    return out


def by_model(engine: Infers, segments: Sequence[PpgSegment], first_ns: int = 0) -> Heard:
    """As the live chain says it: findings of the segments, beats as announced."""
    results = [one for at in range(0, len(segments), _BATCH) for one in engine.infer(segments[at : at + _BATCH])]
    beats = np.concatenate([np.zeros(0), *((one.beats_ns - first_ns) * 1e-9 for one in results)])
    intervals = np.concatenate([np.zeros(0), *(one.rr_ms / 1000 for one in results)])
    hops = []
    for view, one in zip(views_of(segments, first_ns), results, strict=True):
        answered = _answered(one)
        # rules that are judged but not reported: from the announced beats
        hidden = {name for name in in_view(beats, view[2], view[3]) if not RULES[name].live} if answered else set()
        hops.append(Hop(*view, answered, frozenset({*one.findings, *hidden})))
    return Heard(hops, beats, intervals)


def _answered(segment: EcgSegment) -> bool:
    return not any(one.reason.startswith(("poor signal", "beats unsure", "model failed")) for one in segment.abstained)


def by_pulse(segments: Sequence[PpgSegment], min_quality: float, first_ns: int = 0) -> Heard:
    """The pulse detector on each window, under the same quality gate and the same rules."""
    hops, beats, intervals = [], [np.zeros(0)], [np.zeros(0)]
    for view, one in zip(views_of(segments, first_ns), segments, strict=True):
        start = (one.start_ns - first_ns) / 1e9
        found = start + pulse_times(one.ppg) - one.delay_samples / GRID_FS_HZ
        answered = one.quality >= min_quality
        hops.append(Hop(*view, answered, frozenset(in_view(found, view[2], view[3]) if answered else ())))
        if answered:
            own = (found >= view[0]) & (found < view[1])
            beats.append(found[own])
            intervals.append(np.diff(found, prepend=np.nan)[own])
    return Heard(hops, np.concatenate(beats), np.concatenate(intervals))


def by_ecg(record: PreparedRecord, views: Sequence[tuple[float, float, float, float]]) -> Heard:
    """The true ECG's beats through the same views; answered where two leads agree on them all along the view. Findings
    that a limit moved by 10/min, or by 1 s of pause, would give are there too, as NEARLY and their name."""
    hops = []
    for view in views:
        inside = np.arange(max(0, int(view[2] // 10)), int(view[3] // 10) + 1)
        believed = bool(view[2] >= 0 and inside.max() < len(record.usable) and record.usable[inside].all())
        found = in_view(record.beats_s, view[2], view[3]) if believed else ()
        nearly = in_view(record.beats_s, view[2], view[3], _NEARLY) if believed else ()
        hops.append(Hop(*view, believed, frozenset({*found, *(NEARLY + name for name in nearly)})))
    return Heard(hops, record.beats_s, np.diff(record.beats_s, prepend=np.nan))

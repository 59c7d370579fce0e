"""What stands beside a 12-lead record: heart rate, quality and confidence by second, beats, abstained stretches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sinks.wfdb_writer import LABEL
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, EcgSegment

__all__ = ["segment_facts", "summary"]


def segment_facts(segment: EcgSegment) -> dict[str, Any]:
    """All of a segment but its samples, as plain JSON values."""
    return {
        "start_ns": segment.start_ns,
        "samples": len(segment.leads_uv),
        "heart_rate_bpm": segment.heart_rate_bpm,
        "quality": segment.quality,
        "reasons": list(segment.reasons),
        "confidence": segment.confidence,
        "beats_ns": segment.beats_ns.tolist(),
        "beat_confidence": [round(float(one), 3) for one in segment.beat_confidence],
        "abstained": [[one.start_ns, one.stop_ns, one.reason] for one in segment.abstained],
        "model_id": segment.model_id,
    }


def summary(facts: Sequence[dict[str, Any]], first_ns: int, samples: int, record: str, channel: str) -> dict[str, Any]:
    """facts: of every segment, in order of time. first_ns: time of the record's first sample; samples: its length."""
    return {
        "label": LABEL,
        "source": "estimated",
        "model_id": facts[0]["model_id"] if facts else None,
        "record": record,
        "channel": channel,
        "fs_hz": GRID_FS_HZ,
        "seconds": _seconds(facts, first_ns, samples),
        "beats": [
            {"s": round((at - first_ns) / 1e9, 4), "confidence": sure}
            for one in facts
            for at, sure in zip(one["beats_ns"], one["beat_confidence"], strict=True)
        ],
        "abstained": _abstained(facts, first_ns, samples),
    }


def _abstained(facts: Sequence[dict[str, Any]], first_ns: int, samples: int) -> list[dict[str, Any]]:
    silent = [
        (round((start - first_ns) / 1e9, 4), round((stop - first_ns) / 1e9, 4), why)
        for one in facts
        for start, stop, why in one["abstained"]
    ]
    covered = np.zeros(samples, bool)
    for one in facts:
        at = (one["start_ns"] - first_ns) // GRID_STEP_NS
        covered[at : at + one["samples"]] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[True], covered, [True]]).astype(np.int8)))
    silent += [(int(a) / GRID_FS_HZ, int(b) / GRID_FS_HZ, "gap") for a, b in zip(edges[::2], edges[1::2], strict=True)]
    joined: list[dict[str, Any]] = []
    for start, stop, why in sorted(silent):
        if joined and joined[-1]["reason"] == why and joined[-1]["stop_s"] == start:
            joined[-1]["stop_s"] = stop
        else:
            joined.append({"start_s": start, "stop_s": stop, "reason": why})
    return joined


def _seconds(facts: Sequence[dict[str, Any]], first_ns: int, samples: int) -> list[dict[str, Any]]:
    """Of every second, from the segment that owns its first sample."""
    rows: list[dict[str, Any]] = [
        {"s": second, "heart_rate_bpm": None, "quality": 0.0, "confidence": 0.0}
        for second in range(-(-samples // GRID_FS_HZ))
    ]
    for one in facts:
        at = (one["start_ns"] - first_ns) // GRID_STEP_NS
        rate = one["heart_rate_bpm"]
        for second in range(-(-at // GRID_FS_HZ), min(len(rows), -(-(at + one["samples"]) // GRID_FS_HZ))):
            rows[second] = {
                "s": second,
                "heart_rate_bpm": None if rate is None else round(rate, 1),
                "quality": round(one["quality"], 3),
                "confidence": round(one["confidence"], 3),
            }
    return rows

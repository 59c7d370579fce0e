"""What went through the local stack, counted from its topics, and how long each stage took. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stream.conditioning import KERNEL_HALF_S
from stream.messages import GRID_STEP_NS, Alert, EcgSegment, PpgChunk
from stream.windows import LOOKAHEAD_S

__all__ = ["Tally"]

_AHEAD_NS = round((LOOKAHEAD_S + KERNEL_HALF_S) * 1e9)  # of PPG after the owned part, before a window can close


@dataclass(slots=True)
class Tally:
    """Everything by id: what is sent twice counts once."""

    chunks: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)
    segments: dict[tuple[str, int], tuple[int, int, int, int]] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)
    stop_ns: int = 0
    ended: bool = False

    def take(self, message: PpgChunk | EcgSegment | Alert) -> None:
        """Count one message."""
        if isinstance(message, Alert):
            self.alerts.add(message.id)
        elif isinstance(message, PpgChunk):
            if message.end:
                self.ended = True
            else:
                stop_ns = message.t0_ns + round(len(message.samples) * 1e9 / message.fs_hz)
                self.chunks[message.device, message.session, message.seq] = (stop_ns, message.received_ns)
        else:
            n = len(message.leads_uv)
            marks = message.stages_ns.get("closed", 0), message.stages_ns.get("inferred", 0)
            self.segments.setdefault((message.session, message.start_ns), (n, int(message.last), *marks))
            self.stop_ns = max(self.stop_ns, message.start_ns + n * GRID_STEP_NS)

    def is_whole(self, end_ns: int) -> bool:
        """Whether everything of a session that ends at `end_ns` was counted: others may have read further than we."""
        return self.ended and self.stop_ns >= end_ns

    def latency_ms(self) -> dict[str, dict[str, float]]:
        """p50 and p99 by stage. window: from the chunk that completed a window to its closing; infer: from there to the
        estimate; chain: both. The last windows of a stretch are left out: they wait for its end."""
        arrived = sorted(self.chunks.values())
        stops = [stop for stop, _ in arrived]
        window, infer = [], []
        for (_, start_ns), (n, last, closed_ns, inferred_ns) in self.segments.items():
            at = bisect_left(stops, start_ns + n * GRID_STEP_NS + _AHEAD_NS)
            if last or at == len(stops):
                continue
            window.append((closed_ns - arrived[at][1]) / 1e6)
            infer.append((inferred_ns - closed_ns) / 1e6)
        both = [one + other for one, other in zip(window, infer, strict=True)]
        return {"window": _quantiles(window), "infer": _quantiles(infer), "chain": _quantiles(both)}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {name: round(float(np.percentile(values, p)), 1) for name, p in (("p50", 50), ("p99", 99))}

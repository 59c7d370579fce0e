"""Processor time and memory of processes, read while they work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import psutil

__all__ = ["Costs"]


@dataclass(slots=True)
class Costs:
    """pids: name -> process. Call `look` from time to time; a process that was replaced counts from its own start."""

    pids: Mapping[str, int]
    _seen: dict[str, list[tuple[float, float, int]]] = field(default_factory=dict)  # time, CPU s, bytes

    def look(self) -> None:
        """Note what each has used until now."""
        for name, pid in self.pids.items():
            try:
                process = psutil.Process(pid)
                used = process.cpu_times()
                row = time.monotonic(), used.user + used.system, process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self._seen.setdefault(name, []).append(row)

    def report(self, windows: int) -> dict[str, dict[str, float]]:
        """cores: processor time by wall time; ms_a_window; rss_mb at the end; rss_mb_an_hour: slope of the second half,
        after caches have filled."""
        out = {}
        for name, rows in self._seen.items():
            at, used, rss = (np.array(column, float) for column in zip(*rows, strict=True))
            late = slice(len(at) // 2, None)
            enough = len(at[late]) >= 3
            slope = float(np.polyfit(at[late] - at[0], rss[late], 1)[0]) if enough else 0.0
            spent = float(used[-1] - used[0])
            out[name] = {
                "cores": round(spent / max(float(at[-1] - at[0]), 1e-9), 3),
                "ms_a_window": round(1000 * spent / max(windows, 1), 2),
                "rss_mb": round(rss[-1] / 1e6, 1),
                "rss_mb_an_hour": round(3600 * slope / 1e6, 1),
            }
        return out

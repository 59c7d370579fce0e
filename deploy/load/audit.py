"""What wearables sent against what the database holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deploy.load.wearables import Wearable
from stream.messages import GRID_FS_HZ, GRID_STEP_NS

__all__ = ["Found", "audit"]


@dataclass(frozen=True, slots=True)
class Found:
    """abstained_s: of each (patient, window). samples: of lead II by patient. timings: rows of timings_flux."""

    abstained_s: Mapping[tuple[str, int], float]
    samples: Mapping[str, int]
    timings: Sequence[Mapping[str, Any]]


def audit(wearables: Sequence[Wearable], found: Found) -> dict[str, Any]:
    """Windows by id, samples by number, latencies over all windows that were written."""
    expected = {(one.patient, at): n for one in wearables for at, n in one.expected().items()}
    there = set(found.abstained_s)
    silent = {at: round(seconds * GRID_FS_HZ) for at, seconds in found.abstained_s.items()}
    balance = {
        one.patient: found.samples.get(one.patient, 0)
        + sum(silent.get((one.patient, at), 0) for at in one.expected())
        - sum(one.expected().values())
        for one in wearables
    }
    by_name = {one.patient: one for one in wearables}
    estimates, waits, ages = [], [], []
    for row in found.timings:
        key = row["patient"], row["window_ns"]
        took_ms, n = row.get("window_to_write_ms"), expected.get(key)
        if took_ms is None or n is None:
            continue
        confirmed_ns = row["at_ns"] + (took_ms - row["window_to_estimate_ms"]) * 1e6
        estimates.append(row["window_to_estimate_ms"] / 1000)
        waits.append(took_ms / 1000)
        newest_ns = by_name[key[0]].measured_ns(key[1] + (n - 1) * GRID_STEP_NS)
        ages.append((confirmed_ns - newest_ns) / 1e9)
    return {
        "patients": len(wearables),
        "sent": len(expected),
        "written": len(there & set(expected)),
        "lost": len(set(expected) - there),
        "duplicated": len(there - set(expected)),
        "samples": {
            "sent": sum(expected.values()),
            "lost": -sum(min(0, one) for one in balance.values()),
            "duplicated": sum(max(0, one) for one in balance.values()),
        },
        "estimated_twice": len(found.timings) - len({(row["patient"], row["window_ns"]) for row in found.timings}),
        "timed": len(waits),
        **{f"estimate_{name}_s": value for name, value in _quantiles(estimates).items()},
        **{f"write_{name}_s": value for name, value in _quantiles(waits).items()},
        **{f"sample_to_write_{name}_s": value for name, value in _quantiles(ages).items()},
    }


def _quantiles(values: Iterable[float]) -> dict[str, float | None]:
    each = list(values)
    return {f"p{q}": round(float(np.percentile(each, q)), 3) if each else None for q in (50, 99)}

"""One recording ready for training: conditioned PPG beside the true leads, on the same 128 Hz grid."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from stream.messages import Demographics

__all__ = ["PreparedRecord", "fingerprint", "load", "save"]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRecord:
    """All arrays start at the recording's first sample and follow the 128 Hz grid.

    ppg: (n,) float32 band-passed as live, empty when the recording has none. valid: (n,) uint8. scale: (n // 128 + 1,)
    at full seconds. shape: (n // 256 + 1, 16) at full hops. quality: (n // 1280,) of the 10-s windows.
    leads_mv: (8, n) float32 in reference.GENERATED order, NaN where unknown. beats_s: (b,). usable:
    (round(n / 1280),) bool. pulses_s: (p,) steepest upstrokes. lag_s: constant R-to-upstroke delay; lag_f1: how well it
    explains the beats (F1 at 50 ms; 0 without PPG)."""

    dataset: str
    name: str
    subject: str
    part: str
    demographics: Demographics
    ppg: np.ndarray
    valid: np.ndarray
    scale: np.ndarray
    shape: np.ndarray
    quality: np.ndarray
    leads_mv: np.ndarray
    beats_s: np.ndarray
    usable: np.ndarray
    pulses_s: np.ndarray
    lag_s: float
    lag_f1: float

    @property
    def n(self) -> int:
        """Grid samples."""
        return self.leads_mv.shape[1]


def save(record: PreparedRecord, path: Path) -> None:
    """Write one record as .npz, whole or not at all."""
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    person = values.pop("demographics")
    for item in fields(person):
        known = getattr(person, item.name)
        values[f"person_{item.name}"] = "" if known is None else known
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **values)
    partial.replace(path)


def load(path: Path) -> PreparedRecord:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        values = {key: value if value.ndim else value.item() for key, value in stored.items()}
    person = {
        item.name: None if values[f"person_{item.name}"] == "" else values[f"person_{item.name}"]
        for item in fields(Demographics)
    }
    kept = {item.name: values[item.name] for item in fields(PreparedRecord) if item.name != "demographics"}
    return PreparedRecord(demographics=Demographics(**person), **kept)


def fingerprint(records: Iterable[PreparedRecord]) -> str:
    """Which recordings these are, in their order: another value means other training data."""
    facts = (f"{one.dataset}/{one.subject}/{one.name}/{one.n}/{one.usable.sum()}" for one in records)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]

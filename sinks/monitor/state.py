"""What a page needs to know, as small JSON messages; the last minutes are kept for a page that opens late. Pure.

Times are grid places: samples of 1/128 s since 1970, exact in a browser's numbers (nanoseconds are not)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stream.messages import (
    ABSTAINED_UV,
    GRID_FS_HZ,
    GRID_STEP_NS,
    LEADS,
    Alert,
    DeviceStatus,
    EcgSegment,
    PpgSegment,
    ReferenceEcg,
)

__all__ = ["Message", "MonitorState"]

Message = EcgSegment | PpgSegment | ReferenceEcg | DeviceStatus | Alert


@dataclass(slots=True)
class _Patient:
    recent: deque[dict[str, Any]] = field(default_factory=deque)
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, Any] | None = None
    truth_last: tuple[float, np.ndarray] | None = None  # newest true sample, to join the next chunk to
    session: str | None = None
    seen: dict[str, int] = field(default_factory=dict)  # newest place by kind: what is sent again is not shown again


class MonitorState:
    """All patients. minutes: of signal kept for each."""

    def __init__(self, minutes: float) -> None:
        self._keep = int(minutes * 60 * GRID_FS_HZ)
        self._patients: dict[str, _Patient] = {}

    def take(self, message: Message) -> dict[str, Any] | None:
        """The page message for a stream message, None when there is nothing new in it."""
        patient = self._patients.setdefault(message.patient, _Patient())
        if isinstance(message, Alert):
            shown = _alert(message)
            if message.state == "cleared":
                patient.alerts.pop(message.id, None)
            else:
                patient.alerts[message.id] = shown
            return shown
        if isinstance(message, DeviceStatus):
            patient.status = _status(message)
            return patient.status
        shown = self._signal(patient, message)
        if shown is not None:
            patient.recent.append(shown)
            while patient.recent[0]["at"] < shown["at"] - self._keep:
                patient.recent.popleft()
        return shown

    def snapshot(self) -> list[dict[str, Any]]:
        """Everything a page that opens now has to be told."""
        out: list[dict[str, Any]] = []
        for patient in self._patients.values():
            out += [*patient.recent, *patient.alerts.values(), *([patient.status] if patient.status else [])]
        return out

    def _signal(self, patient: _Patient, message: EcgSegment | PpgSegment | ReferenceEcg) -> dict[str, Any] | None:
        if isinstance(message, ReferenceEcg):
            shown = _truth(patient, message)
        else:
            shown = _ecg(message) if isinstance(message, EcgSegment) else _ppg(message)
        if shown is None:
            return None
        if patient.session != message.session:
            patient.session = message.session
            patient.seen.clear()
            patient.recent.clear()
        if shown["at"] < patient.seen.get(shown["kind"], -(2**62)):
            return None
        patient.seen[shown["kind"]] = shown["at"] + 1
        return shown


def _ecg(segment: EcgSegment) -> dict[str, Any]:
    return {
        "kind": "ecg",
        "patient": segment.patient,
        "session": segment.session,
        "at": segment.start_ns // GRID_STEP_NS,
        "leads": segment.leads_uv.T.tolist(),
        "beats": [round(int(one) / GRID_STEP_NS, 2) for one in segment.beats_ns],
        "abstained": [
            [one.start_ns // GRID_STEP_NS, one.stop_ns // GRID_STEP_NS, one.reason] for one in segment.abstained
        ],
        "rate": None if segment.heart_rate_bpm is None else round(segment.heart_rate_bpm),
        "quality": round(segment.quality, 2),
        "confidence": round(segment.confidence, 2),
        "model": segment.model_id,
        "last": segment.last,
        "recorded": segment.shift_ns == 0 and segment.start_ns < segment.stages_ns.get("closed", 0) - 3600 * 10**9,
    }


def _ppg(segment: PpgSegment) -> dict[str, Any]:
    """The owned part in units of its own amplitude, thousandths."""
    owned = slice(segment.owned_start, segment.owned_stop)
    size = max(float(np.median(segment.scale)), 1e-9)
    values = np.where(segment.valid[owned] > 0, np.clip(1000 * segment.ppg[owned] / size, -9_999, 9_999), ABSTAINED_UV)
    return {
        "kind": "ppg",
        "patient": segment.patient,
        "session": segment.session,
        "at": segment.start_ns // GRID_STEP_NS + segment.owned_start,
        "values": np.rint(values).astype(int).tolist(),
        "quality": round(segment.quality, 2),
        "reasons": list(segment.reasons),
    }


def _truth(patient: _Patient, truth: ReferenceEcg) -> dict[str, Any] | None:
    """The true ECG on the grid, only leads that we estimate too."""
    rows = [i for i, name in enumerate(truth.leads) if name in LEADS]
    if truth.end or not len(truth.samples) or not rows:
        return None
    times = truth.t0_ns / GRID_STEP_NS + np.arange(len(truth.samples)) * GRID_FS_HZ / truth.fs_hz
    values = truth.samples[:, rows]
    known = patient.truth_last
    if known is not None and 0 < times[0] - known[0] < 2 * GRID_FS_HZ / truth.fs_hz + 1 and len(known[1]) == len(rows):
        times, values = np.r_[known[0], times], np.concatenate([known[1][None], values])
    patient.truth_last = (float(times[-1]), values[-1])
    grid = np.arange(int(np.ceil(times[0])), int(np.floor(times[-1])) + 1)
    leads = [np.interp(grid, times, column) for column in values.T]  # NaN on either side stays NaN
    return {
        "kind": "truth",
        "patient": truth.patient,
        "session": truth.session,
        "at": int(grid[0]) if len(grid) else int(times[0]),
        "names": [truth.leads[i] for i in rows],
        "leads": [
            np.where(np.isfinite(one), np.rint(1000 * np.clip(one, -32, 32)), ABSTAINED_UV).astype(int).tolist()
            for one in leads
        ],
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "kind": "alert",
        "patient": alert.patient,
        "id": alert.id,
        "rule": alert.rule,
        "type": alert.kind,
        "priority": alert.priority,
        "state": alert.state,
        "text": alert.text,
    }


def _status(status: DeviceStatus) -> dict[str, Any]:
    return {
        "kind": "status",
        "patient": status.patient,
        "device": status.device,
        "state": status.state,
        "battery": status.battery_percent,
        "fs": status.fs_hz,
        "gaps": status.gaps,
        "drops": status.drops,
        "ended": status.ended,
    }

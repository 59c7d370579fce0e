"""Messages as InfluxDB line protocol. Pure, and the same message always gives the same bytes: what is written twice is
there once. Times are event time in nanoseconds on the sample grid; nothing here looks at a clock.
A latency point names its estimate by window_ns, the start of what it owns; window_to_write_ms comes within seconds.

| measurement | tags | fields | one point |
|---|---|---|---|
| ecg12 | patient, device, source | I to V6, II_low and II_high (90 % band): integer uV | each sample not abstained |
| ppg | patient, device | value: conditioned PPG, source units | each measured sample of the 128 Hz grid |
| segments | patient, device | quality, confidence, abstained_s, reason, model, steps, session | each window |
| vitals | patient, device | heart_rate, rr_ms, quality, confidence, abstained | each full second |
| latency | patient, device | window_ns, window_to_estimate_ms, window_to_write_ms | each estimate, at the wall clock |
| numbers | patient, device | heart_rate, spo2, rr_ms: the device's own | each time it tells, each interval's end |
| devices | patient, device | state, gaps, drops, battery_percent, rssi_dbm, fs_hz | each status of a device |
| late | patient, device | samples | each chunk that came too late, at its own time |
| lag | reader, topic | messages | each look at the broker, at the wall clock |
| alerts | patient, device, rule, priority, state | id, kind, value, limit, onset_ns, text | each change of an alert |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from stream.lag import Lag
from stream.messages import (
    ABSTAINED_UV,
    GRID_STEP_NS,
    LEADS,
    Alert,
    DeviceStatus,
    EcgSegment,
    Numerics,
    PpgChunk,
    PpgSegment,
)

__all__ = [
    "alert_lines",
    "confirmed_lines",
    "device_lines",
    "estimate_lines",
    "lag_lines",
    "late_lines",
    "number_lines",
    "pulse_lines",
]

_SECOND_NS = 1_000_000_000
Value = float | int | str | bool | None


def estimate_lines(segment: EcgSegment) -> list[str]:
    """ecg12, segments, vitals and latency of one window's owned part."""
    who = {"patient": segment.patient, "device": segment.device}
    kept = segment.leads_uv[:, 0] != ABSTAINED_UV
    return [
        *_leads(segment, _series("ecg12", who | {"source": segment.source}), kept),
        *_vitals(segment, _series("vitals", who), kept),
        _line(
            _series("segments", who),
            {
                "quality": segment.quality,
                "confidence": segment.confidence,
                "abstained_s": float((~kept).sum()) * GRID_STEP_NS / _SECOND_NS,
                "reason": "; ".join(dict.fromkeys(one.reason for one in segment.abstained)),
                "model": segment.model_id,
                "steps": segment.steps,
                "session": segment.session,
            },
            segment.start_ns,
        ),
        *_latency(segment, "window_to_estimate_ms", segment.stages_ns.get("inferred")),
    ]


def confirmed_lines(segment: EcgSegment, at_ns: int) -> list[str]:
    """Into the latency point of an estimate: when its other lines were confirmed."""
    return list(_latency(segment, "window_to_write_ms", at_ns))


def pulse_lines(segment: PpgSegment) -> list[str]:
    """ppg of the stretch whose ECG the window owns: every grid sample belongs to one window."""
    series = _series("ppg", {"patient": segment.patient, "device": segment.device})
    owned = range(segment.owned_start, segment.owned_stop)
    return [
        f"{series} value={float(segment.ppg[at])!r} {segment.start_ns + at * GRID_STEP_NS}"
        for at in owned
        if segment.valid[at] and math.isfinite(segment.ppg[at])
    ]


def alert_lines(alert: Alert) -> list[str]:
    """One change of one alert."""
    tags = {name: getattr(alert, name) for name in ("patient", "device", "rule", "priority", "state")}
    fields = {name: getattr(alert, name) for name in ("id", "kind", "value", "limit", "onset_ns", "text")}
    return [_line(_series("alerts", tags), fields, alert.at_ns)]


def number_lines(numbers: Numerics) -> list[str]:
    """What a device computed itself. Of several intervals the last ended when they came, each other where the next
    began; one that is not above 0 is none."""
    intervals = [float(one) for one in numbers.rr_ms if math.isfinite(one) and one > 0]
    points: dict[int, dict[str, Value]] = {
        numbers.at_ns: {"heart_rate": numbers.heart_rate_bpm, "spo2": numbers.spo2_percent}
    }
    for place, interval in enumerate(intervals, 1):
        ended_ns = numbers.at_ns - round(1e6 * sum(intervals[place:]))
        points.setdefault(ended_ns, {})["rr_ms"] = interval
    series = _series("numbers", {"patient": numbers.patient, "device": numbers.device})
    return [_line(series, fields, at_ns) for at_ns, fields in points.items() if any(map(_value, fields.values()))]


def device_lines(status: DeviceStatus) -> list[str]:
    """What a device says of itself once a second."""
    names = ("state", "gaps", "drops", "battery_percent", "rssi_dbm", "fs_hz")
    series = _series("devices", {"patient": status.patient, "device": status.device})
    return [_line(series, {name: getattr(status, name) for name in names}, status.at_ns)]


def late_lines(chunk: PpgChunk) -> list[str]:
    """A chunk that came when its windows were closed."""
    series = _series("late", {"patient": chunk.patient, "device": chunk.device})
    return [_line(series, {"samples": len(chunk.samples)}, chunk.t0_ns)]


def lag_lines(lags: Iterable[Lag], at_ns: int) -> list[str]:
    """Of every reader, at one moment."""
    return [
        _line(_series("lag", {"reader": one.reader, "topic": one.topic}), {"messages": one.messages}, at_ns)
        for one in lags
    ]


def _leads(segment: EcgSegment, series: str, kept: np.ndarray) -> Iterator[str]:
    names = (*LEADS, "II_low", "II_high")
    form = f"{series.replace('%', '%%')} {','.join(f'{name}=%di' for name in names)} %d"
    rows = np.column_stack([segment.leads_uv, segment.band_uv, np.zeros(len(kept), np.int64)]).astype(np.int64)
    rows[:, -1] = segment.start_ns + np.arange(len(kept)) * GRID_STEP_NS
    return (form % tuple(row) for row in rows[kept].tolist())


def _vitals(segment: EcgSegment, series: str, kept: np.ndarray) -> Iterator[str]:
    first = -(-segment.start_ns // _SECOND_NS) * _SECOND_NS
    for at_ns in range(first, segment.start_ns + len(kept) * GRID_STEP_NS, _SECOND_NS):
        known = bool(kept[(at_ns - segment.start_ns) // GRID_STEP_NS])
        yield _line(
            series,
            {
                "heart_rate": segment.heart_rate_bpm if known else None,
                "rr_ms": _latest_interval(segment, at_ns) if known else None,
                "quality": segment.quality,
                "confidence": segment.confidence,
                "abstained": not known,
            },
            at_ns,
        )


def _latest_interval(segment: EcgSegment, at_ns: int) -> float | None:
    """Of the last beat of the window up to at_ns."""
    beats = np.flatnonzero(segment.beats_ns <= at_ns)
    return float(segment.rr_ms[beats[-1]]) if len(beats) and len(segment.rr_ms) else None


def _latency(segment: EcgSegment, field: str, until_ns: int | None) -> Iterator[str]:
    marks = segment.stages_ns
    if "closed" in marks and "inferred" in marks and until_ns is not None:
        series = _series("latency", {"patient": segment.patient, "device": segment.device})
        took_ms = (until_ns - marks["closed"]) / 1e6
        yield _line(series, {"window_ns": segment.start_ns, field: took_ms}, marks["inferred"])


def _line(series: str, fields: Mapping[str, Value], at_ns: int) -> str:
    """Fields that are unknown or not finite are left out; there is always one that is neither."""
    return f"{series} {','.join(f'{key}={text}' for key, one in fields.items() if (text := _value(one)))} {at_ns}"


def _value(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, str):
        # a line ends at a newline even inside quotes
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
    return repr(float(value)) if value is not None and math.isfinite(value) else None


def _series(measurement: str, tags: Mapping[str, str]) -> str:
    """Empty tags are left out: the protocol has none."""
    return ",".join([measurement, *(f"{key}={_tag(value)}" for key, value in tags.items() if value)])


def _tag(value: str) -> str:
    for character in ("\\", ",", "=", " "):
        value = value.replace(character, "\\" + character)
    return value.replace("\n", "\\ ")

"""Alert rules on one patient's estimated ECG, in event time. Pure: the same segments give the same alerts.

A flat pulse is a sensor problem, an asystole or lost perfusion, and PPG cannot tell them apart: it is reported as a
technical "no pulse", never as asystole. A pause is only called on a live, pulsatile sensor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from inference.alerts.condition import Condition
from inference.alerts.irregular import IrregularWatch
from inference.alerts.limits import Limits
from stream.messages import GRID_STEP_NS, Alert, EcgSegment

__all__ = ["PatientAlerts"]

_KEEP_S = 10.0  # beats looked back at for the rate
_MIN_BEATS = 4
_POOR = 0.3
_CLEAR_S = 4.0
_DEAD = ("flat", "no pulse", "missing")
_OF_THE_HEART = ("no beats found", "no pulse yet")  # abstentions in which beats were looked for and believed

_TEXTS = {
    "no_pulse": "No pulse in the signal: check the sensor and the patient",
    "poor_signal": "Poor signal: no reliable estimate",
    "pause": "Pause: no beat for {value:.1f} s on a live sensor",
    "bradycardia": "Heart rate {value:.0f}/min, below {limit:.0f}",
    "tachycardia": "Heart rate {value:.0f}/min, above {limit:.0f}",
    "irregular": "Irregular rhythm in the last minute",
}
_RANK = {"low": 0, "medium": 1, "high": 2}
_KINDS = {"no_pulse": "technical", "poor_signal": "technical"}


@dataclass(slots=True)
class PatientAlerts:
    """State of one patient: `take` every segment in order; `standing` are the alerts now raised, by rule."""

    patient: str
    limits: Limits
    standing: dict[str, Alert] = field(default_factory=dict)
    _conditions: dict[str, Condition] = field(default_factory=dict)
    _session: str | None = None
    _known_to_ns: int = 0
    _rhythm: IrregularWatch = field(default_factory=IrregularWatch)
    _beats_ns: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        rate = self.limits.rate_onset_s
        delays = {
            "no_pulse": self.limits.no_pulse_s,
            "poor_signal": self.limits.poor_signal_s,
            "pause": 0.0,
            "bradycardia": rate,
            "tachycardia": rate,
            "irregular": self.limits.irregular_onset_s,
        }
        self._conditions = {rule: Condition(onset_s, _CLEAR_S) for rule, onset_s in delays.items()}

    def restore(self, alert: Alert) -> None:
        """Take up an alert that stood when the process last ran."""
        if alert.rule in self._conditions and alert.state != "cleared":
            self.standing[alert.rule] = alert
            self._conditions[alert.rule].raised_ns = alert.onset_ns

    def take(self, segment: EcgSegment) -> list[Alert]:
        """Changes that this segment brings. A segment seen before brings none."""
        stop_ns = segment.start_ns + len(segment.leads_uv) * GRID_STEP_NS
        if segment.session != self._session:
            self._session, self._known_to_ns, self._beats_ns = segment.session, 0, self._beats_ns[:0]
        if segment.start_ns < self._known_to_ns:
            return []
        if segment.start_ns > self._known_to_ns:
            self._beats_ns = self._beats_ns[:0]  # a gap: intervals across it mean nothing
        if any(one.reason not in _OF_THE_HEART for one in segment.abstained):
            self._beats_ns = self._beats_ns[:0]  # nor do those across what was not read
        self._known_to_ns = stop_ns
        self._beats_ns = np.concatenate([self._beats_ns, segment.beats_ns])
        changes = self._technical(segment, stop_ns) + self._physiological(segment, stop_ns)
        self._beats_ns = self._beats_ns[self._beats_ns >= stop_ns - _KEEP_S * 1e9]
        if segment.last:
            self._beats_ns = self._beats_ns[:0]
        return changes

    def end(self, at_ns: int) -> list[Alert]:
        """Monitoring ended on purpose: nothing stands any more."""
        cleared = [self._clear(rule, segment_ns=at_ns) for rule in list(self.standing)]
        for condition in self._conditions.values():
            condition.clear()
        return cleared

    def _technical(self, segment: EcgSegment, stop_ns: int) -> list[Alert]:
        dead = segment.quality < _POOR and any(why in segment.reasons for why in _DEAD)
        poor = segment.quality < _POOR or _abstained_share(segment) > 0.5
        since_ns = self.standing["no_pulse"].onset_ns if "no_pulse" in self.standing else stop_ns
        lasting = stop_ns - since_ns >= self.limits.no_pulse_high_s * 1e9
        priority = "high" if lasting else "medium"
        changes = self._apply("no_pulse", dead, segment, stop_ns, segment.quality, None, priority)
        return changes + self._apply("poor_signal", poor and not dead, segment, stop_ns, segment.quality, _POOR, "low")

    def _physiological(self, segment: EcgSegment, stop_ns: int) -> list[Alert]:
        live = segment.quality >= _POOR and not any(why in segment.reasons for why in ("flat", "missing"))
        changes: list[Alert] = []
        longest_s = self._longest_interval_s(segment.start_ns, stop_ns)
        pause = longest_s >= self.limits.pause_s if live and len(self._beats_ns) else None
        changes += self._apply("pause", pause, segment, stop_ns, longest_s, self.limits.pause_s, "high")
        low, high, back = self.limits.heart_rate_low, self.limits.heart_rate_high, self.limits.hysteresis_bpm
        rate = self._rate_bpm() if live and not pause else None
        slow = None if rate is None else True if rate < low else False if rate >= low + back else None
        fast = None if rate is None else True if rate > high else False if rate <= high - back else None
        urgent = rate is not None and (
            rate < self.limits.heart_rate_low_extreme or rate > self.limits.heart_rate_high_extreme
        )
        priority = "high" if urgent else "medium"
        changes += self._apply("bradycardia", slow, segment, stop_ns, rate, low, priority)
        changes += self._apply("tachycardia", fast, segment, stop_ns, rate, high, priority)
        spread = self._rhythm.take(segment, stop_ns)
        irregular = None if spread is None else spread >= self.limits.irregular_share
        changes += self._apply("irregular", irregular, segment, stop_ns, spread, self.limits.irregular_share, "low")
        return changes

    def _longest_interval_s(self, start_ns: int, stop_ns: int) -> float:
        """Longest interval that reaches into [start_ns, stop_ns), the one still open at its end included."""
        if not len(self._beats_ns):
            return 0.0
        before = self._beats_ns[self._beats_ns < start_ns][-1:]
        inside = self._beats_ns[self._beats_ns >= start_ns]
        return float(np.diff(np.concatenate([before, inside, [stop_ns]])).max() / 1e9)

    def _rate_bpm(self) -> float | None:
        return float(60e9 / np.diff(self._beats_ns).mean()) if len(self._beats_ns) >= _MIN_BEATS else None

    def _apply(
        self,
        rule: str,
        present: bool | None,
        segment: EcgSegment,
        stop_ns: int,
        value: float | None,
        limit: float | None,
        priority: str,
    ) -> list[Alert]:
        change = self._conditions[rule].update(present, segment.start_ns, stop_ns)
        if change == "cleared":
            return [self._clear(rule, stop_ns)] if rule in self.standing else []
        if change != "raised":
            return self._escalate(rule, priority, value, stop_ns) if present else []
        onset_ns = self._conditions[rule].raised_ns or segment.start_ns
        kind = _KINDS.get(rule, "physiological")
        self.standing[rule] = Alert(
            id=f"{self.patient}/{rule}/{onset_ns}",
            patient=self.patient,
            device=segment.device,
            rule=rule,
            kind=kind,
            priority=priority,
            state="raised",
            latched=False,
            onset_ns=onset_ns,
            at_ns=stop_ns,
            value=value,
            limit=limit,
            evidence=", ".join(segment.reasons) or f"confidence {segment.confidence:.2f}",
            text=_TEXTS[rule].format(value=value or 0.0, limit=limit or 0.0),
        )
        return [self.standing[rule]]

    def _escalate(self, rule: str, priority: str, value: float | None, at_ns: int) -> list[Alert]:
        """The same alert with a higher priority; it never becomes a lower one while it stands."""
        alert = self.standing.get(rule)
        if alert is None or _RANK[priority] <= _RANK[alert.priority]:
            return []
        text = _TEXTS[rule].format(value=value or 0.0, limit=alert.limit or 0.0)
        self.standing[rule] = replace(alert, priority=priority, value=value, at_ns=at_ns, text=text)
        return [self.standing[rule]]

    def _clear(self, rule: str, segment_ns: int) -> Alert:
        return replace(self.standing.pop(rule), state="cleared", at_ns=segment_ns)


def _abstained_share(segment: EcgSegment) -> float:
    silent = sum(one.stop_ns - one.start_ns for one in segment.abstained if one.reason != "no beats found")
    return silent / max(1, len(segment.leads_uv) * GRID_STEP_NS)

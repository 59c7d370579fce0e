"""Signal lost, by the wall clock: silence is the only sign of a dead sender, so it must not wait for data to return."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stream.messages import Alert, DeviceStatus

__all__ = ["LOST_AFTER_S", "Watchdog"]

LOST_AFTER_S = 4.0  # raised within 5 s, with a second for the way
RULE = "signal_lost"


@dataclass(slots=True)
class _Device:
    status: DeviceStatus
    heard_ns: int
    sample_ns: int | None
    fresh_ns: int
    alert: Alert | None = None


@dataclass(slots=True)
class Watchdog:
    """Devices and when they were last heard of. Times are our own wall clock, ns: theirs may be off."""

    limit_s: float = LOST_AFTER_S
    _devices: dict[str, _Device] = field(default_factory=dict)

    def restore(self, alert: Alert) -> None:
        """Take up an alert that stood when the process last ran."""
        if alert.rule != RULE or alert.state == "cleared":
            return
        status = DeviceStatus(
            alert.device, alert.patient, "", 0, None, "unknown", None, None, None, gaps=0, drops=0, ended=False
        )
        self._devices[alert.device] = _Device(status, alert.at_ns, None, alert.at_ns, alert)

    def take(self, status: DeviceStatus, now_ns: int) -> list[Alert]:
        """A device was heard of. Returns a clearing when its data flows again or its monitoring ended."""
        known = self._devices.get(status.device)
        if known is None:
            known = self._devices[status.device] = _Device(status, now_ns, status.last_sample_ns, now_ns)
        moved = status.last_sample_ns is not None and status.last_sample_ns != known.sample_ns
        known.status, known.heard_ns = status, now_ns
        if moved:
            known.sample_ns, known.fresh_ns = status.last_sample_ns, now_ns
        if status.ended:
            del self._devices[status.device]
        if known.alert is not None and (moved or status.ended):
            cleared = replace(known.alert, state="cleared", at_ns=now_ns)
            known.alert = None
            return [cleared]
        return []

    def tick(self, now_ns: int) -> list[Alert]:
        """Call several times a second. Returns alerts of devices that have just been silent for too long."""
        return [
            self._raise(one, now_ns)
            for one in self._devices.values()
            if one.alert is None and now_ns - min(one.heard_ns, one.fresh_ns) >= self.limit_s * 1e9
        ]

    def _raise(self, one: _Device, now_ns: int) -> Alert:
        status, onset_ns = one.status, min(one.heard_ns, one.fresh_ns)
        silent = now_ns - one.heard_ns >= self.limit_s * 1e9
        one.alert = Alert(
            id=f"{status.patient}/{RULE}/{onset_ns}",
            patient=status.patient,
            device=status.device,
            rule=RULE,
            kind="technical",
            priority="high",
            state="raised",
            latched=False,
            onset_ns=onset_ns,
            at_ns=now_ns,
            value=(now_ns - onset_ns) / 1e9,
            limit=self.limit_s,
            evidence="nothing heard from the device" if silent else f"device is {status.state}, no new samples",
            text="Signal lost: check the sensor, the battery and the connection",
        )
        return one.alert

"""Signal lost, by the wall clock: silence is the only sign of a dead sender, so it must not wait for data to return.
And samples lost on the sender's side, which no later window can show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stream.messages import Alert, DeviceStatus

__all__ = ["LOST_AFTER_S", "Watchdog"]

LOST_AFTER_S = 4.0  # raised within 5 s, with a second for the way
BEGIN_S = 20.0  # a device that never gave a sample is still being found, connected and started
DROPS_STAND_S = 60.0
RULE, DROPS_RULE = "signal_lost", "samples_dropped"


@dataclass(slots=True)
class _Device:
    status: DeviceStatus
    heard_ns: int
    sample_ns: int | None
    fresh_ns: int
    alert: Alert | None = None
    dropped: Alert | None = None
    dropped_ns: int = 0  # when the count of lost samples last grew

    def is_lost(self, now_ns: int, limit_s: float) -> bool:
        """Nothing heard of it, or no new sample."""
        patience_s = BEGIN_S if self.sample_ns is None else limit_s
        return now_ns - self.heard_ns >= limit_s * 1e9 or now_ns - self.fresh_ns >= patience_s * 1e9


@dataclass(slots=True)
class Watchdog:
    """Devices and when they were last heard of. Times are our own wall clock, ns: theirs may be off."""

    limit_s: float = LOST_AFTER_S
    _devices: dict[str, _Device] = field(default_factory=dict)

    def restore(self, alert: Alert) -> None:
        """Take up an alert that stood when the process last ran."""
        if alert.rule not in (RULE, DROPS_RULE) or alert.state == "cleared":
            return
        status = DeviceStatus(
            alert.device, alert.patient, "", 0, None, "unknown", None, None, None, gaps=0, drops=0, ended=False
        )
        one = self._devices.setdefault(alert.device, _Device(status, alert.at_ns, None, alert.at_ns))
        if alert.rule == RULE:
            one.alert = alert
        else:
            one.dropped, one.dropped_ns = alert, alert.at_ns

    def take(self, status: DeviceStatus, now_ns: int) -> list[Alert]:
        """A device was heard of. Returns a clearing when its data flows again or its monitoring ended, and an alert
        when it lost samples."""
        known = self._devices.get(status.device)
        if known is None:
            known = self._devices[status.device] = _Device(status, now_ns, status.last_sample_ns, now_ns)
        moved = status.last_sample_ns is not None and status.last_sample_ns != known.sample_ns
        lost_more = status.session == known.status.session and status.drops > known.status.drops
        known.status, known.heard_ns = status, now_ns
        if moved:
            known.sample_ns, known.fresh_ns = status.last_sample_ns, now_ns
        changes = []
        if lost_more:
            known.dropped_ns = now_ns
            if known.dropped is None:
                known.dropped = _dropped(status, now_ns)
                changes.append(known.dropped)
        if known.alert is not None and (moved or status.ended):
            changes.append(replace(known.alert, state="cleared", at_ns=now_ns))
            known.alert = None
        if status.ended:
            del self._devices[status.device]
            if known.dropped is not None:
                changes.append(replace(known.dropped, state="cleared", at_ns=now_ns))
        return changes

    def tick(self, now_ns: int) -> list[Alert]:
        """Call several times a second. Returns alerts of devices that have just been silent for too long, and
        clearings of those that lose nothing any more."""
        changes = []
        for one in self._devices.values():
            if one.alert is None and one.is_lost(now_ns, self.limit_s):
                changes.append(self._raise(one, now_ns))
            if one.dropped is not None and now_ns - one.dropped_ns >= DROPS_STAND_S * 1e9:
                changes.append(replace(one.dropped, state="cleared", at_ns=now_ns))
                one.dropped = None
        return changes

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


def _dropped(status: DeviceStatus, now_ns: int) -> Alert:
    return Alert(
        id=f"{status.patient}/{DROPS_RULE}/{now_ns}",
        patient=status.patient,
        device=status.device,
        rule=DROPS_RULE,
        kind="technical",
        priority="medium",
        state="raised",
        latched=False,
        onset_ns=now_ns,
        at_ns=now_ns,
        value=float(status.drops),
        limit=0.0,
        evidence="the collector gave up what it could neither send nor keep",
        text="Samples were lost between sensor and server: check the network and the collector's disk",
    )

"""The alert process: segments and device status in, alerts out. No torch; it must live when the model does not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inference.alerts.limits import Limits
from inference.alerts.rules import PatientAlerts
from inference.alerts.watchdog import Watchdog
from inference.metrics import CHANGES
from stream.kafka import (
    ALERT_STATE,
    ALERTS,
    DEVICE_STATUS,
    ECG_SEGMENTS,
    KafkaSettings,
    Publisher,
    Record,
    consume,
    latest_by_key,
)
from stream.messages import Alert, DeviceStatus, EcgSegment

__all__ = ["AlertSettings", "Alerts", "run"]

log = logging.getLogger(__name__)
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """limits: of everybody; patients: limits of those who have their own."""

    limits: Limits = field(default_factory=Limits)
    patients: Mapping[str, Limits] = field(default_factory=dict)


class Alerts:
    """All patients. Pure but for the clock it is given (wall time, ns)."""

    def __init__(self, settings: AlertSettings, clock: Callable[[], int]) -> None:
        self._settings, self._clock = settings, clock
        self._patients: dict[str, PatientAlerts] = {}
        self._watchdog = Watchdog()

    def restore(self, standing: Mapping[str, Alert]) -> None:
        """Take up what stood when the process last ran."""
        for alert in standing.values():
            self._watchdog.restore(alert)
            self._of(alert.patient).restore(alert)

    def take(self, message: EcgSegment | DeviceStatus) -> list[Alert]:
        """Alert changes that a message brings."""
        if isinstance(message, EcgSegment):
            return self._of(message.patient).take(message)
        changes = self._watchdog.take(message, self._clock())
        if message.ended and message.patient in self._patients:
            changes += self._of(message.patient).end(message.last_sample_ns or self._clock())
        return changes

    def tick(self) -> list[Alert]:
        """Alert changes that time alone brings."""
        return self._watchdog.tick(self._clock())

    def _of(self, patient: str) -> PatientAlerts:
        if patient not in self._patients:
            limits = self._settings.patients.get(patient, self._settings.limits)
            self._patients[patient] = PatientAlerts(patient, limits)
        return self._patients[patient]


async def run(settings: AlertSettings, kafka: KafkaSettings, stop: asyncio.Event) -> None:
    """Watch until `stop`. Raises BrokerUnavailable."""
    async with Publisher(kafka) as publisher:
        alerts = Alerts(settings, time.time_ns)
        alerts.restore(await latest_by_key(kafka, ALERT_STATE, Alert))
        stopping = asyncio.create_task(_watch(alerts, publisher, stop))

        async def process(records: list[Record]) -> None:
            for record in records:
                await _publish(publisher, alerts.take(record.message))

        try:
            await consume(
                kafka,
                group="alert",
                kinds={ECG_SEGMENTS: EcgSegment, DEVICE_STATUS: DeviceStatus},
                process=process,
                publisher=publisher,
                stop=stop,
            )
        finally:
            stop.set()
            await stopping


async def _watch(alerts: Alerts, publisher: Publisher, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await _publish(publisher, alerts.tick())
        await asyncio.sleep(_TICK_S)


async def _publish(publisher: Publisher, changes: list[Alert]) -> None:
    for one in changes:
        log.info("%s %s, %s priority", one.rule, one.state, one.priority)
        CHANGES.labels(one.rule, one.state).inc()
        # the state first: a crash in between repeats the alert under the same id, and forgets none
        await publisher.send(ALERT_STATE, one, f"{one.patient}/{one.device}/{one.rule}")
        await publisher.send(ALERTS, one, one.patient)

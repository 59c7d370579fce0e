"""Every Flux query that p2es ships, as plain functions: dashboards, tasks and tests use the same text.

`v.timeRangeStart` and `v.timeRangeStop` are filled in by Grafana, `${patient}` by the dashboard's variable."""

from __future__ import annotations

from sinks.settings import InfluxSettings
from stream.messages import LEADS

__all__ = [
    "TASK",
    "abstained_flux",
    "abstentions_flux",
    "alerts_flux",
    "devices_flux",
    "downsample_flux",
    "lag_flux",
    "latency_flux",
    "lead_flux",
    "number_flux",
    "patients_flux",
    "pulse_flux",
    "quality_flux",
    "sample_counts_flux",
    "timings_flux",
    "vital_flux",
    "windows_flux",
]

TASK = "p2es: waveforms to 1-s minimum, maximum and mean"
_RANGE = "range(start: v.timeRangeStart, stop: v.timeRangeStop)"


def lead_flux(bucket: str, lead: str) -> str:
    """Every sample of one lead in mV: no aggregateWindow, which would thin the QRS away."""
    return _patient(bucket, "ecg12", lead) + "  |> map(fn: (r) => ({r with _value: float(v: r._value) / 1000.0}))\n"


def pulse_flux(bucket: str) -> str:
    """Every sample of the conditioned PPG."""
    return _patient(bucket, "ppg", "value")


def vital_flux(bucket: str, field: str) -> str:
    """heart_rate or rr_ms by second."""
    return _patient(bucket, "vitals", field)


def number_flux(bucket: str, field: str) -> str:
    """heart_rate, spo2 or rr_ms as the device gave them."""
    return _patient(bucket, "numbers", field)


def quality_flux(bucket: str) -> str:
    """Quality and confidence of every window."""
    return (
        _from(bucket, "segments")
        + '  |> filter(fn: (r) => r.patient == "${patient}")\n'
        + '  |> filter(fn: (r) => r._field == "quality" or r._field == "confidence")\n'
        + '  |> keep(columns: ["_time", "_value", "_field"])\n'
    )


def alerts_flux(bucket: str) -> str:
    """Changes of alerts as annotations: time, text, tags."""
    return (
        _from(bucket, "alerts")
        + '  |> filter(fn: (r) => r.patient == "${patient}" and r._field == "text")\n'
        + '  |> keep(columns: ["_time", "_value", "rule", "priority", "state"])\n'
        + "  |> group()\n"
    )


def patients_flux(bucket: str) -> str:
    """Patients of whom anything came in the last hour."""
    return f'import "influxdata/influxdb/schema"\nschema.tagValues(bucket: "{bucket}", tag: "patient", start: -1h)\n'


def latency_flux(bucket: str, field: str, quantile: float) -> str:
    """Quantile over all patients of window_to_estimate_ms or window_to_write_ms, by 10 s."""
    return (
        _field(bucket, "latency", field)
        + "  |> group()\n"
        + f"  |> aggregateWindow(every: 10s, fn: (column, tables=<-) => tables |> quantile(q: {quantile}), "
        + "createEmpty: false)\n"
    )


def windows_flux(bucket: str) -> str:
    """Estimated windows a minute, by patient."""
    return (
        _field(bucket, "segments", "quality")
        + '  |> group(columns: ["patient"])\n'
        + "  |> aggregateWindow(every: 1m, fn: count, createEmpty: false)\n"
    )


def abstained_flux(bucket: str) -> str:
    """Share of time abstained, by patient and minute."""
    return (
        _field(bucket, "segments", "abstained_s")
        + '  |> group(columns: ["patient"])\n'
        + "  |> aggregateWindow(every: 1m, fn: sum, createEmpty: false)\n"
        + "  |> map(fn: (r) => ({r with _value: r._value / 60.0}))\n"
    )


def lag_flux(bucket: str) -> str:
    """Messages each consumer group is behind, by topic."""
    return (
        _field(bucket, "lag", "messages")
        + '  |> group(columns: ["reader", "topic"])\n'
        + '  |> keep(columns: ["_time", "_value", "reader", "topic"])\n'
    )


def devices_flux(bucket: str, field: str) -> str:
    """gaps or drops, as the devices count them."""
    return (
        _field(bucket, "devices", field)
        + '  |> group(columns: ["device"])\n'
        + '  |> keep(columns: ["_time", "_value", "device"])\n'
    )


def abstentions_flux(bucket: str, prefix: str) -> str:
    """How long each window abstained, of patients whose id begins with prefix."""
    return _of_many(bucket, "segments", prefix, "abstained_s") + '  |> keep(columns: ["_time", "_value", "patient"])\n'


def sample_counts_flux(bucket: str, prefix: str) -> str:
    """Samples of lead II by patient."""
    return _of_many(bucket, "ecg12", prefix, "II") + '  |> group(columns: ["patient"])\n  |> count()\n'


def timings_flux(bucket: str, prefix: str) -> str:
    """Every latency point with its fields side by side."""
    columns = '["_time", "patient", "window_ns", "window_to_estimate_ms", "window_to_write_ms"]'
    return (
        _of_many(bucket, "latency", prefix)
        + '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        + f"  |> keep(columns: {columns})\n"
    )


def downsample_flux(settings: InfluxSettings) -> str:
    """Minimum, maximum and mean of each lead by whole second, the vitals and the devices' own numbers as they are.

    What comes within a minute is taken in; doing it again writes the same points. Each pipeline has a source of its
    own: only then the storage engine aggregates itself, which is 7 times faster than Flux doing it."""
    leads = " or ".join(f'r._field == "{lead}"' for lead in LEADS)
    out = f'import "date"\n\noption task = {{name: "{TASK}", every: 1m}}\n\n'
    out += "begin = date.truncate(t: -2m, unit: 1s)\nend = date.truncate(t: now(), unit: 1s)\n"
    source = f'\nfrom(bucket: "{settings.bucket}")\n  |> range(start: begin, stop: end)\n'
    for name in ("min", "max", "mean"):
        out += source + f'  |> filter(fn: (r) => r._measurement == "ecg12" and ({leads}))\n'
        out += f'  |> aggregateWindow(every: 1s, fn: {name}, createEmpty: false, timeSrc: "_start")\n'
        out += f'  |> set(key: "_measurement", value: "ecg12_{name}")\n'
        out += f'  |> to(bucket: "{settings.archive_bucket}")\n'
    out += source + '  |> filter(fn: (r) => r._measurement == "vitals" and r._field != "abstained")\n'
    out += f'  |> to(bucket: "{settings.archive_bucket}")\n'
    out += source + '  |> filter(fn: (r) => r._measurement == "numbers")\n'
    out += f'  |> to(bucket: "{settings.archive_bucket}")\n'
    return out


def _from(bucket: str, measurement: str) -> str:
    return f'from(bucket: "{bucket}")\n  |> {_RANGE}\n  |> filter(fn: (r) => r._measurement == "{measurement}")\n'


def _of_many(bucket: str, measurement: str, prefix: str, field: str | None = None) -> str:
    only = f' and r._field == "{field}"' if field else ""
    return _from(bucket, measurement) + f"  |> filter(fn: (r) => r.patient =~ /^{prefix}/{only})\n"


def _field(bucket: str, measurement: str, field: str) -> str:
    return _from(bucket, measurement) + f'  |> filter(fn: (r) => r._field == "{field}")\n'


def _patient(bucket: str, measurement: str, field: str) -> str:
    return (
        _from(bucket, measurement)
        + f'  |> filter(fn: (r) => r.patient == "${{patient}}" and r._field == "{field}")\n'
        + '  |> keep(columns: ["_time", "_value", "_field"])\n'
    )

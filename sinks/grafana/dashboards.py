"""The dashboards, built with Grafana's own SDK from the queries of `sinks.influx.queries`. Pure: JSON out, no server.

Schema version 42, which Grafana 10 to 13 load. `grafana.ini` must allow [dashboards] min_refresh_interval = 1s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, stat, timeseries
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

from sinks.influx import queries
from sinks.settings import InfluxSettings
from sinks.wfdb_writer import LABEL
from stream.messages import GRID_FS_HZ, LEADS

__all__ = ["DATA_SOURCE_UID", "FOLDER_UID", "LIVE_UID", "OPERATIONS_UID", "dashboards", "flux_of"]

DATA_SOURCE_UID, FOLDER_UID = "p2es-influx", "p2es"
LIVE_UID, OPERATIONS_UID = "p2es-live", "p2es-operations"

_SOURCE = model.DataSourceRef(type_val="influxdb", uid=DATA_SOURCE_UID)
_LIVE_S = 10
_MILLIVOLTS = 1.5
_RATES = ((50, "green"), (120, "red"))


class _Flux(variants.Dataquery):
    def __init__(self, query: str, ref_id: str) -> None:
        self.query, self.ref_id = query, ref_id

    def to_json(self) -> dict[str, object]:
        return {"refId": self.ref_id, "query": self.query, "datasource": _SOURCE}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> _Flux:
        return cls(data["query"], data.get("refId", "A"))


class _Query(builder.Builder[variants.Dataquery]):
    def __init__(self, query: str, ref_id: str = "A") -> None:
        self._built = _Flux(query, ref_id)

    def build(self) -> variants.Dataquery:
        return self._built


def dashboards(settings: InfluxSettings) -> dict[str, dict[str, Any]]:
    """uid -> dashboard as Grafana's API and its provisioning files take it."""
    live = _json(_live(settings.bucket))
    # the SDK knows no Flux in annotations; Grafana does
    live["annotations"]["list"][0]["target"] = {"refId": "Anno", "query": queries.alerts_flux(settings.bucket)}
    live["liveNow"] = True
    return {LIVE_UID: live, OPERATIONS_UID: _json(_operations(settings.bucket))}


def flux_of(dashboard: Mapping[str, Any]) -> list[str]:
    """Every Flux query in a dashboard: panels, variables, annotations."""
    found = [target["query"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    found += [one["query"] for one in dashboard.get("templating", {}).get("list", ()) if one["type"] == "query"]
    notes = dashboard.get("annotations", {}).get("list", ())
    return found + [one["target"]["query"] for one in notes if "target" in one]


def _live(bucket: str) -> dashboard.Dashboard:
    board = (
        _board("p2es: one patient, live", LIVE_UID, f"now-{_LIVE_S}s", "1s")
        .description(LABEL)
        .with_variable(
            dashboard.QueryVariable("patient")
            .label("Patient")
            .datasource(_SOURCE)
            .query(queries.patients_flux(bucket))
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
        .annotation(dashboard.AnnotationQuery().name("Alerts").datasource(_SOURCE).enable(True).icon_color("red"))
    )
    for title, unit, flux, steps in (
        ("Heart rate, estimated", "bpm", queries.vital_flux(bucket, "heart_rate"), _RATES),
        ("Heart rate, the device's own", "bpm", queries.number_flux(bucket, "heart_rate"), _RATES),
        ("RR interval, estimated", "ms", queries.vital_flux(bucket, "rr_ms"), ()),
        ("Interval, the device's own", "ms", queries.number_flux(bucket, "rr_ms"), ()),
        ("SpO2, the device's own", "percent", queries.number_flux(bucket, "spo2"), ()),
    ):
        board = board.with_panel(_number(title, unit, flux, steps))
    board = board.with_panel(
        _lines("Quality and confidence", "percentunit", {"A": queries.quality_flux(bucket)}, (0, 1), 9, 4)
    ).with_panel(_lines("PPG (conditioned)", "none", {"A": queries.pulse_flux(bucket)}, None, 24, 4))
    for lead in LEADS:
        title = f"{lead} (mV, estimated from PPG)"
        board = board.with_panel(
            _lines(title, "none", {"A": queries.lead_flux(bucket, lead)}, (-_MILLIVOLTS, _MILLIVOLTS), 12, 4)
        )
    return board


def _operations(bucket: str) -> dashboard.Dashboard:
    board = _board("p2es: operations", OPERATIONS_UID, "now-30m", "10s")

    def latency(field: str) -> dict[str, str]:
        return {name: queries.latency_flux(bucket, field, q) for name, q in (("A", 0.5), ("B", 0.99))}

    for title, unit, flux in (
        ("Consumer lag (messages)", "short", {"A": queries.lag_flux(bucket)}),
        ("Window close to estimate, median and 99 %", "ms", latency("window_to_estimate_ms")),
        ("Window close to confirmed write, median and 99 %", "ms", latency("window_to_write_ms")),
        ("Windows a minute by patient", "short", {"A": queries.windows_flux(bucket)}),
        ("Share of time abstained", "percentunit", {"A": queries.abstained_flux(bucket)}),
        ("Device gaps", "short", {"A": queries.devices_flux(bucket, "gaps")}),
        ("Device drops", "short", {"A": queries.devices_flux(bucket, "drops")}),
    ):
        board = board.with_panel(_lines(title, unit, flux, None, 12, 8))
    return board


def _board(title: str, uid: str, since: str, refresh: str) -> dashboard.Dashboard:
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["p2es"])
        .time(since, "now")
        .refresh(refresh)
        .timezone("browser")
        .timepicker(dashboard.TimePicker().refresh_intervals(["1s", "2s", "5s", "10s", "1m"]))
    )


def _number(title: str, unit: str, flux: str, steps: tuple[tuple[float, str], ...]) -> stat.Panel:
    thresholds = [model.Threshold(value=None, color="red" if steps else "green")]
    thresholds += [model.Threshold(value=value, color=color) for value, color in steps]
    return (
        stat.Panel()
        .title(title)
        .datasource(_SOURCE)
        .unit(unit)
        .height(4)
        .span(3)
        .thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(thresholds))
        .with_target(_Query(flux))
    )


def _lines(
    title: str, unit: str, flux: Mapping[str, str], limits: tuple[float, float] | None, span: int, height: int
) -> timeseries.Panel:
    """Gaps stay gaps, no points, no fill; more points than a live window has samples, or Grafana would thin them."""
    panel = (
        timeseries.Panel()
        .title(title)
        .datasource(_SOURCE)
        .unit(unit)
        .span(span)
        .height(height)
        .line_width(1)
        .fill_opacity(0)
        .show_points(common_model.VisibilityMode.NEVER)
        .span_nulls(False)
        .max_data_points(4 * _LIVE_S * GRID_FS_HZ)
        .legend(common.VizLegendOptions().show_legend(len(flux) > 1))
    )
    if limits is not None:
        panel = panel.min(limits[0]).max(limits[1])
    for name, query in flux.items():
        panel = panel.with_target(_Query(query, name))
    return panel


def _json(board: dashboard.Dashboard) -> dict[str, Any]:
    return json.loads(JSONEncoder(sort_keys=True).encode(board.build()))

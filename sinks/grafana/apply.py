"""Dashboards into a running Grafana, over its HTTP API. Doing it twice changes nothing.

grafana-api is used where it still works; what new servers dropped goes by uid over its raw client:
finding a data source by name and updating it by number are gone in Grafana 13."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaServerError, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

from sinks.errors import GrafanaRefused
from sinks.grafana.dashboards import DATA_SOURCE_UID, FOLDER_UID, dashboards
from sinks.settings import GrafanaSettings, InfluxSettings

__all__ = ["apply", "data_source"]


def apply(settings: GrafanaSettings, influx: InfluxSettings, read_token: str, say: Callable[[str], None]) -> None:
    """Make or mend everything. Raises GrafanaRefused."""
    try:
        protocol, host, port = settings.address
        client = GrafanaFace(auth=settings.secret(), host=host, port=port, protocol=protocol, timeout=10.0)
        _put_source(client.api, data_source(influx, read_token), say)
        _put_folder(client, say)
        for uid, board in dashboards(influx).items():
            _put_dashboard(client, uid, board, say)
    except GrafanaUnauthorizedError as error:
        raise GrafanaRefused(
            "Grafana refuses the token: grafana.token_file needs a service account's, role Admin"
        ) from error
    except (GrafanaClientError, GrafanaServerError) as error:
        raise GrafanaRefused(f"Grafana at {settings.url}: {error}") from error
    except requests.RequestException as error:
        raise GrafanaRefused(f"no Grafana at {settings.url}: is it running, and is grafana.url right?") from error


def data_source(influx: InfluxSettings, read_token: str) -> dict[str, Any]:
    """InfluxDB as Grafana's API takes it; the token goes into the part that Grafana never shows again."""
    return {
        "uid": DATA_SOURCE_UID,
        "name": "p2es InfluxDB",
        "type": "influxdb",
        "access": "proxy",
        "url": influx.url,
        "jsonData": {"version": "Flux", "organization": influx.org, "defaultBucket": influx.bucket},
        "secureJsonData": {"token": read_token},
    }


def _found(api: Any, path: str) -> dict[str, Any] | None:
    try:
        return api.GET(path)
    except GrafanaClientError as error:
        if error.status_code == requests.codes.not_found:
            return None
        raise


def _put_source(api: Any, wanted: dict[str, Any], say: Callable[[str], None]) -> None:
    known = _found(api, f"/datasources/uid/{wanted['uid']}")
    if known is None:
        api.POST("/datasources", json=wanted)
        say(f"data source {wanted['name']} made")
    elif any(known.get(key) != value for key, value in wanted.items() if key != "secureJsonData"):
        api.PUT(f"/datasources/uid/{wanted['uid']}", json=wanted)
        say(f"data source {wanted['name']} mended")


def _put_folder(client: GrafanaFace, say: Callable[[str], None]) -> None:
    if _found(client.api, f"/folders/{FOLDER_UID}") is None:
        client.folder.create_folder("p2es", FOLDER_UID)
        say("folder p2es made")


def _put_dashboard(client: GrafanaFace, uid: str, wanted: dict[str, Any], say: Callable[[str], None]) -> None:
    known = _found(client.api, f"/dashboards/uid/{uid}")
    plain = {key: value for key, value in (known or {}).get("dashboard", {}).items() if key not in ("id", "version")}
    if plain == {key: value for key, value in wanted.items() if key not in ("id", "version")}:
        return
    client.dashboard.update_dashboard({"dashboard": wanted, "folderUid": FOLDER_UID, "overwrite": True})
    say(f"dashboard {wanted['title']} {'mended' if known else 'made'}")

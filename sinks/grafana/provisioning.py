"""The dashboards as files that Grafana reads when it starts: the same content as over the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sinks.grafana.apply import data_source
from sinks.grafana.dashboards import FOLDER_UID, dashboards
from sinks.settings import InfluxSettings

__all__ = ["write_provisioning"]


def write_provisioning(influx: InfluxSettings, folder: Path) -> list[Path]:
    """Write datasources/, dashboards/ and the boards; returns the files. JSON is YAML, so no YAML writer is needed."""
    source = data_source(influx, "$INFLUX_READ_TOKEN") | {"editable": False}
    provider = {
        "name": "p2es",
        "folder": "p2es",
        "folderUid": FOLDER_UID,
        "type": "file",
        "options": {"path": "/etc/grafana/provisioning/dashboards/p2es"},
    }
    files: dict[str, Any] = {
        "datasources/p2es.yaml": {"apiVersion": 1, "datasources": [source]},
        "dashboards/p2es.yaml": {"apiVersion": 1, "providers": [provider]},
    }
    files |= {f"dashboards/p2es/{uid}.json": board for uid, board in dashboards(influx).items()}
    written = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        written.append(path)
    return written

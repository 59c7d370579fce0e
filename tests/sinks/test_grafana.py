"""Dashboards against a stub that follows Grafana's HTTP API: no Grafana server can be had where these tests run."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sinks.errors import GrafanaRefused
from sinks.grafana.apply import apply
from sinks.grafana.dashboards import LIVE_UID, OPERATIONS_UID, dashboards, flux_of
from sinks.grafana.provisioning import write_provisioning
from sinks.influx.queries import downsample_flux
from sinks.settings import GrafanaSettings, InfluxSettings
from stream.messages import LEADS

INFLUX = InfluxSettings()


class Grafana:
    """In memory what POST and PUT gave; a dashboard gets an id and a version that counts, as in the real one."""

    def __init__(self, token="t"):
        self.stored, self.changes, self.token = {}, [], token
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                found = grafana.stored.get(self.path)
                self.answer(200 if found else 404, found or {"message": "not found"})

            def do_POST(self):
                self.change()

            def do_PUT(self):
                self.change()

            def change(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                grafana.changes.append(self.path)
                self.answer(200, grafana.put(self.path, body))

            def answer(self, status, body):
                if self.headers["Authorization"] != f"Bearer {grafana.token}":
                    status, body = 401, {"message": "Unauthorized"}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.settings = GrafanaSettings(url=f"http://127.0.0.1:{self.server.server_port}", token="t")

    def put(self, path, body):
        if path == "/api/dashboards/db":
            key = f"/api/dashboards/uid/{body['dashboard']['uid']}"
            version = self.stored.get(key, {}).get("dashboard", {}).get("version", 0) + 1
            self.stored[key] = {"dashboard": body["dashboard"] | {"id": 7, "version": version}, "meta": {}}
        elif path.startswith("/api/datasources"):
            public = {key: value for key, value in body.items() if key != "secureJsonData"}
            self.stored[f"/api/datasources/uid/{body['uid']}"] = public | {"id": 3, "readOnly": False}
        else:
            self.stored[f"/api/folders/{body['uid']}"] = body
        return {"message": "ok"}


@pytest.fixture
def grafana():
    one = Grafana()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_applying_twice_changes_nothing(grafana):
    said = []
    apply(grafana.settings, INFLUX, "read", said.append)
    assert len(said) == len(grafana.changes) == 4
    assert set(grafana.stored) == {
        "/api/datasources/uid/p2es-influx",
        "/api/folders/p2es",
        f"/api/dashboards/uid/{LIVE_UID}",
        f"/api/dashboards/uid/{OPERATIONS_UID}",
    }
    before = json.dumps(grafana.stored)
    apply(grafana.settings, INFLUX, "read", said.append)
    assert (len(said), json.dumps(grafana.stored)) == (4, before)


def test_what_was_changed_by_hand_is_mended(grafana):
    apply(grafana.settings, INFLUX, "read", lambda _: None)
    grafana.stored[f"/api/dashboards/uid/{LIVE_UID}"]["dashboard"]["title"] = "mine"
    grafana.stored["/api/datasources/uid/p2es-influx"]["url"] = "http://elsewhere"
    said = []
    apply(grafana.settings, INFLUX, "read", said.append)
    assert said == ["data source p2es InfluxDB mended", "dashboard p2es: one patient, live mended"]


def test_a_wrong_token_and_no_server_are_one_line(grafana):
    grafana.token = "other"
    with pytest.raises(GrafanaRefused, match=r"grafana\.token_file"):
        apply(grafana.settings, INFLUX, "read", lambda _: None)
    with pytest.raises(GrafanaRefused, match=r"no Grafana at http://127.0.0.1:9"):
        apply(GrafanaSettings(url="http://127.0.0.1:9", token="t"), INFLUX, "read", lambda _: None)


def test_the_live_board_shows_every_lead_unthinned_every_second():
    board = dashboards(INFLUX)[LIVE_UID]
    titles = [panel["title"] for panel in board["panels"]]
    assert [one.split(" ")[0] for one in titles[-12:]] == list(LEADS)
    assert all("estimated" in one for one in titles[-12:])
    assert (board["refresh"], board["schemaVersion"], board["time"]["from"]) == ("1s", 42, "now-10s")
    assert all(panel["maxDataPoints"] >= 10 * 128 for panel in board["panels"][5:])
    assert not any("aggregateWindow" in one for one in flux_of(board))
    assert "diagnosis" in board["description"]


def test_what_the_device_says_itself_stands_beside_the_estimate_and_is_called_its_own():
    panels = {one["title"]: one for one in dashboards(INFLUX)[LIVE_UID]["panels"]}
    for title, measurement, field in (
        ("Heart rate, estimated", "vitals", "heart_rate"),
        ("Heart rate, the device's own", "numbers", "heart_rate"),
        ("RR interval, estimated", "vitals", "rr_ms"),
        ("Interval, the device's own", "numbers", "rr_ms"),
        ("SpO2, the device's own", "numbers", "spo2"),
    ):
        (target,) = panels[title]["targets"]
        assert f'r._measurement == "{measurement}"' in target["query"]
        assert f'r._field == "{field}"' in target["query"]
    own, estimated = (panels[f"Heart rate, {whose}"]["gridPos"] for whose in ("the device's own", "estimated"))
    assert (own["y"], own["x"]) == (estimated["y"], estimated["x"] + estimated["w"])
    assert [one["title"] for one in panels.values() if one["gridPos"]["y"] == 0][5:] == ["Quality and confidence"]


def test_the_archive_keeps_the_vitals_and_the_devices_own_numbers():
    kept = downsample_flux(INFLUX).split("\nfrom(")[1:]
    assert [one.count(f'to(bucket: "{INFLUX.archive_bucket}")') for one in kept] == [1] * 5
    assert 'r._measurement == "vitals"' in kept[3]
    assert 'r._measurement == "numbers"' in kept[4]


def test_the_files_hold_the_same_and_no_token(tmp_path):
    files = write_provisioning(INFLUX, tmp_path)
    boards = {one.stem: json.loads(one.read_text()) for one in files if one.suffix == ".json"}
    assert boards == dashboards(INFLUX)
    first = {one: one.read_bytes() for one in files}
    assert {one: one.read_bytes() for one in write_provisioning(INFLUX, tmp_path)} == first
    assert "$INFLUX_READ_TOKEN" in (tmp_path / "datasources" / "p2es.yaml").read_text()

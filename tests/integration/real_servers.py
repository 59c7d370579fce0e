"""A real Kafka, a real InfluxDB and every stage on them, for the tests that need no less.

Skipped by name where the servers can be neither found nor built; with CI set that is a failure."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from deploy.generate import generate
from deploy.settings import Settings, as_toml
from deploy.stack.demo import DEMO_RECORDING
from deploy.stack.supervisor import Supervisor
from deploy.testbed.build import BuildFailed, influxd, kafka_libraries
from deploy.testbed.servers import InfluxServer, KafkaServer, free_port
from inference.engine import Engine
from inference.settings import EngineSettings
from ingest.recordings import first_seconds, read_recording
from ingest.session import start_ns
from stream.kafka import PPG_CHUNKS, Publisher, read_all
from stream.messages import GRID_STEP_NS, LEADS, PpgChunk, decode
from tests.integration.proxy import Proxy

__all__ = ["SECONDS", "STAGES", "Servers", "demo_recording", "generated", "real_servers", "replay", "stages", "truth"]

P2ES = [sys.executable, "-m", "deploy.cli"]
SECONDS = 60
STAGES = {
    "window": ["window"],
    "infer": ["infer"],
    "influx": ["influx", "write"],
    "alert": ["alert"],
    "record": ["record"],
}


class Servers:
    """Both, and p2es as its users call it. secured: Kafka's listener that p2es is to use instead of the open one; its
    password is left to the environment, as on a real machine."""

    def __init__(self, folder, secured=None):
        self.folder = folder
        front = free_port()
        self.kafka = KafkaServer(folder / "kafka", kafka_libraries(print), free_port(), front, secured)
        self.influx = InfluxServer(folder / "influx", influxd(print), free_port())
        # every client goes through these, which are harmless unless a test says otherwise
        self.to_kafka = Proxy(front, self.kafka.port)
        self.to_influx = Proxy(free_port(), self.influx.port)
        settings = Settings()
        self.settings = replace(
            settings,
            kafka=replace(settings.kafka, bootstrap=self.kafka.bootstrap, partitions=4),
            influx=replace(settings.influx, url=self.to_influx.url, retention_h=0.0, timeout_s=2.0),
            record=replace(settings.record, folder=folder / "recordings"),
            collect=replace(settings.collect, folder=folder / "recordings", spool_folder=folder / "spool"),
        )
        if secured is not None:
            kafka = replace(
                self.settings.kafka,
                bootstrap=secured.bootstrap,
                security_protocol="SASL_SSL",
                sasl_username=secured.user,
                ca_file=str(secured.ca_file),
            )
            self.settings = replace(self.settings, kafka=kafka)
        self.file = self.write(self.settings)

    def set_up(self):
        folder = self.folder
        self.run("topics", "init")
        self.run("influx", "init", "--admin-token-file", str(self.influx.token_file), "-o", str(folder))
        influx = replace(self.settings.influx, token_file=folder / "influx-write.token")
        self.settings = replace(self.settings, influx=influx)
        self.file = self.write(self.settings)

    def write(self, settings, name="p2es.toml"):
        (self.folder / name).write_text(as_toml(settings))
        return self.folder / name

    def command(self, *words):
        return [*P2ES, "--settings", str(self.file), *words]

    def run(self, *words, expect=0):
        done = subprocess.run(self.command(*words), check=False, capture_output=True, text=True, timeout=600)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def query(self, flux):
        with InfluxDBClient(self.influx.url, self.influx.token, org="p2es", timeout=60_000) as client:
            return [record.values for table in client.query_api().query(flux) for record in table.records]

    def leads(self, patient):
        """{ns: (12,) uV}; fails when a time is there twice."""
        rows = self.query(
            f'from(bucket: "ecg_raw") |> range(start: 0) |> filter(fn: (r) => r._measurement == "ecg12" and '
            f'r.patient == "{patient}") |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
        )
        found = {round(row["_time"].timestamp() * 128) * GRID_STEP_NS: [row[lead] for lead in LEADS] for row in rows}
        assert len(found) == len(rows)
        return found

    def messages(self, topic, kind, patient):
        """What lies on the broker of a patient."""
        found = [decode(raw.value, kind) for raw in asyncio.run(read_all(self.settings.kafka, topic))]
        return [one for one in found if one.patient == patient]

    def send(self, topic, messages):
        """Onto the broker, as a collector does."""

        async def run():
            async with Publisher(self.settings.kafka) as publisher:
                await publisher.send_all([(topic, one, one.device) for one in messages])

        asyncio.run(run())

    def arriving(self, patient, sessions=1, seconds=90):
        """Returns when chunks of so many sessions lie on the broker: what is broken now is broken under way."""
        deadline = time.monotonic() + seconds
        while len({one.session for one in self.messages(PPG_CHUNKS, PpgChunk, patient)}) < sessions:
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def everything(self, patient):
        rows = self.query(f'from(bucket: "ecg_raw") |> range(start: 0) |> filter(fn: (r) => r.patient == "{patient}")')
        kept = [row for row in rows if row["_measurement"] not in ("latency", "devices", "alerts")]
        return sorted((r["_measurement"], r["_field"], r["_time"].timestamp(), str(r["_value"])) for r in kept)

    def wait_for(self, patient, wanted, seconds=90):
        """The leads once they are as wanted, or as they are in the end: a query may see half of a write."""
        deadline = time.monotonic() + seconds
        while (found := self.leads(patient)) != wanted and time.monotonic() < deadline:
            time.sleep(0.5)
        return found


@contextmanager
def real_servers(folder, secured=None):
    """Started, set up, and stopped in the end."""
    try:
        one = Servers(folder, secured)
    except BuildFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"real Kafka and InfluxDB: {error}")
    try:
        one.kafka.start()
        one.influx.start()
        with one.to_kafka, one.to_influx:
            one.set_up()
            yield one
    finally:
        one.kafka.stop()
        one.influx.stop()


@contextmanager
def stages(servers):
    """Every stage under the supervisor, which starts again what dies."""
    with Supervisor(servers.folder / "logs") as children:
        for name, words in STAGES.items():
            children.start(name, servers.command(*words))
        stop = threading.Event()

        def keep():
            while not stop.is_set():
                children.check()
                time.sleep(0.1)

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield children
        finally:
            stop.set()
            keeper.join()


def demo_recording():
    """What `replay` sends."""
    return first_seconds(read_recording(DEMO_RECORDING), SECONDS)


def generated(folder, patient):
    """The record that `p2es generate` writes: its path without extension."""
    return generate(demo_recording(), folder, Engine.load(EngineSettings()), patient)


def truth(folder, patient):
    """{ns: (12,) uV} as `p2es generate` writes it; abstained samples are left out."""
    rows = np.fromfile(generated(folder, patient).with_suffix(".dat"), "<i2").reshape(-1, 12)
    first = start_ns(demo_recording())
    return {first + k * GRID_STEP_NS: row.tolist() for k, row in enumerate(rows) if row[0] != -32_768}


def replay(servers, patient, speed="20", *more):
    """Start sending."""
    words = ("replay", str(DEMO_RECORDING), "--seconds", str(SECONDS), "--speed", speed)
    return subprocess.Popen(servers.command(*words, "--patient", patient, "--device", f"d-{patient}", *more))

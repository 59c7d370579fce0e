"""The testbed as a whole: both servers in one folder of the cache, set up for p2es."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deploy.settings import Settings, as_toml
from deploy.testbed.build import cache_folder, influxd, kafka_libraries, missing_tools
from deploy.testbed.servers import InfluxServer, KafkaServer
from deploy.testbed.versions import INFLUXDB, KAFKA
from sinks.influx.setup import set_up
from stream.topics import make_topics

__all__ = ["bring_down", "bring_up", "report", "server_pids"]

Say = Callable[[str], None]
_KAFKA_PORT, _INFLUX_PORT = 19092, 18086  # not the servers' own: a Kafka of yours may be running


def bring_up(say: Say) -> Path:
    """Start what does not run; returns the settings file. Raises BuildFailed, ServerFailed."""
    kafka, influx = _servers(say)
    kafka.start()
    say(f"Kafka {KAFKA} at {kafka.bootstrap}")
    influx.start()
    say(f"InfluxDB {INFLUXDB} at {influx.url}")
    settings = Settings()
    settings = replace(
        settings,
        kafka=replace(settings.kafka, bootstrap=kafka.bootstrap),
        influx=replace(settings.influx, url=influx.url, retention_h=0),  # a replay at original times is years old
    )
    asyncio.run(make_topics(settings.kafka, say))
    tokens = set_up(settings.influx, influx.token, _folder(), say)
    file = _folder() / "p2es.toml"
    file.write_text(as_toml(replace(settings, influx=replace(settings.influx, token_file=tokens.write_token))))
    return file


def bring_down(say: Say) -> None:
    """Stop what runs."""
    for name, server in _known().items():
        if server.process.pid() is None:
            say(f"{name} does not run")
        else:
            server.stop()
            say(f"{name} stopped")


def report(say: Say) -> bool:
    """Say what runs; whether all does."""
    running = {name: server.process.pid() for name, server in _known().items()}
    for name, pid in running.items():
        say(f"{name}: {f'runs, pid {pid}' if pid else 'does not run'}")
    for name, tools in missing_tools().items():
        say(f"{name} cannot be built here: {', '.join(tools)} missing")
    return all(running.values())


def server_pids(settings: Settings) -> dict[str, int]:
    """Of the testbed's servers that these settings point at."""
    known = _known()
    addresses = {"Kafka": settings.kafka.bootstrap, "InfluxDB": settings.influx.url}
    found = {name: server.process.pid() for name, server in known.items() if str(server.port) in addresses[name]}
    return {name: pid for name, pid in found.items() if pid is not None}


def _folder() -> Path:
    return cache_folder() / "testbed"


def _servers(say: Say) -> tuple[KafkaServer, InfluxServer]:
    kafka = KafkaServer(_folder() / "kafka", kafka_libraries(say), _KAFKA_PORT)
    return kafka, InfluxServer(_folder() / "influxdb", influxd(say), _INFLUX_PORT)


def _known() -> dict[str, KafkaServer | InfluxServer]:
    nowhere = Path()
    return {
        "Kafka": KafkaServer(_folder() / "kafka", nowhere, _KAFKA_PORT),
        "InfluxDB": InfluxServer(_folder() / "influxdb", nowhere, _INFLUX_PORT),
    }

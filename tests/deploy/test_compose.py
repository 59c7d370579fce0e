"""The compose file: every stage is in it, and its dashboards are those that the code makes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sinks.grafana.provisioning import write_provisioning
from sinks.settings import InfluxSettings

FOLDER = Path(__file__).parents[2] / "deploy" / "compose"
SECRETS = dict.fromkeys(("INFLUX_ADMIN_TOKEN", "INFLUX_ADMIN_PASSWORD", "GRAFANA_ADMIN_PASSWORD"), "x")


def services():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]


def test_every_stage_has_a_service_with_a_health_check():
    commands = {" ".join(one["command"]) for one in services().values() if "command" in one}
    assert commands >= {"window", "infer", "alert", "record", "influx write", "monitor", "topics init"}
    assert all("healthcheck" in one for one in services().values())


def test_the_provisioning_files_are_those_the_code_makes(tmp_path):
    made = write_provisioning(InfluxSettings(url="http://influxdb:8086"), tmp_path)
    for file in made:
        shipped = FOLDER / "grafana" / file.relative_to(tmp_path)
        again = "p2es --set influx.url=http://influxdb:8086 dashboards write -o deploy/compose/grafana"
        assert shipped.read_bytes() == file.read_bytes(), f"run: {again}"


def compose():
    """The command, None where there is none."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    plugin = ["docker", "compose"]
    found = shutil.which("docker") and subprocess.run([*plugin, "version"], capture_output=True, check=False)
    return plugin if found and not found.returncode else None


def test_docker_compose_accepts_it():
    command = compose()
    if command is None:
        pytest.skip("docker-compose is not installed")
    done = subprocess.run(
        [*command, "-f", str(FOLDER / "compose.yaml"), "config"],
        check=False,
        capture_output=True,
        text=True,
        env=SECRETS | {"PATH": os.environ["PATH"], "HOME": "/tmp"},
    )
    assert done.returncode == 0, done.stderr

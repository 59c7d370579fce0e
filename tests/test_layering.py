"""Who may import whom; a change of the constants here is a decision, not a detail."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {"ingest", "stream", "inference", "sinks", "deploy"}
SHARED = ("stream.messages.", "stream.kafka.", "stream.lag.", "stream.monitor_delay.", "stream.errors.")
ALSO = {"inference": ("stream.conditioning.", "stream.windows.")}
OWNER = {"bleak": "ingest", "faust": "stream", "torch": "inference", "influxdb_client": "sinks", "grafana_api": "sinks"}
LONGEST = 400


def files(room):
    return sorted((ROOT / room).rglob("*.py"))


def imports(path):
    for node in ast.walk(ast.parse(path.read_bytes())):  # inside functions and TYPE_CHECKING too
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "relative"


@pytest.mark.parametrize("room", sorted(ROOMS - {"deploy"}))
def test_a_room_imports_only_itself_and_what_is_shared(room):
    found = [(path, name) for path in files(room) for name in imports(path)]
    assert found
    for path, name in found:
        top = name.split(".")[0]
        allowed = SHARED + ALSO.get(room, ())
        assert top not in ROOMS - {room} or f"{name}.".startswith(allowed), f"{path}: {name}"


def test_heavy_libraries_have_one_owner():
    for room in ROOMS:
        for path in files(room):
            for name in imports(path):
                assert OWNER.get(name.split(".")[0], room) == room, f"{path}: {name}"


def test_no_file_is_longer_than_it_may_be():
    for room in [*ROOMS, "tests", "benchmarks"]:
        for path in [*files(room), *(ROOT / room).rglob("*.js")]:
            assert len(path.read_text().splitlines()) <= LONGEST, path


def test_rooms_are_empty_at_their_door():
    for room in ROOMS:
        assert (ROOT / room / "__init__.py").read_text() == ""


@pytest.mark.parametrize("light", ["stream.messages", "deploy.cli", "inference.alerts.process"])
def test_light_modules_load_nothing_heavy(light):
    code = f"import sys, {light}; print([m for m in ('torch', 'faust', 'scipy', 'wfdb') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"

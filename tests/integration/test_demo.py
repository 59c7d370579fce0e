"""The whole chain as its users start it: the demo's record is generate's, whatever the speed, twice the same."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = pytest.mark.integration
P2ES = [sys.executable, "-m", "deploy.cli"]


def demo(out, *options):
    return subprocess.run(
        [*P2ES, "demo", "--headless", "--seconds", "40", "-o", str(out), *options],
        check=False, capture_output=True, text=True, timeout=150,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    out = tmp_path_factory.mktemp("fast")
    done = demo(out, "--speed", "20")
    assert done.returncode == 0, done.stderr
    return out


def leads(folder):
    return np.fromfile(folder / "bidmc37-5min.dat", "<i2")


def test_the_summary_says_what_went_through(fast):
    figures = json.loads((fast / "summary.json").read_text())
    assert figures["chunks_in"] == 162
    assert figures["segments"] == 16
    assert (figures["leads_out"], figures["samples_out"], figures["gaps"], figures["alerts"]) == (12, 5119, 0, 0)
    assert 0.5 <= figures["abstained_s"] <= 1.0
    assert set(figures["latency_ms"]) == {"window", "infer", "chain"}
    assert figures["record"].endswith("bidmc37-5min")
    assert "mock" in figures["broker"]


def test_it_is_what_generate_writes(fast, tmp_path):
    from deploy.generate import generate
    from deploy.stack.demo import DEMO_RECORDING
    from inference.engine import Engine
    from inference.settings import EngineSettings
    from ingest.recordings import first_seconds, read_recording

    recording = first_seconds(read_recording(DEMO_RECORDING), 40)
    path = generate(recording, tmp_path, Engine.load(EngineSettings()), recording.name)
    for suffix in (".dat", ".hea", ".json"):
        assert path.with_suffix(suffix).read_bytes() == (fast / path.name).with_suffix(suffix).read_bytes(), suffix


def test_life_speed_and_kills_change_nothing(fast, tmp_path):
    running = subprocess.Popen(
        [*P2ES, "demo", "--headless", "--seconds", "40", "-o", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    found = [wait_for(lambda stage=stage: stage_of(running, stage), 60) for stage in ("window", "infer", "record")]
    time.sleep(8)
    for pids in found:
        subprocess.run(["kill", "-9", *pids], check=True)
        time.sleep(4)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert said.count("started again") == 3
    np.testing.assert_array_equal(leads(tmp_path), leads(fast))
    assert (tmp_path / "bidmc37-5min.json").read_bytes() == (fast / "bidmc37-5min.json").read_bytes()


def test_the_page_is_served_a_taken_port_is_answered_and_ctrl_c_leaves_nothing_behind(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [*P2ES, "demo", "--no-browser", "--port", str(port), "-o", str(tmp_path)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith(f"p2es: port {port} is in use: choose another with --port")
    running = subprocess.Popen(
        [*P2ES, "demo", "--no-browser", "--port", str(port), "-o", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert "live page" in running.stdout.readline()
    children = subprocess.run(["pgrep", "-P", str(running.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 7
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 0
    assert not subprocess.run(["ps", "-o", "pid=", "-p", ",".join(children)], capture_output=True, text=True).stdout


@pytest.mark.skipif(
    shutil.which("dbus-daemon") is None and not os.environ.get("CI"), reason="dbus-daemon is missing (package dbus)"
)
def test_a_simulated_wearable_reaches_the_record_and_its_bluetooth_may_be_killed(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [*P2ES, "demo", "--wearable", "--no-browser", "--port", str(port), "-o", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        leads = wait_for(lambda: list(tmp_path.glob("recordings/wearable/*/leads.dat")), 60)
        serving = subprocess.run(["pgrep", "-f", f"serve --world {tmp_path}"], capture_output=True, text=True)
        subprocess.run(["kill", "-9", *serving.stdout.split()], check=True)
        before = leads[0].stat().st_size
        wait_for(lambda: leads[0].stat().st_size > before + 24 * 128 * 10, 60)
    finally:
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=40)
    assert running.returncode == 0, said
    session = leads[0].parent
    assert {"ppg.dat", "leads.dat", "motion.dat", "numbers.jsonl", "raw.jsonl", "session.json"} <= {
        one.name for one in session.iterdir()
    }
    values = np.fromfile(leads[0], "<i2").reshape(-1, 12)
    assert (values[:, 1] != -32_768).mean() > 0.5
    facts = [json.loads(line) for line in (session / "segments.jsonl").read_text().splitlines()]
    rates = [one["heart_rate_bpm"] for one in facts if one["heart_rate_bpm"]]
    assert 45 < np.median(rates) < 80  # the person rested, about 60 to the sensor's own count


def stage_of(running, stage):
    command = ["pgrep", "-P", str(running.pid), "-f", f"p2es.toml {stage}"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_bad_input_is_one_line_and_starts_nothing(tmp_path):
    done = demo(tmp_path / "out", "--recording", str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert done.stderr.strip() == f"p2es: {tmp_path}/nothing: no such recording"
    assert not (tmp_path / "out").exists()

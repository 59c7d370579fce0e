"""`p2es scan`, `record`, `redecode` and `collect` as their users run them, on simulated Bluetooth."""

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from deploy.redecode import redecode
from ingest.recordings import read_recording
from stream.kafka import ALERTS, DEVICE_STATUS, PPG_CHUNKS
from stream.messages import Alert, DeviceStatus, PpgChunk
from tests.integration.bluetooth import ADDRESS, NAME, room
from tests.integration.real_servers import real_servers

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("other servers")]
AWAY_S = float(os.environ.get("BROKER_AWAY_SECONDS", "15"))


@pytest.fixture
def ward(tmp_path):
    if shutil.which("dbus-daemon") is None and not os.environ.get("CI"):
        pytest.skip("dbus-daemon is not here (Debian package: dbus)")
    with room(tmp_path) as one:
        yield one


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_scan_names_what_is_near_and_its_driver(ward):
    said = ward.run("scan", "--seconds", "1.5")
    assert NAME in said
    assert ADDRESS in said
    assert "polar" in said


def test_what_cannot_be_meant_is_one_line(ward):
    for words, says in (
        (["collect"], "no device: name one with --device"),
        (["collect", "--device", ADDRESS], f"whose is {ADDRESS}? Give --patient"),
        (["collect", "--device", ADDRESS, "--patient", "p", "--driver", "polr"], "polar"),
        (["collect", "--device", "a", "--device", "b", "--patient", "p"], "give each --device its --patient"),
        (["redecode", str(ward.folder / "nothing"), "-o", str(ward.folder)], "raw frames are kept by p2es collect"),
    ):
        said = ward.run(*words, expect=2).strip().splitlines()
        assert len(said) == 1
        assert says in said[0]


def test_a_recorded_wearable_can_be_replayed_and_decoded_again(ward):
    folder = ward.folder / "recordings"
    running = ward.start(
        "--set", f"record.folder={folder}", "record", "--device", ADDRESS, "--patient", "bed7", "--plain"
    )
    try:
        wait_until(lambda: list(folder.glob("bed7/*/ppg.dat")))
        time.sleep(5)
    finally:
        running.terminate()
    assert running.wait(15) == 0
    (session,) = folder.glob("bed7/*")
    one = read_recording(session)
    assert one.fs_hz == pytest.approx(54.75, rel=1e-3)
    assert one.polarity == -1
    assert len(one.samples) > 200
    done = redecode(session)
    chunks = [message for topic, message, _ in done.messages if topic == PPG_CHUNKS]
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert ward.holes(samples).tolist() == []
    assert samples[:, 0].tolist() == one.samples.tolist()
    assert done.pipeline.bad_frames == 0
    again = ward.folder / "again"
    said = ward.run("redecode", str(session), "-o", str(again))
    assert f"{len(samples)} samples, 0 gaps" in said
    (copy,) = again.glob("bed7/*")
    for name in ("ppg.dat", "ppg.hea", "motion.dat", "numbers.jsonl"):
        assert (copy / name).read_bytes() == (session / name).read_bytes(), name


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with real_servers(tmp_path_factory.mktemp("collect")) as one:
        yield one


def collecting(ward, servers, patient, *more):
    words = ["--settings", str(servers.file), "--set", f"collect.spool_folder={ward.folder / 'spool'}"]
    words += ["--set", f"collect.folder={ward.folder / 'raw'}", *more]
    return ward.start(*words, "collect", "--plain", "--device", ADDRESS, "--patient", patient)


def test_a_broker_that_is_away_costs_time_and_nothing_else(ward, servers):
    running = collecting(ward, servers, "away")
    try:
        servers.arriving("away")
        servers.kafka.stop(signal.SIGKILL)
        time.sleep(AWAY_S)
        assert list((ward.folder / "spool").glob("*.spool"))
        servers.kafka.start()
        wait_until(lambda: not list((ward.folder / "spool").glob("*.spool")), 60)
        time.sleep(2)
    finally:
        running.terminate()
    assert running.wait(20) == 0
    chunks = servers.messages(PPG_CHUNKS, PpgChunk, "away")
    assert [one.seq for one in chunks] == list(range(len(chunks)))  # in order, none missing, none twice
    assert chunks[-1].end
    samples = np.concatenate([one.samples for one in chunks])
    assert len(samples) > 54 * (AWAY_S + 5)
    assert ward.holes(samples).tolist() == []
    assert servers.messages(DEVICE_STATUS, DeviceStatus, "away")[-1].ended


def test_a_spool_that_is_full_loses_the_oldest_and_says_so(ward, servers):
    alerting = subprocess.Popen(servers.command("alert"))
    # room for about five seconds
    running = collecting(ward, servers, "full", "--set", "collect.spool_mb=0.012")
    try:
        servers.arriving("full")
        servers.kafka.stop(signal.SIGKILL)
        time.sleep(14)
        servers.kafka.start()
        wait_until(lambda: not list((ward.folder / "spool").glob("*.spool")), 60)
        time.sleep(3)
    finally:
        running.terminate()
        assert running.wait(20) == 0
        alerting.terminate()
        assert alerting.wait(20) == 0
    chunks = servers.messages(PPG_CHUNKS, PpgChunk, "full")
    numbers = [one.seq for one in chunks]
    assert numbers == sorted(set(numbers))
    holes = np.flatnonzero(np.diff(numbers) != 1)
    assert len(holes) == 1  # the oldest of what waited, and nothing else
    lost = numbers[-1] + 1 - len(numbers)
    dropped = servers.messages(DEVICE_STATUS, DeviceStatus, "full")[-1].drops
    assert 0 < lost <= dropped  # motion and heart rate are counted too
    raised = [one for one in servers.messages(ALERTS, Alert, "full") if one.rule == "samples_dropped"]
    assert raised[0].state == "raised"


def test_a_killed_collector_leaves_whole_raw_frames_and_the_next_sends_what_was_kept(ward, servers):
    running = collecting(ward, servers, "killed")
    servers.arriving("killed")
    servers.kafka.stop(signal.SIGKILL)
    time.sleep(6)
    running.kill()
    running.wait()
    servers.kafka.start()
    (raw,) = (ward.folder / "raw" / "killed").glob("*/raw.jsonl")
    again = redecode(raw)
    assert again.pipeline.bad_frames == 0
    assert json.loads(raw.read_text().splitlines()[0])["identity"]["patient"] == "killed"
    second = collecting(ward, servers, "killed")
    try:
        servers.arriving("killed", sessions=2)  # it finds the device that the dead one still holds
    finally:
        second.terminate()
    assert second.wait(20) == 0
    found = servers.messages(PPG_CHUNKS, PpgChunk, "killed")
    first = [one for one in found if one.session == found[0].session]
    assert [one.seq for one in first] == list(range(len(first)))
    assert len(first) >= 4 * 6  # what was measured while the broker was away is there too

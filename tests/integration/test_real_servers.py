"""The chain on a real Kafka and a real InfluxDB: every owned sample there once, whatever is killed or away.

Where and when it is skipped: see real_servers.py."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.stack.demo import DEMO_RECORDING
from ingest.faults import Injected, inject, parse_faults
from ingest.session import ppg_chunks
from sinks.grafana.dashboards import dashboards, flux_of
from stream.kafka import NUMERICS
from stream.messages import GRID_STEP_NS, Numerics
from tests.integration.real_servers import STAGES, demo_recording, real_servers, replay, stages, truth

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("servers")]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with real_servers(tmp_path_factory.mktemp("real")) as one:
        yield one


@pytest.fixture(scope="module")
def chain(servers):
    with stages(servers) as children:
        yield children


def test_every_owned_sample_is_there_once_and_a_replay_changes_no_point(servers, chain, tmp_path):
    wanted = truth(tmp_path, "exact")
    assert replay(servers, "exact").wait(60) == 0
    assert servers.wait_for("exact", wanted) == wanted
    time.sleep(2)
    before = servers.everything("exact")
    assert {one[0] for one in before} == {"ecg12", "ppg", "segments", "vitals"}
    assert sum(one[:2] == ("ppg", "value") for one in before) >= len(wanted)
    assert replay(servers, "exact").wait(60) == 0
    time.sleep(5)
    assert servers.everything("exact") == before


def own_numbers(patient, start_s):
    """A strap for ten seconds."""
    return [
        Numerics(f"d-{patient}", patient, "s", (start_s + k) * 10**9, 70.0 + k, 97.0, 0, np.array([480, 500], "f4"))
        for k in range(10)
    ]


def test_the_devices_own_numbers_are_there_once_and_sent_again_change_no_point(servers, chain):
    sent = own_numbers("own", 1_700_000_000)
    wanted = sorted(
        ("numbers", field, at, value)
        for one in sent
        for field, at, value in (
            ("heart_rate", one.at_ns / 1e9, str(one.heart_rate_bpm)),
            ("spo2", one.at_ns / 1e9, "97.0"),
            ("rr_ms", one.at_ns / 1e9, "500.0"),
            ("rr_ms", one.at_ns / 1e9 - 0.5, "480.0"),
        )
    )
    for _ in range(2):
        servers.send(NUMERICS, sent)
        deadline = time.monotonic() + 60
        while servers.everything("own") != wanted and time.monotonic() < deadline:
            time.sleep(0.5)
        time.sleep(3)
        assert servers.everything("own") == wanted


@pytest.mark.parametrize("stage", STAGES)
def test_killed_twice_the_points_are_the_same(servers, chain, tmp_path, stage):
    patient = f"kill-{stage}"
    wanted = truth(tmp_path, patient)
    sending = replay(servers, patient, "6")
    for _ in range(2):
        time.sleep(4)
        os.kill(chain.children[stage].process.pid, signal.SIGKILL)
    assert sending.wait(120) == 0
    assert servers.wait_for(patient, wanted) == wanted


def test_two_workers_of_a_kind_share_the_patients_and_one_may_be_killed(servers, chain, tmp_path):
    patients = ("pair-a", "pair-b", "pair-c")
    for name in ("window", "infer"):
        chain.start(f"{name}-2", servers.command(*STAGES[name]))
    time.sleep(8)
    sending = [replay(servers, one, "6") for one in patients]
    time.sleep(4)
    for name in ("window-2", "infer"):
        os.kill(chain.children[name].process.pid, signal.SIGKILL)
    assert [one.wait(120) for one in sending] == [0, 0, 0]
    for one in patients:
        wanted = truth(tmp_path / one, one)
        assert servers.wait_for(one, wanted) == wanted


@pytest.mark.parametrize("server", ["kafka", "influx"])
def test_a_server_that_is_away_costs_time_and_nothing_else(servers, chain, tmp_path, server):
    patient = f"away-{server}"
    wanted = truth(tmp_path, patient)
    sending = replay(servers, patient, "6")
    servers.arriving(patient)
    one = getattr(servers, server)
    one.stop(signal.SIGKILL)
    time.sleep(20)
    one.start()
    assert sending.wait(180) == 0
    assert servers.wait_for(patient, wanted, 180) == wanted


@pytest.mark.parametrize("how", ["delay", "stalls", "resets"])
def test_a_bad_network_costs_time_and_nothing_else(servers, chain, tmp_path, how):
    patient = f"net-{how}"
    wanted = truth(tmp_path, patient)
    sending = replay(servers, patient, "6")
    for proxy in (servers.to_kafka, servers.to_influx):
        proxy.delay_s = 0.3 if how == "delay" else 0.0
    try:
        for _ in range(3):
            time.sleep(3)
            for proxy in (servers.to_kafka, servers.to_influx):
                if how == "stalls":
                    proxy.stall(5)
                if how == "resets":
                    proxy.reset()
        assert sending.wait(180) == 0
    finally:
        servers.to_kafka.delay_s = servers.to_influx.delay_s = 0.0
    assert servers.wait_for(patient, wanted, 180) == wanted


def test_a_database_that_says_503_for_20_s_costs_time_and_nothing_else(servers, chain, tmp_path):
    wanted = truth(tmp_path, "busy")
    sending = replay(servers, "busy", "6")
    servers.arriving("busy")
    servers.to_influx.is_busy = True
    try:
        time.sleep(20)
    finally:
        servers.to_influx.is_busy = False
    assert sending.wait(180) == 0
    assert servers.wait_for("busy", wanted, 180) == wanted


def test_injected_faults_are_found_as_they_were_put_in(servers, chain):
    """Gaps are gaps, duplicates vanish, what is late is set aside, nothing is invented."""
    text = "drop=0.02,duplicate=0.05,reorder=0.05,late=0.02,gap=0.01,gap_s=3,seed=8"
    recording = demo_recording()
    done = Injected()
    chunks = list(ppg_chunks(recording, "faulty", "d-faulty"))
    list(inject(iter(chunks), parse_faults(text), done))
    assert all((done.dropped, done.repeated, done.reordered, done.late))
    sending = replay(servers, "faulty", "6", "--faults", text)
    assert sending.wait(60) == 0

    step = 1e9 / recording.fs_hz
    gone = done.dropped | done.late
    spans = [(one.t0_ns, one.t0_ns + len(one.samples) * step) for one in chunks if not one.end and one.seq not in gone]
    starts, stops = (np.array(each) for each in zip(*spans, strict=True))

    def measured(at_ns, margin):
        """Whether a chunk that came in time holds the sample, margin source samples away from its edges."""
        return bool(((starts + margin * step <= at_ns) & (at_ns <= stops - margin * step)).any())

    grid = range(spans[0][0] // GRID_STEP_NS, int(spans[-1][1]) // GRID_STEP_NS + 1)
    surely = {k * GRID_STEP_NS for k in grid if measured(k * GRID_STEP_NS, 1)}
    deadline = time.monotonic() + 60
    while True:
        rows = servers.query(
            'from(bucket: "ecg_raw") |> range(start: 0) |> filter(fn: (r) => r.patient == "faulty" and '
            '(r._measurement == "ppg" or r._measurement == "late"))'
        )
        times = [round(r["_time"].timestamp() * 128) * GRID_STEP_NS for r in rows if r["_measurement"] == "ppg"]
        late = [r for r in rows if r["_measurement"] == "late"]
        if (surely <= set(times) and len(late) == len(done.late)) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert len(times) == len(set(times))
    assert len(late) == len(done.late)
    assert [at for at in times if not measured(at, -1)] == []
    assert sorted(surely - set(times)) == []


def test_every_query_of_the_dashboards_returns_rows(servers, chain):
    shifted = (
        "replay",
        str(DEMO_RECORDING),
        "--seconds",
        "30",
        "--patient",
        "boards",
        "--speed",
        "4",
        "--shift",
        "now",
    )
    servers.send(NUMERICS, own_numbers("boards", int(time.time())))
    servers.run(*shifted, "--device", "d-boards")
    deadline = time.monotonic() + 60
    while len(servers.leads("boards")) < 3000 and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(6)  # consumer lag is looked at every 5 s
    for board in dashboards(servers.settings.influx).values():
        for flux in flux_of(board):
            asked = flux.replace("v.timeRangeStart", "-1h").replace("v.timeRangeStop", "1h")
            rows = servers.query(asked.replace("${patient}", "boards"))
            may_be_none = '"alerts"' in flux
            assert rows or may_be_none, flux


def test_garbage_is_set_aside_and_can_be_sent_again(servers, chain):
    from aiokafka import AIOKafkaProducer

    async def send():
        async with AIOKafkaProducer(bootstrap_servers=servers.kafka.bootstrap) as producer:
            await producer.send_and_wait("ppg.segments", b"not avro", key=b"someone")

    import asyncio

    asyncio.run(send())
    deadline = time.monotonic() + 20
    while not (lines := servers.run("dlq", "list", "--json").splitlines()) and time.monotonic() < deadline:
        time.sleep(0.5)
    letters = [json.loads(one) for one in lines]
    assert {one["source_topic"] for one in letters} == {"ppg.segments"}
    assert "first byte" in letters[0]["error"]
    assert "6e6f74" in servers.run("dlq", "show", letters[0]["place"])
    sent = servers.run("dlq", "redrive", letters[0]["place"])
    assert "attempt 2" in sent
    assert "no dead letter 0:99" in servers.run("dlq", "redrive", "0:99", expect=2)


def test_what_is_wrong_is_one_line_from_the_doctor_and_from_the_process(servers, tmp_path):
    well = servers.run("doctor")
    assert well.count("ok  ") == 6
    bad = tmp_path / "token"
    bad.write_text("nonsense")
    cases = {
        "refuses the token": ("influx", {"token_file": bad}, ("influx", "write")),
        "has no bucket nowhere": ("influx", {"bucket": "nowhere"}, ("influx", "write")),
        "no Kafka broker at 127.0.0.1:9": ("kafka", {"bootstrap": "127.0.0.1:9", "patience_s": 1.0}, ("infer",)),
        "has 4 partitions and kafka.partitions is 5": ("kafka", {"partitions": 5}, ("infer",)),
        "cannot be written": ("record", {"folder": Path("/proc/nowhere")}, ("record",)),
        "spool /proc/nowhere cannot be used": (
            "collect",
            {"spool_folder": Path("/proc/nowhere")},
            ("collect", "--device", "x", "--patient", "p", "--driver", "polar"),
        ),
    }
    usual = servers.file
    try:
        for said, (table, values, words) in cases.items():
            wrong = replace(servers.settings, **{table: replace(getattr(servers.settings, table), **values)})
            servers.file = servers.write(wrong, "wrong.toml")
            report = servers.run("doctor", expect=1)
            assert sum(said in line for line in report.splitlines() if line.startswith("FAIL")) == 1, report
            last = servers.run(*words, expect=2).strip().splitlines()[-1]
            assert last.startswith("p2es: ")
            assert said in last
    finally:
        servers.file = usual


def test_setting_up_twice_changes_nothing(servers):
    assert servers.run("topics", "init").splitlines() == ["all topics are there"]
    again = servers.run(
        "influx", "init", "--admin-token-file", str(servers.influx.token_file), "-o", str(servers.folder)
    )
    assert len(again.splitlines()) == 1

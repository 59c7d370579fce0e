"""What users and networks do wrong: one clear line and a non-zero exit, or a dead letter, and the good goes on."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wfdb
from aiokafka import AIOKafkaConsumer

from inference.weights_file import SHIPPED
from stream.kafka import (
    ALERTS,
    DEVICE_STATUS,
    DLQ,
    ECG_REFERENCE,
    ECG_SEGMENTS,
    PPG_CHUNKS,
    PPG_SEGMENTS,
    Publisher,
)
from stream.messages import PpgChunk

pytestmark = pytest.mark.integration
DATA = Path(__file__).parents[1] / "data"


def p2es(*options, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *map(str, options)],
        check=False, capture_output=True, text=True, timeout=600, cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(DATA.parents[1])},
    )  # fmt: skip


def one_line(done, status, says):
    assert done.returncode == status
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("p2es: ")
    assert says in done.stderr


def test_a_corrupted_or_missing_model_is_one_line(tmp_path):
    weights = tmp_path / "weights"
    shutil.copytree(SHIPPED, weights)
    file = weights / "generator.safetensors"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    record = DATA / "bidmc01-60s"
    one_line(p2es("--set", f"infer.engine.weights={weights}", "generate", record, "-o", tmp_path), 2, "generator")
    one_line(p2es("--set", "infer.engine.weights=/nowhere", "generate", record, "-o", tmp_path), 2, "/nowhere")
    assert not list(tmp_path.glob("*.hea"))


def test_a_bad_recording_and_a_bad_setting_are_one_line(tmp_path):
    one_line(p2es("generate", tmp_path / "x", "-o", tmp_path), 2, "no such recording")
    one_line(
        p2es("generate", DATA / "bidmc01-60s", "--channel", "x", "-o", tmp_path), 2, "the file has PLETH, V, AVR, II"
    )
    one_line(p2es("--set", "infer.engine.cals=3", "settings"), 2, "did you mean infer.engine.calls")
    nobody = ("--set", "kafka.bootstrap=127.0.0.1:1", "--set", "kafka.patience_s=1", "--log-level", "error")
    one_line(p2es(*nobody, "alert"), 2, "no Kafka broker at 127.0.0.1:1")


def test_bad_lists_and_folders_stop_training_and_evaluation_with_one_line(tmp_path):
    bad = tmp_path / "mine.csv"
    bad.write_text("record,ppg,leads,dataset,subject,age\nx,PLETH,II=IV,mine,1,300\n")
    says = "mine.csv has 3 problems: line 2: age_years: 0 to 120, not 300; line 2: lead IV: one of"
    one_line(p2es("train", "--data", bad, "--out", tmp_path / "runs"), 2, says)
    one_line(p2es("evaluate", "--data", bad, "-o", tmp_path / "docs"), 2, says)
    one_line(p2es("manifest", "check", bad), 2, says)
    (tmp_path / "file").write_text("")
    one_line(p2es("train", "--data", bad, "--out", tmp_path / "file" / "runs"), 2, "cannot write into")
    one_line(p2es("evaluate", "--data", bad, "-o", tmp_path / "file"), 2, "cannot write into")
    for source in ("open", "mimic3", "mimic4"):
        one_line(p2es("manifest", source, tmp_path, "-o", tmp_path / "out.csv"), 2, f"{tmp_path}")
    assert not (tmp_path / "out.csv").exists()


def test_an_hour_of_flat_line_is_abstained_and_has_no_beats(tmp_path):
    wfdb.wrsamp(
        "flat", fs=125, units=["NU"], sig_name=["PLETH"], p_signal=np.full((3600 * 125, 1), 0.5), fmt=["16"],
        adc_gain=[1000.0], baseline=[0], write_dir=str(tmp_path),
    )  # fmt: skip
    done = p2es("generate", tmp_path / "flat", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    beside = json.loads((tmp_path / "out" / "flat.json").read_text())
    assert beside["beats"] == []
    assert sum(one["stop_s"] - one["start_s"] for one in beside["abstained"]) == pytest.approx(3600, abs=0.1)
    assert (np.fromfile(tmp_path / "out" / "flat.dat", "<i2") == -32_768).all()


async def test_garbage_on_every_topic_is_set_aside_and_nobody_dies(kafka, stage, tmp_path):
    topics = {PPG_SEGMENTS: 1, ECG_SEGMENTS: 2, DEVICE_STATUS: 1, PPG_CHUNKS: 1, ECG_REFERENCE: 1, ALERTS: 1}
    with (
        stage("infer") as infer,
        stage("alert") as alert,
        stage("--set", f"record.folder={tmp_path / 'r'}", "record") as record,
    ):
        async with Publisher(kafka) as publisher:
            for topic in topics:
                await publisher._send(topic, b"garbage", b"k", ())
                await publisher._send(topic, b"\x00\x00\x00\x03\xe7body", b"k", ())
        letters = await dead_letters(kafka, 2 * sum(topics.values()))
        found = {topic: [one for one in letters if one["source_topic"] == topic] for topic in topics}
        for topic, readers in topics.items():
            assert len(found[topic]) == 2 * readers, topic
            assert {"first byte is 103, not 0", "schema id 999 is not known here"} == {
                one["error"] for one in found[topic]
            }
        assert [one.process.poll() for one in (infer, alert, record)] == [None] * 3
        assert [one.stop() for one in (infer, alert, record)] == [0] * 3


async def dead_letters(kafka, count):
    consumer = AIOKafkaConsumer(DLQ, auto_offset_reset="earliest", **kafka.client_options())
    await consumer.start()
    found = []
    try:
        for _ in range(120):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += [{name: value.decode() for name, value in one.headers} for one in batch]
            if len(found) >= count:
                break
        return found
    finally:
        await consumer.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
async def test_a_full_disk_stops_the_recorder_with_one_line_and_nothing_is_lost(kafka, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        async with Publisher(kafka) as publisher:
            for seq in range(100):
                values = np.full((500, 1), seq, np.int32)
                await publisher.send(
                    PPG_CHUNKS,
                    PpgChunk(
                        "d", "p", "s", seq, seq * 1_000_000_000, 500.0, ("x",), 0, "NU", 1.0, 0.0, 1, None, None, None,
                        None, 0, 0, False, values,
                    ),
                    "d",
                )  # fmt: skip
        options = ("--log-level", "error", "--set", f"kafka.bootstrap={kafka.bootstrap}")
        full = await asyncio.to_thread(p2es, *options, "--set", f"record.folder={disk}", "record")
        one_line(full, 2, f"no space left for recordings in {disk}")
        elsewhere = tmp_path / "more"
        command = [sys.executable, "-m", "deploy.cli", *options, "--set", f"record.folder={elsewhere}", "record"]
        again = subprocess.Popen(command)
        kept = np.fromfile(disk / "p" / "s" / "ppg.dat", "<i4")[: wfdb.rdheader(str(disk / "p" / "s" / "ppg")).sig_len]
        assert 0 < len(kept) < 50_000
        file = elsewhere / "p" / "s" / "ppg.dat"
        for _ in range(200):
            await asyncio.sleep(0.1)
            if file.exists() and file.stat().st_size == 4 * (50_000 - len(kept)):
                break
        again.terminate()
        assert again.wait(15) == 0
        rest = np.fromfile(file, "<i4")
        assert [*kept, *rest] == np.repeat(np.arange(100), 500).tolist()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)

"""Session folders from messages."""

import errno
import json
import os
import subprocess
from typing import Any

import numpy as np
import pytest
import wfdb

from sinks.errors import Unwritable
from sinks.recorder.process import Recorder, folder_name
from sinks.recorder.session import append_lines, read_lines
from sinks.settings import RecordSettings
from stream.messages import Abstention, Alert, Demographics, EcgSegment, Motion, Numerics, PpgChunk, ReferenceEcg

S = 1_000_000_000
rdrecord: Any = wfdb.rdrecord


def chunk(seq, n=50, session="s", patient="p"):
    values = np.arange(seq * 50, seq * 50 + n, dtype=np.int32)[:, None]
    return PpgChunk(
        "d", patient, session, seq, 10 * S + seq * S // 2, 100.0, ("PLETH",), 0, "NU", 0.5, 3.0, 1, None,
        Demographics(88.0, "M"), None, None, 0, 0, False, values,
    )  # fmt: skip


def segment(k, last=False, session="s"):
    leads = np.full((256, 12), k, np.int16)
    leads[:10] = -32_768
    start = 10 * S + k * 2 * S
    return EcgSegment(
        patient="p", device="d", session=session, start_ns=start, fs_hz=128, heart_rate_bpm=60.0, confidence=0.9,
        findings=(), quality=1.0, reasons=(), abstained=(Abstention(start, start + 78_125_000, "no pulse yet"),),
        model_id="m", steps=2, source="estimated", shift_ns=0, last=last, stages_ns={}, leads_uv=leads,
        band_uv=np.zeros((256, 2), np.int16), beats_ns=np.array([start + S]), beat_confidence=np.array([0.9], "f4"),
        rr_ms=np.array([800], "f4"),
    )  # fmt: skip


def alert(state="raised"):
    return Alert("i", "p", "d", "r", "technical", "high", state, False, 0, 0, None, None, "e", "t")


def files(folder):
    return {one.relative_to(folder): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def test_motion_and_the_devices_own_numbers_are_kept_beside(tmp_path):
    recorder = Recorder(RecordSettings(tmp_path))
    for seq, at_s in ((0, 10), (1, 12)):  # a second is missing between
        samples = np.arange(150, dtype="f4").reshape(50, 3) + 1000 * seq
        recorder.take(Motion("d", "p", "s", seq, at_s * S, 50.0, "mg", 0, samples))
    recorder.take(Numerics("d", "p", "s", 11 * S, 71.0, None, 0, np.array([845.0, 850.5], "f4")))
    recorder.close()
    motion = rdrecord(str(tmp_path / "p" / "s" / "motion"))
    assert (motion.sig_name, motion.units, motion.fs) == (["x", "y", "z"], ["mg"] * 3, 50.0)
    values = np.asarray(motion.p_signal)
    assert values[49].tolist() == [147, 148, 149]
    assert np.isnan(values[50:100]).all()
    assert values[100].tolist() == [1000, 1001, 1002]
    (line,) = (tmp_path / "p" / "s" / "numbers.jsonl").read_text().splitlines()
    assert json.loads(line) == {"at_ns": 11 * S, "heart_rate_bpm": 71.0, "spo2_percent": None, "rr_ms": [845.0, 850.5]}


def test_a_session_is_a_readable_record_of_everything(tmp_path):
    recorder = Recorder(RecordSettings(tmp_path))
    truth = ReferenceEcg("p", "d", "s", 0, 10 * S, 250.0, ("II",), 0, False, np.array([[0.5], [np.nan]], "f4"))
    for one in (chunk(0), chunk(1), truth, segment(0), segment(1, last=True), alert()):
        recorder.take(one)
    recorder.close()
    folder = tmp_path / "p" / "s"
    assert np.asarray(rdrecord(str(folder / "ppg"), physical=False).d_signal)[:, 0].tolist() == list(range(100))
    leads = np.asarray(rdrecord(str(folder / "leads")).p_signal)
    assert leads.shape == (512, 12)
    assert np.isnan(leads[:10]).all()
    assert leads[300, 0] == 0.001
    reference = np.asarray(rdrecord(str(folder / "reference")).p_signal)[:, 0]
    assert reference[0] == 0.5
    assert np.isnan(reference[1])
    assert wfdb.rdann(str(folder / "leads"), "beats").sample.tolist() == [128, 384]
    assert json.loads((folder / "session.json").read_text())["demographics"]["age_years"] == 88.0
    assert json.loads((tmp_path / "p" / "alerts.jsonl").read_text())["rule"] == "r"


def test_what_is_sent_again_after_a_crash_changes_no_signal(tmp_path):
    messages = [chunk(0), chunk(1), segment(0), chunk(2), segment(1, last=True)]
    once, twice = Recorder(RecordSettings(tmp_path / "a")), Recorder(RecordSettings(tmp_path / "b"))
    for one in messages:
        once.take(one)
    once.close()
    for one in messages[:3]:
        twice.take(one)
    twice.flush()
    again = Recorder(RecordSettings(tmp_path / "b"))  # the first was killed: never closed
    for one in messages[1:]:
        again.take(one)
    again.close()
    one, other = files(tmp_path / "a"), files(tmp_path / "b")
    assert one.keys() == other.keys()
    for name in one:
        if name.name == "segments.jsonl":
            assert read_lines(tmp_path / "a" / name) == read_lines(tmp_path / "b" / name)
        else:
            assert one[name] == other[name], name


def test_a_cut_off_line_is_dropped(tmp_path):
    path = tmp_path / "x.jsonl"
    append_lines(path, [{"start_ns": 1}])
    with path.open("ab") as file:
        file.write(b'{"start_ns": 2, "cut')
    append_lines(path, [{"start_ns": 3}])
    assert [one["start_ns"] for one in read_lines(path)] == [1, 3]


@pytest.mark.parametrize("name", ["../../etc", "/root", "a/b", "..", "", "é", "x" * 300])
def test_an_id_cannot_leave_the_folder(tmp_path, name):
    recorder = Recorder(RecordSettings(tmp_path / "in"))
    recorder.take(chunk(0, session=name or ".", patient=name or "."))
    recorder.close()
    made = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert made
    assert all((tmp_path / "in") in one.parents for one in made)


def test_two_ids_never_share_a_folder():
    assert len({folder_name(one) for one in ("a/b", "a_b", "a b", "A_b")}) == 4


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    recorder = Recorder(RecordSettings(tmp_path))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(Unwritable, match=r"no space left.*record\.folder"):
        recorder.take(chunk(0))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_really_full_disk_keeps_what_was_stored(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        stored = []
        with pytest.raises(Unwritable, match="no space left"):
            store_for_ever(Recorder(RecordSettings(disk)), stored)
        record = rdrecord(str(disk / "p" / "s" / "leads"), physical=False)
        assert len(stored) > 10
        assert record.sig_len == len(stored) * 256
        assert np.asarray(record.d_signal)[-1, 0] == stored[-1]
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def store_for_ever(recorder, stored):
    for k in range(10_000):
        recorder.take(segment(k))
        recorder.flush()
        stored.append(k)

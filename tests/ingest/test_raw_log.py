"""The files of a raw log: what was written is what is read, up to the bound, whenever the collector is killed."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.cli import app
from deploy.redecode import redecode
from ingest.chunker import Gap
from ingest.devices.driver import Started
from ingest.devices.polar import DRIVER
from ingest.errors import BadRecording
from ingest.pipeline import Frame, Identity, Pipeline
from ingest.raw_files import raw_files
from ingest.raw_log import RawLog, read_raw
from stream.kafka import PPG_CHUNKS
from stream.messages import encode
from tests.ingest.test_pipeline import START, WHO, two_connections

LIMIT = 8000  # eight files of 1000 bytes


def write(raw, number, size):
    raw.frame(Frame(number, 1, "2a37", bytes(size)))


def numbers(folder):
    return [line["at"] for line in read_raw(folder) if "hex" in line]


def total(folder):
    return sum(path.stat().st_size for path in folder.rglob("raw*.jsonl"))


@settings(max_examples=80, deadline=None)
@given(
    steps=st.lists(st.one_of(st.integers(0, 200), st.sampled_from(["start", "break", "gap", "flush"])), max_size=20),
    times=st.integers(1, 25),
    limit=st.sampled_from([0, LIMIT, 2 * LIMIT, 10**6]),
)
@example(steps=[100, "start", 7, 7, "break"], times=25, limit=LIMIT)
def test_what_was_written_is_what_is_read_up_to_the_bound(tmp_path_factory, steps, times, limit):
    """steps: a notification of so many bytes, or what else a log holds."""
    folder = tmp_path_factory.mktemp("raw") / "p" / "s"
    raw, written, streams = RawLog(folder, "polar", WHO, limit), [], [None]
    for at, step in enumerate(steps * times):
        if step == "start":
            raw.started(at, at, Started({"ppg": 55.0}))
            written.append({"at": at, "gen": at, "started": {"fs_hz": {"ppg": 55.0}, "text": ""}})
        elif step == "break":
            raw.broken(at, 1, "löst")
            written.append({"at": at, "gen": 1, "broken": "löst"})
        elif step == "gap":
            raw.gaps(at, [Gap(1, 2)])
            written.append({"at": at, "gap": [1, 2]})
        elif step == "flush":
            raw.flush()
            continue
        else:
            write(raw, at, step)
            written.append({"at": at, "gen": 1, "from": "2a37", "hex": bytes(step).hex()})
        last = written[-1]
        streams.append(last if "started" in last else None if "broken" in last else streams[-1])
    raw.close()
    assert not limit or max(path.stat().st_size for path in raw_files(folder)) <= limit // 8
    head, *lines = read_raw(folder)
    assert (head["driver"], head["identity"]["device"]) == ("polar", "d")
    if not head.get("file"):
        assert lines == written
        return
    assert limit  # without one nothing is deleted
    if head["streams"]:
        assert lines.pop(0) == head["streams"]
    gone = len(written) - len(lines)
    assert lines == written[gone:]
    assert head["streams"] == streams[gone]
    assert limit - 2 * (limit // 8) < total(folder) <= limit


def test_killed_at_any_moment_it_leaves_every_line_once(tmp_path, monkeypatch):
    """A copy of the folder before and after each change of it is what a kill leaves there."""
    folder, copies, written = tmp_path / "p" / "s", [], 0
    do = {"open": Path.open, "unlink": Path.unlink}

    def watched(name):
        def run(path, *arguments, **options):
            copy_it()
            done = do[name](path, *arguments, **options)
            copy_it()
            return done

        return run

    def copy_it():
        with monkeypatch.context() as usual:
            for name, one in do.items():
                usual.setattr(Path, name, one)
            copy = tmp_path / f"copy{len(copies)}"
            shutil.copytree(folder, copy)
            copies.append((copy, written))

    for name in do:
        monkeypatch.setattr(Path, name, watched(name))
    raw = RawLog(folder, "polar", WHO, LIMIT)
    for number in range(150):
        write(raw, number, 50)
        written = number + 1
    raw.close()
    monkeypatch.undo()
    assert len(copies) > 2 * 2 * 15
    for copy, so_far in copies[2:]:  # before, nothing was there
        found = numbers(copy)
        assert found == list(range(so_far - len(found), so_far))
        assert total(copy) <= LIMIT
    for cut in range(1, 400):  # somewhere in the file that was being written, its first line included
        *_, newest = raw_files(folder)
        newest.write_bytes(newest.read_bytes()[:-1])
        found = numbers(folder)
        assert found == list(range(found[0], found[-1] + 1)), cut
        if not newest.stat().st_size:
            return
    assert numbers(folder)[-1] < 149


def test_of_a_devices_sessions_the_oldest_files_go_first_and_another_devices_stay(tmp_path):
    def session(patient, name, device):
        folder = tmp_path / patient / name
        raw = RawLog(folder, "polar", Identity(device, patient, name), LIMIT)
        for number in range(20):
            write(raw, number, 50)
        raw.close()
        return folder

    other = session("p", "20250101T000000Z-a", "other")
    first = session("q", "20250102T000000Z-b", "d")
    second = session("p", "20250103T000000Z-c", "d")
    (second / "numbers.jsonl").write_text("{}\n")
    before = {folder: len(raw_files(folder)) for folder in (other, first, second)}
    assert min(before.values()) > 2
    while raw_files(first):
        session("r", f"20250104T000000Z-{len(list(tmp_path.glob('r/*')))}", "d")
        assert len(raw_files(second)) == before[second]
        mine = [path.parent for path in tmp_path.rglob("raw*.jsonl") if path.parent != other]
        assert sum(total(folder) for folder in set(mine)) <= LIMIT
    session("r", "20250105T000000Z", "d")
    assert len(raw_files(second)) < before[second]
    assert len(raw_files(other)) == before[other]
    assert (second / "numbers.jsonl").exists()


def test_without_a_limit_nothing_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.raw_files._FILE_BYTES", 1000)
    raw = RawLog(tmp_path / "p" / "s", "polar", WHO, 0)
    for number in range(200):
        write(raw, number, 50)
    raw.close()
    assert len(raw_files(tmp_path / "p" / "s")) > 20
    assert numbers(tmp_path / "p" / "s") == list(range(200))


def rotated(folder, limit=32_000):
    """Two connections of a Verity Sense, and the messages that they gave live."""
    raw, line = RawLog(folder, "polar", WHO, limit), Pipeline(WHO, DRIVER)
    out = two_connections(raw, line, 12)
    out += line.end(START + 27_000_000_000)
    raw.ended(START + 27_000_000_000, 2)
    raw.close()
    return out


def rows(messages):
    return np.concatenate([message.samples for topic, message, _ in messages if topic == PPG_CHUNKS])


def test_many_files_give_the_same_messages_as_one(tmp_path):
    out = rotated(tmp_path / "p" / "s")
    assert len(raw_files(tmp_path / "p" / "s")) > 3
    again = redecode(tmp_path / "p" / "s")
    assert again.first_file == 0
    assert [(topic, encode(message)) for topic, message, _ in again.messages] == [
        (topic, encode(message)) for topic, message, _ in out
    ]


def test_without_its_first_files_it_is_read_from_there_on(tmp_path):
    folder = tmp_path / "p" / "s"
    out = rotated(folder)
    first, second, *_ = files = raw_files(folder)
    first.unlink()
    again = redecode(folder)
    left = rows(again.messages)
    assert again.first_file == 1
    assert 0 < len(left) < len(rows(out))
    np.testing.assert_array_equal(left, rows(out)[-len(left) :])
    said = CliRunner().invoke(app, ["redecode", str(folder), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert said.exit_code == 0
    assert "from raw.1.jsonl on: what the session sent before is not there" in said.output
    assert 0 < len(rows(redecode(second).messages)) < len(left)
    for spoil in (lambda: files[2].write_text(""), files[2].unlink):  # a lost power supply may leave it empty
        spoil()
        with pytest.raises(BadRecording, match=r"raw\.2\.jsonl is missing; give the files that are there one by one"):
            redecode(folder)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("lines", [1, 1000])  # from flush to flush: told by one, or by the end of the file
def test_a_disk_that_is_full_at_the_next_file_leaves_the_one_before_whole(tmp_path, caplog, lines):
    folder = tmp_path / "p" / "s"
    folder.mkdir(parents=True)
    (folder / "raw.1.jsonl").symlink_to("/dev/full")
    raw = RawLog(folder, "polar", WHO, LIMIT)
    for number in range(100):
        write(raw, number, 50)
        if not number % lines:
            raw.flush()
    raw.close()
    assert caplog.text.count("raw frames are not kept any more") == 1
    (folder / "raw.1.jsonl").unlink()
    found = numbers(folder)
    assert found == list(range(len(found)))
    assert len(found) > 3
    assert len(raw_files(folder)) == 1


def test_a_folder_that_cannot_be_used_ends_the_raw_log_and_nothing_else(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    raw = RawLog(tmp_path / "file" / "p" / "s", "polar", WHO, LIMIT)
    write(raw, 1, 50)
    raw.flush()
    raw.close()
    assert caplog.text.count("raw frames are not kept any more") == 1


def test_a_file_that_cannot_be_deleted_ends_the_raw_log_at_its_bound(tmp_path, caplog, monkeypatch):
    def refuse(path, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(path))

    raw = RawLog(tmp_path / "p" / "s", "polar", WHO, LIMIT)
    monkeypatch.setattr(Path, "unlink", refuse)
    for number in range(300):
        write(raw, number, 50)
    raw.close()
    assert caplog.text.count("raw frames are not kept any more") == 1
    assert "raw.jsonl: Permission denied" in caplog.text
    assert LIMIT / 2 < total(tmp_path) <= LIMIT
    assert numbers(tmp_path / "p" / "s")[0] == 0


def test_a_connection_that_begins_with_a_file_is_told_in_it_once(tmp_path):
    begun = 0
    for size in range(120):
        folder = tmp_path / "p" / f"s{size}"
        raw = RawLog(folder, "polar", WHO, LIMIT)
        for number in range(4):
            write(raw, number, size)
        raw.started(9, 1, Started({"ppg": 55.0}))
        raw.close()
        for path in raw_files(folder)[1:]:
            head, first, *_ = map(json.loads, path.read_text().splitlines())
            if "started" in first:
                assert head["streams"] is None
                begun += 1
    assert begun


def test_what_a_person_reads_in_the_first_line_of_a_later_file(tmp_path):
    rotated(tmp_path / "p" / "s")
    with raw_files(tmp_path / "p" / "s")[1].open() as lines:
        head = json.loads(lines.readline())
    assert (head["raw"], head["driver"], head["file"], head["streams"]["gen"]) == (1, "polar", 1, 1)

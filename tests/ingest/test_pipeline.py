"""From notifications to messages: whole, in order, never back in time; and the same again from the raw log."""

import os

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploy.redecode import redecode
from deploy.wearable.light import pulse_light
from deploy.wearable.verity import PMD_CONTROL, PMD_DATA, Verity
from ingest.align import Timed
from ingest.chunker import Chunker
from ingest.devices.driver import Started
from ingest.devices.polar import DRIVER
from ingest.errors import BadRecording
from ingest.pipeline import Frame, Identity, Pipeline
from ingest.raw_files import RAW_NAME
from ingest.raw_log import RawLog
from stream.kafka import MOTION, NUMERICS, PPG_CHUNKS
from stream.messages import encode
from stream.windows import check

START = 1_700_000_000_000_000_000
WHO = Identity("d", "p", "s")
LIGHT = pulse_light(60, seed=2)
START_PPG = bytes.fromhex("02010001370001011600040104")


def frames(seconds, generation=1, begun_s=0.0, late_ns=4_000_000):
    """What a Verity Sense sends, with the time it arrives."""
    band = Verity(LIGHT, START, ppm=30)
    band.connected(244)
    band.on_write(PMD_CONTROL, START_PPG, START + round(begun_s * 1e9))
    found = []
    for tick in range(round(seconds * 100)):
        now = START + round((begun_s + tick / 100) * 1e9)
        found += [Frame(now + late_ns, generation, one.characteristic, one.data) for one in band.due_frames(now)]
    return found


def of(out, topic):
    return [message for where, message, _ in out if where == topic]


def test_messages_are_what_the_windows_take():
    line = Pipeline(WHO, DRIVER)
    line.begin(Started({"ppg": 55.0}))
    out = [one for frame in frames(20) for one in line.take(frame)] + line.end(START + 20_000_000_000)
    chunks = of(out, PPG_CHUNKS)
    for one in chunks:
        check(one)
        encode(one)
    assert [one.seq for one in chunks] == list(range(len(chunks)))
    assert [one.end for one in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {len(one.samples) for one in chunks[:-2]} == {14}
    assert {(one.polarity, one.primary, one.unit, one.pulse_delay_s) for one in chunks} == {(-1, 0, "counts", 0.25)}
    rows = np.concatenate([one.samples for one in chunks])
    assert np.array_equal(rows, LIGHT[1 : 1 + len(rows)])  # the first was taken before it was asked to send
    assert of(out, NUMERICS)[-1].heart_rate_bpm == 72
    assert of(out, MOTION) == []
    assert line.trace


def test_an_owners_choice_of_channel_polarity_and_delay_is_kept():
    line = Pipeline(Identity("d", "p", "s", channel=2, polarity=1, pulse_delay_s=0.1), DRIVER)
    line.begin(Started({}))
    out = [one for frame in frames(8) for one in line.take(frame)]
    assert {(one.primary, one.polarity, one.pulse_delay_s) for one in of(out, PPG_CHUNKS)} == {(2, 1, 0.1)}


def two_connections(raw, line, seconds):
    """Messages of a Verity Sense that is lost after so many seconds, twice; its frames go into the raw log too."""
    out = []
    for generation, begun_s in ((1, 0.0), (2, 15.0)):
        started = Started({"ppg": 55.0}, "as asked")
        line.begin(started)
        raw.started(START, generation, started)
        for frame in frames(seconds, generation, begun_s):
            raw.frame(frame)
            out += line.take(frame)
        out += line.break_off()
        raw.broken(START, generation, "the connection was lost")
    return out


def test_the_raw_log_gives_the_same_messages_again(tmp_path):
    raw, line = RawLog(tmp_path, "polar", WHO), Pipeline(WHO, DRIVER)
    out = two_connections(raw, line, 10)
    raw.gaps(START, line.gaps)
    out += line.end(START + 25_000_000_000)
    raw.ended(START + 25_000_000_000, 2)
    raw.close()
    again = redecode(tmp_path)
    assert [(topic, encode(message), key) for topic, message, key in again.messages] == [
        (topic, encode(message), key) for topic, message, key in out
    ]
    assert len(again.pipeline.gaps) == 1
    whole = (tmp_path / RAW_NAME).read_bytes()
    (tmp_path / RAW_NAME).write_bytes(whole[: len(whole) * 2 // 3])  # a killed collector
    assert 0 < len(redecode(tmp_path).messages) < len(out)


def test_what_is_no_raw_log_is_refused(tmp_path):
    with pytest.raises(BadRecording, match="No such file"):
        redecode(tmp_path)
    for text, says in (
        ('{"label": 1}\n', "not a log of raw frames"),
        ("nonsense\n{}\n", "line 1 is not one of a raw log"),
        ('{"raw": 1, "driver": "polar"}\n', "not a whole raw log"),
    ):
        (tmp_path / RAW_NAME).write_text(text)
        with pytest.raises(BadRecording, match=says):
            redecode(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_ends_the_raw_log_and_nothing_else(tmp_path, caplog):
    (tmp_path / RAW_NAME).symlink_to("/dev/full")
    raw = RawLog(tmp_path, "polar", WHO)
    for frame in frames(30):
        raw.frame(frame)
        raw.flush()
    raw.close()
    assert caplog.text.count("raw frames are not kept any more") == 1


def test_frames_of_no_connection_and_frames_that_cannot_be_read_give_nothing():
    line = Pipeline(WHO, DRIVER)
    (first, *_) = frames(2)
    assert line.take(first) == []
    line.begin(Started({}))
    assert line.take(Frame(START, 1, PMD_DATA, b"\x01\x02")) == []
    assert (line.bad_frames, line.frames) == (1, 1)
    assert line.last_error


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-400, 2000), st.integers(1, 60), st.booleans()), min_size=1, max_size=25))
@example([(0, 1, False), (-1, 1, False), (-125, 7, False), (11, 1, False)])  # two blocks a little early each
def test_pieces_never_overlap_never_span_a_gap_and_hold_each_sample_once(steps):
    """steps: (ms from the end of the block before, samples, whether one in the middle is invalid)."""
    chunker, pieces, at, number, given = Chunker(), [], START, 0, []
    for gap_ms, n, hurt in steps:
        at += gap_ms * 1_000_000
        valid = None
        if hurt and n > 2:
            valid = np.ones(n, bool)
            valid[n // 2] = False
        values = np.arange(number, number + n)[:, None]
        given += values[:, 0][slice(None) if valid is None else valid].tolist()
        pieces += chunker.push(Timed(at, 50.0, values, valid, None, None, 0, at))
        at, number = at + n * 20_000_000, number + n
    pieces += chunker.flush()
    found = [value for piece in pieces for value in piece.values[:, 0].tolist()]
    assert found == sorted(set(found))
    assert set(found) <= set(given)
    assert len(found) + chunker.overlapping == len(given)
    ends = [piece.t0_ns + (len(piece.values) - 1) * 20_000_000 for piece in pieces]
    for end, after in zip(ends, pieces[1:], strict=False):
        assert after.t0_ns > end
    assert all(len(piece.values) <= 13 for piece in pieces)
    for gap in chunker.gaps:
        assert gap.stop_ns - gap.start_ns > 30_000_000
        inside = [
            piece
            for piece, end in zip(pieces, ends, strict=True)
            if piece.t0_ns < gap.stop_ns and end > gap.start_ns + 5_000_000  # blocks may meet a quarter sample off
        ]
        assert inside == []

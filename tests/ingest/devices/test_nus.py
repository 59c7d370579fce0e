"""Lines of text: what is a sample, what is talk, what is broken, and notifications cut anywhere."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import Block, Numbers
from ingest.devices.nus import LINE_BYTES, TX, LineDecoder
from ingest.errors import FrameError
from tests.ingest.devices.feeding import cut, fed, numbers, only, rows


def lines(text) -> list[Any]:
    """Items of text sent in the usual pieces of 20 bytes."""
    data = text if isinstance(text, bytes) else text.encode()
    decoder = LineDecoder()
    return [item for piece in cut(data, range(0, len(data), 20)) for item in decoder.feed(TX, piece)]


@pytest.mark.parametrize(
    ("line", "channels", "values"),
    [
        ("512", ("ppg",), [512]),
        ("-512", ("ppg",), [-512]),
        ("+512.00", ("ppg",), [512]),
        ("1,2,3", ("ppg", "ppg2", "ppg3"), [1, 2, 3]),
        ("1;2", ("ppg", "ppg2"), [1, 2]),
        ("1\t2", ("ppg", "ppg2"), [1, 2]),
        ("1  2", ("ppg", "ppg2"), [1, 2]),
        ("1, 2 ,3 ; 4", ("ppg", "ppg2", "ppg3", "ppg4"), [1, 2, 3, 4]),
        ("  7  ", ("ppg",), [7]),
        ("PPG:5", ("ppg",), [5]),
        ("IR: 5, PPG: 6", ("ir", "ppg"), [5, 6]),
        ("red:5,ir:6", ("ppg", "ir"), [5, 6]),
        ("t:10 5 6", ("ppg", "ppg2"), [5, 6]),
        ("\x1b[J>512", ("ppg",), [512]),
        ("> \x08\x08512", ("ppg",), [512]),
        (str(2**63 - 1), ("ppg",), [2**63 - 1]),
    ],
)
def test_a_line_is_samples(line, channels, values):
    for end in ("\n", "\r\n", "\r"):
        block = only(lines(line + end))
        assert (block.channels, block.values.tolist()) == (channels, [values])
        assert block.counter is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        ">",
        "=undefined",
        "MAX30102 ready",
        "Sample rate: 100 Hz",
        "12:30:45",
        "---",
        ",",
        "12\x0034",
        "ir:,red:",
        "2v19 (c) 2023 X",
    ],
)
def test_talk_is_no_samples_and_no_error(line):
    assert lines(line + "\r\n") == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,,2", "nothing where a number"),
        ("1,2,", "nothing where a number"),
        (",1", "nothing where a number"),
        ("12,3x4", "3x4"),
        ("x,12", "x' where"),
        ("ir:12,red:abc", "red:abc"),
        ("1 2 three four five six", "three"),
        ("1.5", "whole numbers"),
        ("ppg:1 ppg:2", "ppg twice"),
        ("1 ppg:2", "ppg twice"),
        ("t:1 ppg:2t:3 ppg:4", "was expected"),
        ("t:-1 5", "t cannot be that"),
        ("t:1e3 5", "t:1e3"),
        ("t:99999999999999 5", "t cannot be that"),
        ("bpm:-1", "bpm cannot be that"),
        ("spo2:101", "spo2 cannot be that"),
        (str(2**63), "ppg cannot be that"),
        ("١٢,13", "was expected"),
    ],
)
def test_what_looks_like_samples_and_is_not_is_refused_and_the_next_line_is_read(line, why):
    decoder = LineDecoder()
    with pytest.raises(FrameError, match=re.escape(why)):
        decoder.feed(TX, (line + "\n").encode())
    assert rows(decoder.feed(TX, b"77\n")) == [[77]]


def test_lines_without_a_time_are_one_block_while_their_columns_stay():
    items = LineDecoder().feed(TX, b"1\n2\nready\n3\n4,5\n6,7\nbpm:60\n8,9\n")
    assert [item.values.tolist() for item in items if isinstance(item, Block)] == [
        [[1], [2], [3]],
        [[4, 5], [6, 7], [8, 9]],
    ]
    assert numbers(items) == [Numbers(heart_rate_bpm=60.0)]


def test_each_line_with_a_time_is_a_block_of_its_own():
    first, second = lines("t:1681353316941.78198242187 ppg:1751\r\nt:1681353316961 ppg:1752\r\n")
    assert (first.values.tolist(), first.first_ns) == ([[1751]], 1_681_353_316_941_781_982)
    assert (second.values.tolist(), second.first_ns) == ([[1752]], 1_681_353_316_961_000_000)


def test_a_line_without_a_time_is_not_put_to_one_that_has_it():
    timed, untimed = lines("t:1 5\n6\n7\n")
    assert (timed.values.tolist(), timed.first_ns) == ([[5]], 1_000_000)
    assert (untimed.values.tolist(), untimed.first_ns) == ([[6], [7]], None)


def test_numbers_have_labels():
    said = only(lines("bpm:71.5 spo2:98 bat:50\n"), Numbers)
    assert said == Numbers(heart_rate_bpm=71.5, spo2_percent=98.0, battery_percent=50.0)
    said, block = lines("t:5 hr:60 ppg:9\n")
    assert (block.values.tolist(), block.first_ns, said) == ([[9]], 5_000_000, Numbers(heart_rate_bpm=60.0))


SAMPLES = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=6)


@given(st.lists(SAMPLES, max_size=20), st.sampled_from((",", ";", " ", "\t", ", ")), st.lists(st.integers(0, 600)))
def test_lines_cut_anywhere_give_what_was_printed(samples, separator, places):
    text = "".join(separator.join(map(str, row)) + "\r\n" for row in samples)
    assert rows(fed(LineDecoder(), TX, cut(text.encode(), places))) == samples


@given(
    st.lists(st.sampled_from(("12", "13,14", "ready", "t:5 6", "bpm:60", ">", "")), max_size=20),
    st.lists(st.integers(0, 99)),
)
def test_talk_between_samples_cut_anywhere_changes_nothing(words, places):
    data = "".join(word + "\n" for word in words).encode()
    assert rows(fed(LineDecoder(), TX, cut(data, places))) == rows(fed(LineDecoder(), TX, [data]))


@given(st.binary(max_size=700), st.lists(st.integers(0, 700)))
def test_no_bytes_give_more_samples_than_they_hold(data, places):
    found = rows(fed(LineDecoder(), TX, cut(data, places)))
    assert sum(map(len, found)) <= (len(data) + 1) // 2


def test_a_line_without_its_end_says_nothing():
    decoder = LineDecoder()
    assert rows(decoder.feed(TX, b"12\n345")) == [[12]]
    assert decoder.feed(TX, b"") == []
    assert rows(decoder.feed(TX, b"6\n")) == [[3456]]


def test_a_line_that_never_ends_is_refused_once_and_not_kept():
    decoder = LineDecoder()
    for _ in range(12):
        assert decoder.feed(TX, b"1,2," * 5) == []
    with pytest.raises(FrameError, match="more than 256"):
        decoder.feed(TX, b"1,2," * 5)
    for _ in range(100):
        assert decoder.feed(TX, b"1,2," * 5) == []
    assert rows(decoder.feed(TX, b"3\n44\n")) == [[44]]  # the 3 is the end of the long line


def test_a_long_line_is_refused_in_one_piece_too():
    for length in (LINE_BYTES, LINE_BYTES + 1):
        line = b"1" + b" " * (length - 1) + b"\n"
        decoder = LineDecoder()
        if length <= LINE_BYTES:
            assert rows(decoder.feed(TX, line)) == [[1]]
        else:
            with pytest.raises(FrameError, match="at most 256"):
                decoder.feed(TX, line)
            assert rows(decoder.feed(TX, b"2\n")) == [[2]]

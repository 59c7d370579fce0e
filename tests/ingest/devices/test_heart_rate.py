"""The Heart Rate Measurement there and back, and everything a frame may not be."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import Numbers
from ingest.devices.heart_rate import DRIVER, MEASUREMENT, parse_measurement
from ingest.devices.plain import BATTERY_LEVEL
from ingest.errors import FrameError


def encode(rate, rr=(), contact=None, energy=None, wide=False):
    flags = wide | {None: 0, False: 0b100, True: 0b110}[contact] | (energy is not None) << 3 | bool(rr) << 4
    frame = struct.pack("<BH" if wide else "<BB", flags, rate)
    if energy is not None:
        frame += struct.pack("<H", energy)
    return frame + struct.pack(f"<{len(rr)}H", *rr)


WORDS = st.integers(0, 65535)


@given(
    st.integers(0, 255),
    st.lists(WORDS, max_size=9),
    st.sampled_from((None, False, True)),
    st.none() | WORDS,
    st.booleans(),
)
def test_what_was_encoded_is_read(rate, rr, contact, energy, wide):
    rate += 300 if wide else 0
    said = parse_measurement(encode(rate, rr, contact, energy, wide))
    assert said == Numbers(heart_rate_bpm=rate, rr_ms=tuple(1000 * one / 1024 for one in rr), contact=contact)


def test_intervals_are_in_units_of_a_1024th_of_a_second_oldest_first():
    assert parse_measurement(encode(60, rr=(1024, 512, 1))).rr_ms == (1000.0, 500.0, 0.9765625)


def test_a_rate_of_zero_is_given_on_as_sent():
    assert parse_measurement(bytes.fromhex("0400")) == Numbers(heart_rate_bpm=0.0, contact=False)


def test_bytes_behind_a_reserved_flag_are_ignored():
    assert parse_measurement(bytes.fromhex("2055aabb")) == Numbers(heart_rate_bpm=85.0)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("", "its flags promise 2"),
        ("00", "its flags promise 2"),
        ("0155", "its flags promise 3"),
        ("085500", "its flags promise 4"),
        ("1055", "no RR intervals"),
        ("10550004ff", "no RR intervals"),
        ("005500", "do not promise"),
        ("0855000000", "do not promise"),
    ],
)
def test_a_frame_that_its_flags_do_not_describe_is_refused(frame, why):
    with pytest.raises(FrameError, match=why):
        parse_measurement(bytes.fromhex(frame))


@pytest.mark.parametrize(("frame", "percent"), [("00", 0.0), ("55", 85.0), ("64", 100.0)])
def test_the_battery_level_is_read(frame, percent):
    assert DRIVER.decoder().feed(BATTERY_LEVEL, bytes.fromhex(frame)) == [Numbers(battery_percent=percent)]


@pytest.mark.parametrize("frame", ["", "65", "6400"])
def test_what_is_no_battery_level_is_refused(frame):
    with pytest.raises(FrameError, match="battery level"):
        DRIVER.decoder().feed(BATTERY_LEVEL, bytes.fromhex(frame))


def test_other_characteristics_say_nothing():
    assert DRIVER.decoder().feed(MEASUREMENT.replace("2a37", "2a38"), b"\x01") == []

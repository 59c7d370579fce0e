"""Nonin frames there and back."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import Advert, Facts, Numbers
from ingest.devices.nonin import DRIVER, OXIMETRY, SAMPLES, WAVEFORM, parse_oximetry, parse_waveform
from ingest.errors import FrameError


def waveform(samples, counter):
    return struct.pack(f">B{SAMPLES}HH", 53, *samples, counter)


def oximetry(spo2=97, rate=60, status=0x14, battery=29, more=b""):
    return struct.pack(">BBBHHBH", 10 + len(more), status, battery, 512, 7, spo2, rate) + more


WORDS = st.integers(0, 65535)


@given(st.lists(WORDS, min_size=SAMPLES, max_size=SAMPLES), WORDS)
def test_what_was_encoded_is_read(samples, counter):
    block = parse_waveform(waveform(samples, counter))
    assert block.values[:, 0].tolist() == samples
    assert (block.counter, block.channels, block.values.shape) == (counter, ("ppg",), (SAMPLES, 1))


@given(st.binary(max_size=60))
def test_only_53_bytes_that_say_so_are_a_waveform(frame):
    if len(frame) == 53 and frame[0] == 53:
        assert parse_waveform(frame).values.shape == (SAMPLES, 1)
    else:
        with pytest.raises(FrameError, match="53 were expected"):
            parse_waveform(frame)


def test_the_length_byte_counts():
    good = waveform(range(SAMPLES), 1)
    for bad in (good[:-1], good + b"\x00", b"\x34" + good[1:]):
        with pytest.raises(FrameError, match="53 were expected"):
            parse_waveform(bad)


@given(st.integers(0, 126), st.integers(0, 510), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=5))
def test_the_numbers_are_read(spo2, rate, status, battery, more):
    assert parse_oximetry(oximetry(spo2, rate, status, battery, more)) == [
        Numbers(heart_rate_bpm=rate, spo2_percent=spo2, contact=bool(status & 0x10)),
        Facts({"battery_mv": 100 * battery}),
    ]


def test_what_the_oximeter_marks_as_missing_is_none():
    numbers, _ = parse_oximetry(oximetry(spo2=127, rate=511, status=0))
    assert numbers == Numbers(contact=False)


@pytest.mark.parametrize("frame", [b"", oximetry()[:-1], oximetry() + b"\x00", b"\x09" + oximetry()[1:]])
def test_numbers_of_another_length_are_refused(frame):
    with pytest.raises(FrameError, match="Nonin oximetry"):
        parse_oximetry(frame)


def test_a_model_without_the_waveform_is_still_used():
    assert {WAVEFORM, OXIMETRY} <= set(DRIVER.optional)
    assert DRIVER.min_mtu == 56
    form = DRIVER.streams["ppg"]
    assert (form.counter_modulus, form.samples_per_count, form.polarity) == (65536, 25, 1)


def test_it_is_known_by_name_and_by_service():
    assert DRIVER.matches(Advert("Nonin3230_501234567"))
    assert DRIVER.matches(Advert(None, ("46a970e0-0d5f-11e2-8b5e-0002a5d5c51b",)))

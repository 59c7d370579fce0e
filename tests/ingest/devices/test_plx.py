"""SFLOAT by IEEE 11073 and the two measurements of the Pulse Oximeter Service."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import Numbers
from ingest.devices.plx import CONTINUOUS, DRIVER, SPOT_CHECK, parse_continuous, parse_spot_check, sfloat
from ingest.errors import FrameError


def word(mantissa, exponent=0):
    return (exponent & 0xF) << 12 | mantissa & 0xFFF


@pytest.mark.parametrize(
    ("bits", "value"),
    [
        (0x0061, 97.0),
        (0xF3CF, 97.5),  # exponent -1, mantissa 975
        (0xF2D2, 72.2),
        (0x100A, 100.0),
        (0x8001, 1e-8),
        (0x7001, 1e7),
        (0x0FFF, -1.0),
        (0xFC18, -100.0),  # exponent -1, mantissa -1000
        (0x17FF, 20470.0),  # only without an exponent the largest mantissa is no number
        (0x8062, 9.8e-7),  # the exponent is two's complement and has no bias
        (0x07FF, None),
        (0x0800, None),
        (0x07FE, None),
        (0x0802, None),
        (0x0801, None),
    ],
)
def test_sfloat(bits, value):
    assert sfloat(bits) == (None if value is None else pytest.approx(value, rel=1e-15))


@given(st.integers(-2045, 2045), st.integers(-8, 7))
def test_what_was_encoded_as_sfloat_is_read(mantissa, exponent):
    assert sfloat(word(mantissa, exponent)) == pytest.approx(mantissa * 10.0**exponent, rel=1e-14)


CONTINUOUS_SIZES = {0x01: 4, 0x02: 4, 0x04: 2, 0x08: 3, 0x10: 2}
SPOT_SIZES = {0x01: 7, 0x02: 2, 0x04: 3, 0x08: 2, 0x10: 0}


def measurement(flags, sizes, spo2=97, rate=60):
    rest = sum(size for flag, size in sizes.items() if flags & flag)
    return struct.pack("<BHH", flags, word(spo2), word(rate)) + bytes(rest)


@pytest.mark.parametrize("flags", range(0x20))
def test_the_normal_pair_is_read_behind_any_flags(flags):
    normal = Numbers(heart_rate_bpm=60.0, spo2_percent=97.0)
    assert parse_continuous(measurement(flags, CONTINUOUS_SIZES)) == normal
    assert parse_spot_check(measurement(flags, SPOT_SIZES)) == normal


@pytest.mark.parametrize("flags", range(0x20))
@pytest.mark.parametrize("change", [-1, 1])
def test_another_length_than_the_flags_promise_is_refused(flags, change):
    for parse, sizes in ((parse_continuous, CONTINUOUS_SIZES), (parse_spot_check, SPOT_SIZES)):
        frame = measurement(flags, sizes)
        with pytest.raises(FrameError, match=f"promise {len(frame)}"):
            parse(frame[:-1] if change < 0 else frame + b"\x00")


def test_bytes_behind_a_reserved_flag_are_ignored():
    assert parse_continuous(measurement(0x80, CONTINUOUS_SIZES) + b"\x01\x02").spo2_percent == 97.0


@pytest.mark.parametrize(("device", "contact"), [(0, None), (1 << 11, False), (1 << 15, False), (1 << 3, None)])
def test_a_sensor_off_the_user_is_told(device, contact):
    # the device status comes behind both averages and the measurement status
    frame = struct.pack("<BHH", 0x0F, word(97), word(60)) + bytes(10) + device.to_bytes(3, "little")
    assert parse_continuous(frame).contact is contact
    assert parse_spot_check(struct.pack("<BHH", 0x04, 1, 1) + device.to_bytes(3, "little")).contact is contact


def test_no_frame_is_refused_as_well():
    with pytest.raises(FrameError, match="0 bytes"):
        parse_continuous(b"")


def test_either_measurement_is_enough_of_a_device():
    decoder = DRIVER.decoder()
    spot = bytes.fromhex("11 6200 4800 e807 0c1f 0a1e00")
    assert decoder.feed(SPOT_CHECK, spot) == [Numbers(heart_rate_bpm=72.0, spo2_percent=98.0)]
    assert {CONTINUOUS, SPOT_CHECK} <= set(DRIVER.optional)

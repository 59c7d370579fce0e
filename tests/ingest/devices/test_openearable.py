"""OpenEarable sensor frames there and back, and the rate that is asked for."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import DeviceOptions, Write
from ingest.devices.openearable import CONFIG, DRIVER, RATES_HZ, nearest_rate, parse_sensor
from ingest.errors import FrameError
from tests.ingest.devices.feeding import answered, only

U32 = st.integers(0, 2**32 - 1)


def frame(samples, time_us=1_000_000, period_us=20_008, sensor=4):
    content = b"".join(struct.pack("<4I", *one) for one in samples)
    content += struct.pack("<H", period_us) if len(samples) > 1 else b""
    return struct.pack("<BBQ", sensor, len(content), time_us) + content


@given(st.lists(st.tuples(U32, U32, U32, U32), min_size=1, max_size=15), st.integers(0, 2**53), st.integers(1, 65535))
def test_what_was_encoded_is_read(samples, time_us, period_us):
    block = only(parse_sensor(frame(samples, time_us, period_us)))
    assert block.values.tolist() == [list(one) for one in samples]
    assert block.channels == ("red", "ir", "green", "ambient")
    assert block.first_ns == 1000 * time_us
    assert block.period_ns == (1000 * period_us if len(samples) > 1 else None)


def test_a_single_sample_may_have_two_stale_bytes_behind_it():
    # firmware 5c4fd88 counts the period in the size of every frame and writes it for several samples only
    stale = struct.pack("<BBQ4IH", 4, 18, 5, 1, 2, 3, 4, 0xBEEF)
    block = only(parse_sensor(stale))
    assert (block.values.tolist(), block.period_ns, block.first_ns) == ([[1, 2, 3, 4]], None, 5000)


@pytest.mark.parametrize("sensor", [0, 1, 2, 5, 6, 7, 255])
def test_other_sensors_say_nothing(sensor):
    assert parse_sensor(frame([(1, 2, 3, 4)], sensor=sensor)) == []
    assert parse_sensor(bytes((sensor,))) == []


GOOD = frame([(1, 2, 3, 4), (5, 6, 7, 8)])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"", "promises 10"),
        (b"\x04", "promises 10"),
        (GOOD[:-1], "MTU"),
        (GOOD + b"\x00", "promises 44"),
        (struct.pack("<BBQ", 4, 0, 1), "no samples"),
        (struct.pack("<BBQ", 4, 32, 1) + bytes(32), "no samples"),  # two samples, no period
        (struct.pack("<BBQ", 4, 17, 1) + bytes(17), "no samples"),
        (struct.pack("<BBQ", 4, 2, 1) + bytes(2), "no samples"),
        (frame([(1, 2, 3, 4)] * 2, period_us=0), "no time between"),
        (frame([(1, 2, 3, 4)], time_us=2**64 - 1), "no time since"),
    ],
)
def test_what_is_no_frame_is_refused(bad, why):
    with pytest.raises(FrameError, match=why):
        parse_sensor(bad)


@pytest.mark.parametrize(
    ("wish_hz", "index"),
    [(None, 1), (25, 0), (50, 1), (55, 1), (100, 3), (176, 4), (1, 7), (8, 7), (128, 10), (9999, 12)],
)
def test_the_nearest_rate_that_can_be_sent_is_chosen(wish_hz, index):
    assert nearest_rate(wish_hz) == index
    asked, started = answered(DRIVER.start(DeviceOptions(fs_hz=wish_hz)))
    assert asked == [Write(CONFIG, bytes((4, index, 1)))]
    assert started.fs_hz == {"ppg": RATES_HZ[index]}


def test_stop_takes_the_stream_flag_away():
    asked, _ = answered(DRIVER.stop())
    assert [(one.characteristic, one.data[0], one.data[2]) for one in asked] == [(CONFIG, 4, 0)]


def test_the_largest_frame_fits_the_smallest_link():
    assert DRIVER.min_mtu == 3 + len(GOOD)

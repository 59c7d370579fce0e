"""Muse light there and back, joined, and what it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import Advert, DeviceOptions, Write
from ingest.devices.join import ChannelJoin
from ingest.devices.muse import CHANNEL_OF, CONTROL, DRIVER, command, parse_light
from ingest.errors import FrameError
from tests.ingest.devices.feeding import answered, only

U24 = st.lists(st.integers(0, 2**24 - 1), min_size=6, max_size=6)


def frame(samples, counter):
    return counter.to_bytes(2, "big") + b"".join(one.to_bytes(3, "big") for one in samples)


@given(U24, st.integers(0, 65535), st.sampled_from(sorted(CHANNEL_OF)))
def test_what_was_encoded_is_read(samples, counter, characteristic):
    block = only(DRIVER.decoder().feed(characteristic, frame(samples, counter)))
    assert block.values[:, 0].tolist() == samples
    assert (block.counter, block.channels) == (counter, (CHANNEL_OF[characteristic],))


@given(st.binary(max_size=40))
def test_only_twenty_bytes_are_a_frame(data):
    if len(data) != 20:
        with pytest.raises(FrameError, match="20 were expected"):
            parse_light("ir", data)
    else:
        assert parse_light("ir", data).values.shape == (6, 1)


def test_the_main_characteristic_is_infrared():
    assert CHANNEL_OF[DRIVER.main] == "ir"
    assert DRIVER.streams["ppg"].channels == ("ir", "red", "ambient")


def test_three_characteristics_become_one_block():
    decoder, join = DRIVER.decoder(), ChannelJoin(DRIVER.streams["ppg"])
    out = []
    for characteristic, base in zip(CHANNEL_OF, (100, 200, 300), strict=True):
        out += join.push(only(decoder.feed(characteristic, frame(range(base, base + 6), 65535))))
    assert only(out).values.tolist() == [[100 + i, 200 + i, 300 + i] for i in range(6)]


def test_commands_carry_their_length():
    assert command("d") == b"\x02d\n"
    assert command("p50") == b"\x04p50\n"


def test_a_preset_with_light_is_chosen_before_it_streams():
    asked, started = answered(DRIVER.start(DeviceOptions(fs_hz=128.0)))
    assert asked == [Write(CONTROL, b"\x04p50\n"), Write(CONTROL, b"\x02d\n")]
    assert started.fs_hz == {"ppg": 64.0}
    assert answered(DRIVER.stop())[0] == [Write(CONTROL, b"\x02h\n")]


def test_it_is_known_by_name_and_by_service():
    assert DRIVER.matches(Advert("Muse-1A2B"))
    assert DRIVER.matches(Advert(None, ("0000fe8d-0000-1000-8000-00805f9b34fb",)))
    assert not DRIVER.matches(Advert("Museum guide"))

"""What a Bangle.js is told: in which order, and in pieces that fit."""

import pytest

from ingest.devices.bangle import DRIVER, start_script
from ingest.devices.driver import Advert, DeviceOptions, Write
from ingest.devices.nus import RX, TX
from tests.ingest.devices.feeding import answered, only


def written(steps):
    asked, started = answered(steps)
    assert all(isinstance(one, Write) and one.characteristic == RX and 0 < len(one.data) <= 20 for one in asked)
    return b"".join(one.data for one in asked).decode("ascii"), started


@pytest.mark.parametrize(("wish_hz", "poll_ms"), [(None, 20), (50, 20), (100, 20), (25, 40), (10, 40)])
def test_the_rate_is_set_before_the_power(wish_hz, poll_ms):
    script, started = written(DRIVER.start(DeviceOptions(fs_hz=wish_hz)))
    assert script == start_script(poll_ms)
    interval, power = script.index(f"hrmPollInterval:{poll_ms}"), script.index("setHRMPower(1")
    assert interval < power < script.index("hrmGreenAdjust:false")
    assert started.fs_hz == {"ppg": 1000 / poll_ms}


def test_every_line_keeps_the_prompt_silent():
    script = start_script(20)
    assert script.startswith("\x03\x10")
    assert script.endswith("\n")
    assert all(line.lstrip("\x03").startswith("\x10") for line in script.splitlines())


def test_it_takes_back_what_an_earlier_start_left():
    assert "p2es.off()" in start_script(20).splitlines()[0]
    script, _ = written(DRIVER.stop())
    assert script == start_script(20).splitlines()[0] + "\n"


def test_what_it_prints_is_read():
    block = only(DRIVER.decoder().feed(TX, b"t:1681353316941.8 ppg:1751\r\n"))
    assert (block.channels, block.first_ns) == (DRIVER.streams["ppg"].channels, 1_681_353_316_941_800_000)


def test_it_is_known_by_its_name_only():
    assert DRIVER.matches(Advert("Bangle.js 1a2b"))
    assert not DRIVER.matches(Advert("BerryMed"))
    assert not DRIVER.matches(Advert("Puck.js 1a2b", ("6e400001-b5a3-f393-e0a9-e50e24dcca9e",)))

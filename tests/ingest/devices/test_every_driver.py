"""What holds for every driver, and the vectors of all of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.devices.driver import PPG, Block, DeviceOptions, Facts, Numbers, Stopped
from ingest.devices.registry import DRIVERS, driver_named
from ingest.errors import FrameError
from tests.ingest.devices.feeding import answered, fed

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "ble" / "vectors.json").read_text())["vectors"]
GOOD = [one for one in VECTORS if "error" not in one["expected"]]

every_driver = pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["id"])
every_good_vector = pytest.mark.parametrize("vector", GOOD, ids=lambda one: one["id"])


def meaning(items):
    """Items in the words of the vectors."""
    said = {}
    for item in items:
        if isinstance(item, Block):
            said |= {"channels": list(item.channels), "samples": item.values.tolist()}
            for name in ("counter", "first_ns", "period_ns"):
                if getattr(item, name) is not None:
                    said[name] = getattr(item, name)
            if item.valid is not None:
                said["valid"] = item.valid.tolist()
        if isinstance(item, Numbers):
            for name in ("heart_rate_bpm", "spo2_percent", "battery_percent", "contact"):
                if getattr(item, name) is not None:
                    said[name] = getattr(item, name)
            if item.rr_ms:
                said["rr_1024"] = [one * 1.024 for one in item.rr_ms]
    return said


@every_vector
def test_a_vector_means_exactly_what_its_source_says(vector):
    decoder = driver_named(vector["driver"]).decoder()
    frame = bytes.fromhex(vector["frame_hex"])
    if vector["expected"].get("error"):
        with pytest.raises(FrameError, match=vector["frame_hex"]):
            decoder.feed(vector["characteristic"], frame)
        return
    said = meaning(decoder.feed(vector["characteristic"], frame))
    if "channels" not in vector["expected"]:
        said.pop("channels", None)
    assert said == vector["expected"]


@every_vector
def test_every_vector_names_a_licence_that_allows_it_here(vector):
    assert vector["licence"] in ("BSD-3-Clause", "MIT") or "own work" in vector["licence"]
    assert vector["source"]


@every_good_vector
def test_a_frame_cut_short_gives_no_sample_that_was_not_there(vector):
    frame, driver = bytes.fromhex(vector["frame_hex"]), driver_named(vector["driver"])
    for length in range(len(frame)):
        said = meaning(fed(driver.decoder(), vector["characteristic"], [frame[:length]]))
        assert "samples" not in said
        if "rr_1024" in said:  # a list without a length: a shorter one is one too
            assert vector["expected"]["rr_1024"][: len(said["rr_1024"])] == said.pop("rr_1024")
            assert said.items() <= vector["expected"].items()
        else:
            assert said == {}


@every_good_vector
def test_a_good_frame_is_read_after_a_bad_one(vector):
    frame, decoder = bytes.fromhex(vector["frame_hex"]), driver_named(vector["driver"]).decoder()
    fed(decoder, vector["characteristic"], [frame[:3], frame + b"\x00"])
    last = fed(decoder, vector["characteristic"], [frame])
    assert meaning(last) | vector["expected"] == meaning(last)


@every_driver
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_any_bytes_give_items_or_a_frame_error(driver, data):
    decoder = driver.decoder()
    names = st.sampled_from((*driver.notify, "0000ffff-0000-1000-8000-00805f9b34fb"))
    known = [(v["characteristic"], bytes.fromhex(v["frame_hex"])) for v in VECTORS if v["driver"] == driver.name]
    frames = st.tuples(names, st.binary(max_size=70)) | st.sampled_from(known or [(driver.main, b"1\n")])
    for characteristic, frame in data.draw(st.lists(frames, max_size=12)):
        try:
            items = decoder.feed(characteristic, frame)
        except FrameError:
            continue
        for item in items:
            assert isinstance(item, Block | Numbers | Facts | Stopped)
            if isinstance(item, Block):
                assert item.values.dtype == np.int64
                assert item.values.shape == (len(item.values), len(item.channels))
                assert len(item.values) > 0
                assert item.valid is None or (item.valid.shape, item.valid.dtype) == ((len(item.values),), bool)
                assert item.stream in driver.streams


@every_driver
def test_a_driver_is_whole(driver):
    assert DRIVERS[driver.name] is driver
    assert driver.title
    assert driver.source
    assert driver.main in driver.notify
    assert set(driver.optional) <= set(driver.notify)
    assert all(uuid == uuid.lower() and len(uuid) == 36 for uuid in driver.notify)
    assert driver.frame_s > 0
    assert driver.min_mtu >= 23
    for form in driver.streams.values():
        assert 0 <= form.primary < len(form.channels)
        assert form.polarity in (-1, 1)
        assert "ambient" not in form.channels[:-1]


@pytest.mark.parametrize("name", [name for name in DRIVERS if name != "polar"])
def test_start_and_stop_come_to_an_end_without_answers(name):
    driver = DRIVERS[name]
    _, started = answered(driver.start(DeviceOptions()))
    assert set(started.fs_hz) <= set(driver.streams)
    if name != "nus" and PPG in driver.streams:  # what such a board sends only its sketch knows
        assert started.fs_hz[PPG] == pytest.approx(driver.streams[PPG].fs_hz)
    _, stopped = answered(driver.stop())
    assert stopped.fs_hz == {}

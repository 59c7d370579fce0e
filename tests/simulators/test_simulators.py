"""Every simulated device against its driver, without Bluetooth: found, started, read, stopped."""

import numpy as np
import pytest

from deploy.wearable.simulator import Frame, Simulator
from ingest.devices.driver import Advert, Block, DeviceOptions, Numbers, Read, Started, Steps, Write
from ingest.devices.registry import DRIVERS, driver_for
from tests.simulators.berrymed import BerryMed
from tests.simulators.catalogue import SIMULATORS
from tests.simulators.heart_rate import HeartRate
from tests.simulators.muse import LIGHTS
from tests.simulators.nonin import Nonin
from tests.simulators.nus import Board
from tests.simulators.openearable import OpenEarable
from tests.simulators.plx import Plx

START_NS = 1_767_225_600_000_000_000
WAVEFORMS = sorted(name for name, driver in DRIVERS.items() if "ppg" in driver.streams)


def run(steps: Steps, device: Simulator, now_ns: int = START_NS) -> Started:
    """Ask the device what the driver wants to know."""
    waiting: list[Frame] = []
    answer: bytes | None = None
    while True:
        try:
            ask = next(steps) if answer is None else steps.send(answer)
        except StopIteration as end:
            return end.value
        if isinstance(ask, Read):
            answer = device.read(ask.characteristic)
            continue
        if isinstance(ask, Write):
            waiting = device.on_write(ask.characteristic, ask.data, now_ns)
            if ask.answered_by is None:
                answer = b""
                continue
        answer = waiting.pop(0).data


def heard(device: Simulator, seconds: float, from_ns: int = START_NS) -> list[Frame]:
    """All that becomes due, asked for every 10 ms."""
    ticks = range(from_ns, from_ns + round(seconds * 1e9), 10_000_000)
    return [frame for now_ns in ticks for frame in device.due_frames(now_ns)]


def read(name: str, frames: list[Frame]) -> list[tuple[Frame, object]]:
    decoder = DRIVERS[name].decoder()
    return [(frame, item) for frame in frames for item in decoder.feed(frame.characteristic, frame.data)]


def truth(frames: list[Frame], stream: str = "ppg") -> np.ndarray:
    return np.concatenate([frame.values for frame in frames if frame.stream == stream])


def test_every_driver_has_a_simulated_device():
    assert SIMULATORS.keys() == DRIVERS.keys()


@pytest.mark.parametrize("name", SIMULATORS)
def test_it_is_found_by_what_it_advertises_and_has_what_the_driver_subscribes_to(name):
    device, driver = SIMULATORS[name](START_NS), DRIVERS[name]
    assert driver_for(Advert(device.name, device.advertised)) is driver
    has = {uuid: flags for service in device.services.values() for uuid, flags in service.items()}
    assert driver.main in has
    for uuid in driver.notify:
        assert uuid in driver.optional or {"notify", "indicate"} & set(has[uuid])
    assert device.mtu >= driver.min_mtu


@pytest.mark.parametrize("name", WAVEFORMS)
def test_its_samples_are_read_as_they_were_measured(name):
    device = SIMULATORS[name](START_NS)
    run(DRIVERS[name].start(DeviceOptions(motion=False)), device)
    frames = heard(device, 10)
    blocks = [item for _, item in read(name, frames) if isinstance(item, Block)]
    for stream in LIGHTS if name == "muse" else ["ppg"]:
        values = [one.values for one in blocks if name != "muse" or one.channels == (stream,)]
        assert np.array_equal(np.concatenate(values), truth(frames, stream))
        rate_hz = DRIVERS[name].streams["ppg"].fs_hz
        assert sum(map(len, values)) == pytest.approx(10 * rate_hz, abs=0.06 * 10 * rate_hz)
    assert max(len(frame.data) for frame in frames) <= device.payload


@pytest.mark.parametrize("name", WAVEFORMS)
def test_it_stops_when_it_is_asked_to(name):
    device = SIMULATORS[name](START_NS)
    run(DRIVERS[name].start(DeviceOptions(motion=False)), device)
    run(DRIVERS[name].stop(), device)
    asked = name not in ("nonin", "berrymed", "nus")  # these stream as long as somebody is subscribed
    assert any(frame.stream for frame in heard(device, 3)) is not asked


@pytest.mark.parametrize("name", WAVEFORMS)
def test_its_quartz_may_be_fast(name):
    device = SIMULATORS[name](START_NS, ppm=100.0)
    run(DRIVERS[name].start(DeviceOptions(motion=False)), device)
    true_ns = np.concatenate([frame.true_ns for frame in heard(device, 20) if frame.stream in ("ppg", "ir")])
    plain = SIMULATORS[name](START_NS)
    run(DRIVERS[name].start(DeviceOptions(motion=False)), plain)
    plain_ns = np.concatenate([frame.true_ns for frame in heard(plain, 20) if frame.stream in ("ppg", "ir")])
    n = min(len(true_ns), len(plain_ns))
    ratio = (plain_ns[n - 1] - plain_ns[0]) / (true_ns[n - 1] - true_ns[0])
    assert ratio - 1 == pytest.approx(100e-6, rel=1e-3)


@pytest.mark.parametrize("name", ["nonin", "muse"])
def test_its_numbers_count_frames_that_nobody_heard_and_wrap(name):
    device = SIMULATORS[name](START_NS, counter=0xFFFE)
    run(DRIVERS[name].start(DeviceOptions()), device)
    blocks = [item for _, item in read(name, heard(device, 2)) if isinstance(item, Block)]
    counts = list(dict.fromkeys(one.counter for one in blocks))
    assert counts[:4] == [0xFFFE, 0xFFFF, 0, 1]


@pytest.mark.parametrize("chunk", [5, 7, 19, 20, 33])
def test_bci_packets_may_be_cut_anywhere(chunk):
    frames = heard(BerryMed(START_NS, chunk=chunk, pulse=200), 3)
    items = [item for _, item in read("berrymed", frames)]
    blocks = [item for item in items if isinstance(item, Block)]
    assert np.array_equal(np.concatenate([one.values for one in blocks]), truth(frames))
    assert Numbers(heart_rate_bpm=200.0, spo2_percent=97.0, contact=True) in items


def test_without_a_finger_bci_is_not_valid():
    device = BerryMed(START_NS)
    device.has_finger = False
    items = [item for _, item in read("berrymed", heard(device, 1))]
    assert all(item.valid is not None and not item.valid.any() for item in items if isinstance(item, Block))


@pytest.mark.parametrize("wide", [False, True])
def test_heart_rates_and_intervals_are_read(wide):
    frames = heard(HeartRate(START_NS, wide=wide), 30)
    numbers = [item for _, item in read("heart_rate", frames) if isinstance(item, Numbers)]
    assert [one.heart_rate_bpm for one in numbers] == [float(frame.values[0, 0]) for frame in frames]
    assert all(one.rr_ms[0] == pytest.approx(60_000 / (one.heart_rate_bpm or 0), abs=1) for one in numbers)


def test_oximeter_numbers_are_read_and_absent_when_it_is_not_worn():
    device = Plx(START_NS)
    for frame, item in read("plx", heard(device, 20)):
        assert isinstance(item, Numbers)
        assert (item.spo2_percent, item.heart_rate_bpm) == (frame.values[0, 0] / 10, frame.values[0, 1])
    device.is_worn = False
    after = heard(device, 3, START_NS + 20_000_000_000)
    assert {item for _, item in read("plx", after)} == {Numbers(contact=False)}


def test_nonin_tells_its_numbers_once_a_second():
    items = [item for _, item in read("nonin", heard(Nonin(START_NS, pulse=150, spo2=91), 9))]
    numbers = [item for item in items if isinstance(item, Numbers)]
    assert numbers == [Numbers(heart_rate_bpm=150.0, spo2_percent=91.0, contact=True)] * 9


@pytest.mark.parametrize("size", [1, 2, 5])
def test_openearable_stamps_the_first_sample_with_its_uptime(size):
    device = OpenEarable(START_NS, uptime_s=7.0, size=size, ppm=50.0)
    run(DRIVERS["openearable"].start(DeviceOptions(fs_hz=100.0)), device)
    for frame, item in read("openearable", heard(device, 3)):
        assert isinstance(item, Block)
        assert item.first_ns is not None
        passed = int(frame.true_ns[0]) - START_NS
        assert item.first_ns == pytest.approx(7e9 + passed * 1.00005, abs=1000)
        assert len(item.values) == size


@pytest.mark.parametrize("has_time", [False, True])
@pytest.mark.parametrize("chunk", [3, 20, 200])
def test_printed_lines_may_be_cut_anywhere(has_time, chunk):
    frames = heard(Board(START_NS, has_time=has_time, chunk=chunk), 3)
    blocks = [(frame, item) for frame, item in read("nus", frames) if isinstance(item, Block)]
    assert np.array_equal(np.concatenate([item.values for _, item in blocks]), truth(frames))
    if has_time:
        times = np.array([item.first_ns for _, item in blocks])
        assert np.abs(times - (np.concatenate([frame.true_ns for frame in frames]) - START_NS)).max() <= 50_000

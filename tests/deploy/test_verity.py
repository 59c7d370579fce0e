"""The simulated Verity Sense against the driver, without Bluetooth: they share no code, so they check each other."""

from pathlib import Path

import numpy as np
import pytest

from deploy.wearable.light import pulse_light
from deploy.wearable.simulator import Frame
from deploy.wearable.verity import BATTERY_LEVEL, HEART_RATE, PMD_CONTROL, PMD_DATA, Verity
from ingest.devices.driver import Block, DeviceOptions, Numbers, Read, Started, Steps, Stopped, Write
from ingest.devices.polar import DRIVER
from ingest.errors import DeviceRefused

START_NS = 1_767_225_600_000_000_000
RECORDING = Path(__file__).parents[2] / "deploy" / "recordings" / "polar-sense-3min.txt"


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    return np.loadtxt(RECORDING, dtype=np.int64, delimiter=";", skiprows=1, usecols=(2, 3, 4, 5))


def run(steps: Steps, band: Verity, now_ns: int = START_NS) -> Started:
    """Ask the band what the driver wants to know."""
    waiting: list[Frame] = []
    answer: bytes | None = None
    while True:
        try:
            ask = next(steps) if answer is None else steps.send(answer)
        except StopIteration as end:
            return end.value
        if isinstance(ask, Read):
            answer = band.read(ask.characteristic)
            continue
        if isinstance(ask, Write):
            waiting = band.on_write(ask.characteristic, ask.data, now_ns)
        answer = waiting.pop(0).data


def heard(band: Verity, seconds: float, from_ns: int = START_NS) -> list[Frame]:
    """All that becomes due, asked for every 10 ms."""
    ticks = range(from_ns, from_ns + round(seconds * 1e9), 10_000_000)
    return [frame for now_ns in ticks for frame in band.due_frames(now_ns)]


def test_the_driver_starts_it_and_reads_what_was_before_the_sensor(light):
    band = Verity(light, START_NS)
    started = run(DRIVER.start(DeviceOptions()), band)
    assert started.fs_hz == {"ppg": 55.0, "motion": 52.0}
    frames = heard(band, 20)
    decoder, at = DRIVER.decoder(), {"ppg": 0, "motion": 0}
    for frame in frames:
        for item in decoder.feed(frame.characteristic, frame.data):
            if isinstance(item, Block):
                assert item.stream == frame.stream
                assert np.array_equal(item.values, frame.values)
                at[item.stream] += len(item.values)
    light_frames = [frame for frame in frames if frame.stream == "ppg"]
    # sample 0 was taken before the start was asked for
    assert np.array_equal(np.concatenate([frame.values for frame in light_frames]), light[1 : at["ppg"] + 1])
    assert max(len(frame.data) for frame in light_frames) <= 229
    assert 20 * 54.75 - 42 < at["ppg"] <= 20 * 54.75
    assert 20 * 52 - 36 < at["motion"] <= 20 * 52


def test_stamps_are_its_own_clock_s_and_true_times_are_true(light):
    band = Verity(light, START_NS, epoch_offset_s=-3600.0, ppm=40.0)
    run(DRIVER.start(DeviceOptions(motion=False)), band)
    frames = [frame for frame in heard(band, 30) if frame.stream]
    stamps = np.array([int.from_bytes(frame.data[1:9], "little") for frame in frames])
    truth = np.array([frame.true_ns[-1] for frame in frames])
    behind = stamps + 946_684_800_000_000_000 - truth
    assert behind[0] == pytest.approx(-3600e9, abs=1e6)
    slope = np.polyfit(truth - truth[0], behind, 1)[0]
    assert slope == pytest.approx(40e-6, abs=1e-9)
    period_ns = np.diff(np.concatenate([frame.true_ns for frame in frames]))
    assert period_ns.mean() == pytest.approx(1e9 / (54.75 * 1.00004), rel=1e-9)
    assert np.ptp(period_ns) <= 1


def test_it_measures_on_while_nobody_listens(light):
    band = Verity(light, START_NS)
    run(DRIVER.start(DeviceOptions(motion=False)), band)
    band.disconnected()
    assert [frame for frame in heard(band, 5) if frame.stream] == []
    later_ns = START_NS + 5_000_000_000
    run(DRIVER.start(DeviceOptions(motion=False)), band, later_ns)
    frame = next(frame for frame in heard(band, 2, later_ns) if frame.stream)
    first = round((frame.true_ns[0] - START_NS) * 54.75e-9)
    assert first == 274
    assert np.array_equal(frame.values, light[first : first + 42])


def test_streams_that_outlive_the_link_are_stopped_and_started(light):
    band = Verity(light, START_NS, keeps_streaming=True)
    run(DRIVER.start(DeviceOptions()), band)
    band.disconnected()
    assert band.on_write(PMD_CONTROL, bytes.fromhex("02010001370001011600040104"), START_NS)[0].data[3] == 6
    assert run(DRIVER.start(DeviceOptions()), band).fs_hz == {"ppg": 55.0, "motion": 52.0}


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_other_rates_in_sdk_mode_at_the_price_of_the_heart_rate(light, parts):
    band = Verity(light, START_NS, settings_parts=parts)
    wish = DeviceOptions(fs_hz=176.0, motion=False, sdk_mode=True)
    assert run(DRIVER.start(wish), band).fs_hz == {"ppg": 176.0}
    frames = heard(band, 5)
    assert {frame.stream for frame in frames} == {"ppg"}
    assert sum(len(frame.values) for frame in frames) == pytest.approx(5 * 176 * 54.75 / 55, abs=42)


def test_a_smaller_link_gets_smaller_frames_and_the_smallest_gets_cut_ones(light):
    band = Verity(light, START_NS)
    band.connected(100)
    run(DRIVER.start(DeviceOptions(motion=False)), band)
    small = [frame for frame in heard(band, 10) if frame.stream]
    assert max(len(frame.data) for frame in small) <= 100
    assert np.array_equal(np.concatenate([frame.values for frame in small]), light[1 : 1 + sum(map(_count, small))])
    band.connected(20)
    assert min(len(frame.data) for frame in heard(band, 5, START_NS + 10**10) if frame.stream) > 100


def test_it_tells_heart_rate_and_battery(light):
    band = Verity(light, START_NS, heart_bpm=75.0, battery_percent=33)
    beats = [frame for frame in heard(band, 10) if frame.characteristic == HEART_RATE]
    assert len(beats) == 10
    decoder = DRIVER.decoder()
    assert decoder.feed(HEART_RATE, beats[0].data) == [Numbers(75.0, rr_ms=(819 / 1.024,), contact=True)]
    assert decoder.feed(BATTERY_LEVEL, band.read(BATTERY_LEVEL)) == [Numbers(battery_percent=33.0)]


def test_it_can_stop_by_itself_and_refuse_on_the_charger(light):
    band = Verity(light, START_NS)
    run(DRIVER.start(DeviceOptions()), band)
    (told,) = band.stop_by_itself()
    assert [type(item) for item in DRIVER.decoder().feed(told.characteristic, told.data)] == [Stopped]
    assert [frame for frame in heard(band, 3) if frame.stream] == []
    band.control.in_charger = True
    with pytest.raises(DeviceRefused, match="DEVICE_IN_CHARGER"):
        run(DRIVER.start(DeviceOptions()), band)


def test_a_reboot_sets_its_clock_back(light):
    band = Verity(light, START_NS)
    band.reboot(START_NS)
    run(DRIVER.start(DeviceOptions(motion=False)), band)
    frame = next(frame for frame in heard(band, 2) if frame.stream)
    stamp_ns = int.from_bytes(frame.data[1:9], "little")
    assert stamp_ns - 599_616_000_000_000_000 == frame.true_ns[-1] - START_NS


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("", 1), ("07", 1), ("0119", 2), ("0100", 3), ("0181", 3),
        ("020100013700", 5), ("02010001380001011600040104", 8), ("02010001370001011800040104", 7),
        ("02010001370001011600040102", 11), ("0201000137", 4), ("0301", 6), ("0309", 6),
        ("020200013400010110000201040004 0103", 9),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(light, command, status):
    band = Verity(light, START_NS)
    (answer,) = band.on_write(PMD_CONTROL, bytes.fromhex(command), START_NS)
    assert answer.data[0] == 0xF0
    assert answer.data[3] == status


def test_sdk_mode_is_refused_while_something_streams(light):
    band = Verity(light, START_NS)
    run(DRIVER.start(DeviceOptions()), band)
    assert band.on_write(PMD_CONTROL, b"\x02\x09", START_NS)[0].data == b"\xf0\x02\x09\x0c"


def test_light_made_from_a_seed_is_the_same_again_and_beats():
    light = pulse_light(30, bpm=60.0, seed=3)
    assert np.array_equal(light, pulse_light(30, bpm=60.0, seed=3))
    assert light.shape == (round(30 * 54.75), 4)
    spectrum = np.abs(np.fft.rfft(light[:, 0] - light[:, 0].mean()))
    hz = np.fft.rfftfreq(len(light), 1 / 54.75)
    assert hz[np.argmax(spectrum * (hz > 0.5))] == pytest.approx(1.0, abs=0.1)


def _count(frame: Frame) -> int:
    return len(frame.values) if frame.characteristic == PMD_DATA else 0

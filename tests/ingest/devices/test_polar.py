"""The Polar driver against a sensor that answers from a script: what is asked, in which order, what is made of it."""

from collections import deque

import pytest

from ingest.devices.driver import MOTION, PPG, Advert, Await, Block, DeviceOptions, Facts, Numbers, Read, Stopped, Write
from ingest.devices.heart_rate import MEASUREMENT
from ingest.devices.plain import BATTERY_LEVEL
from ingest.devices.polar import CONTROL, DATA, DRIVER, SERVICE
from ingest.errors import DeviceRefused, FrameError
from ingest.recordings.polar_format import ARM_DELAY_S

FEATURES = "0f6e02" + "00" * 14  # PPG, ACC, PPI, gyroscope, magnetometer, SDK mode
OH1_FEATURES = "0f0e00" + "00" * 14
START_PPG = "02 01 00 01 37 00 01 01 16 00 04 01 04"  # 55 Hz, 22 bit, 4 channels
START_ACC = "02 02 00 01 34 00 01 01 10 00 02 01 08 00 04 01 03"  # 52 Hz, 16 bit, 8 g, 3 channels
VERITY = {
    "06": ["f0 06 00 00 00 00"],
    "01 01": ["f0 01 01 00 00 0001 3700 0101 1600 0401 04"],
    "01 02": ["f0 01 02 00 00 0001 3400 0101 1000 0201 0800 0401 03"],
    START_PPG: ["f0 02 01 00 00 0501 0000803f"],
    START_ACC: ["f0 02 02 00 00 0501 40da7f39"],  # 0.000244 as float32
    "03 01": ["f0 03 01 00 00"],
    "03 02": ["f0 03 02 00 00"],
}
WITHOUT_MOTION = DeviceOptions(motion=False)


class Sensor:
    """Drives the steps. script: to each command its answers; the next answer of a list goes to the next asking, the
    last one stays. Several notifications for one asking are separated by "|"."""

    def __init__(self, script, features=FEATURES, first=()):
        self.script = {bytes.fromhex(asked): deque(answers) for asked, answers in script.items()}
        self.features = bytes.fromhex(features)
        self.notified = deque(bytes.fromhex(one) for one in first)
        self.asked = []

    def answer(self, ask):
        if isinstance(ask, Read):
            assert ask == Read(CONTROL)
            return self.features
        if isinstance(ask, Write):
            assert (ask.characteristic, ask.answered_by) == (CONTROL, CONTROL)
            self.asked.append(ask.data.hex(" "))
            answers = self.script[ask.data]
            told = answers.popleft() if len(answers) > 1 else answers[0]
            self.notified.extend(bytes.fromhex(one) for one in told.split("|"))
        else:
            assert ask == Await(CONTROL)
        return self.notified.popleft()

    def run(self, steps):
        try:
            ask = next(steps)
            while True:
                ask = steps.send(self.answer(ask))
        except StopIteration as done:
            return done.value


def start(script, options=WITHOUT_MOTION, **more):
    sensor = Sensor(script, **more)
    return sensor.run(DRIVER.start(options)), sensor.asked


def test_light_and_motion_are_started_as_the_sensor_offers_them():
    started, asked = start(VERITY, DeviceOptions())
    assert asked == ["06", "01 01", START_PPG, "01 02", START_ACC]
    assert started.fs_hz == {PPG: 55.0, MOTION: 52.0}
    assert started.text == "PPG 55 Hz 22 bit 4 channels factor 1; motion 52 Hz 16 bit 8 g 3 channels factor 0.000244"


def test_motion_is_left_alone_when_it_is_not_wanted_or_not_there():
    assert start(VERITY)[1] == ["06", "01 01", START_PPG]
    assert start(VERITY, DeviceOptions(), features="0f0200")[1] == ["01 01", START_PPG]


def test_a_sensor_that_hides_its_features_is_asked_for_everything():
    started, asked = start(VERITY, DeviceOptions(), features="")
    assert asked == ["06", "01 01", START_PPG, "01 02", START_ACC]
    assert set(started.fs_hz) == {PPG, MOTION}


def test_the_features_that_come_as_a_notification_are_no_answer():
    """BlueZ tells a value that is read to the subscriber too; nor is an ended stream or an older answer one."""
    stray = [FEATURES, "01 06 02 00 00 01", "f0 03 01 00 00", "f0 06"]
    assert start(VERITY, first=stray) == start(VERITY)


def test_settings_in_two_parts_are_joined():
    parts = "f0 01 01 00 01 0001 37|f0 01 01 00 00 00 0101 1600 0401 04"
    assert start({**VERITY, "01 01": [parts]}) == start(VERITY)


def test_an_answer_without_end_is_given_up():
    with pytest.raises(DeviceRefused, match="does not end"):
        start({**VERITY, "01 01": ["|".join(["f0 01 01 00 01 00"] * 40)]})


def test_what_streams_already_is_stopped_and_started_anew():
    again = {**VERITY, START_PPG: ["f0 02 01 06", "f0 02 01 00 00"]}
    started, asked = start(again)
    assert asked == ["06", "01 01", START_PPG, "03 01", START_PPG]
    assert started.fs_hz == {PPG: 55.0}
    with pytest.raises(DeviceRefused, match="ALREADY_IN_STATE"):
        start({**VERITY, START_PPG: ["f0 02 01 06"]})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("0a", r"INVALID_MTU \(10\); use a Bluetooth adapter"),
        ("0c", "INVALID_STATE .*close it"),
        ("0d", "refused to start PPG: DEVICE_IN_CHARGER .*off the charger"),
        ("63", r"unknown status \(99\)"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(status, message):
    with pytest.raises(DeviceRefused, match=message):
        start({**VERITY, START_PPG: [f"f0 02 01 {status}"]})


def test_every_status_but_success_is_a_refusal():
    for status in range(1, 256):
        with pytest.raises(DeviceRefused, match=rf"\({status}\)"):
            start({**VERITY, "01 01": [f"f0 01 01 {status:02x}"]})


def test_settings_that_cannot_be_read_are_a_refusal():
    for parameters in ("0001 37", "0901 00", "0001 3700 01"):
        with pytest.raises(DeviceRefused, match="cannot be read"):
            start({**VERITY, "01 01": [f"f0 01 01 00 00 {parameters}"]})


def test_a_start_counts_whatever_else_its_answer_says():
    for parameters in ("", "00", "0501 00", "ffff"):
        started, _ = start({**VERITY, START_PPG: [f"f0 02 01 00 00 {parameters}"]})
        assert started.text == "PPG 55 Hz 22 bit 4 channels"


def test_a_refused_motion_does_not_prevent_light():
    for refused in ({START_ACC: ["f0 02 02 0d"]}, {"01 02": ["f0 01 02 03"]}, {"01 02": ["f0 01 02 00 00 77"] * 2}):
        script = {**VERITY, "02 02": ["f0 02 02 05"], **refused}
        started, _ = start(script, DeviceOptions())
        assert started.fs_hz == {PPG: 55.0}
        assert "no motion: the Polar sensor refused" in started.text


def test_a_chest_strap_is_refused():
    with pytest.raises(DeviceRefused, match="no PPG"):
        start(VERITY, features="0f0500")


SDK_RATES = "0005 1c00 2c00 3700 8700 b000"  # 28, 44, 55, 135, 176 Hz
SDK = {
    **VERITY,
    "02 09": ["f0 02 09 00 00"],
    "03 09": ["f0 03 09 00 00"],
    "04 01": [f"f0 04 01 00 00 {SDK_RATES} 0101 1600 0401 04"],
    "04 02": ["f0 04 02 00 00 0003 1a00 3400 6800 0101 1000 0204 0200 0400 0800 1000 0401 03"],
    **{f"03 {kind:02x}": [f"f0 03 {kind:02x} 06"] for kind in (1, 2, 3, 5, 6)},
    **{f"02 01 00 01 {rate} 00 01 01 16 00 04 01 04": ["f0 02 01 00 00"] for rate in ("1c", "2c", "37", "87", "b0")},
}
IS_ON = {"06": ["f0 06 00 00 00 01"]}


@pytest.mark.parametrize(("wish", "rate"), [(None, 55.0), (100.0, 135.0), (20.0, 28.0), (1000.0, 176.0), (36.0, 28.0)])
def test_sdk_mode_offers_more_rates_and_the_nearest_to_the_wish_is_taken(wish, rate):
    started, asked = start(SDK, DeviceOptions(fs_hz=wish, sdk_mode=True))
    assert asked[:3] == ["06", "02 09", "04 01"]
    assert asked[4:] == ["04 02", START_ACC]
    assert started.fs_hz == {PPG: rate, MOTION: 52.0}
    assert started.text.startswith("SDK mode: ")


def test_the_highest_rate_is_taken_where_the_usual_one_is_not_offered():
    oh1 = {"01 01": ["f0 01 01 00 00 0002 1600 8200"], "02 01 00 01 82 00": ["f0 02 01 00 00"]}
    assert start(oh1, features=OH1_FEATURES)[0].fs_hz == {PPG: 130.0}


def test_the_mode_is_only_changed_when_it_must_be():
    assert "02 09" not in start({**SDK, **IS_ON}, DeviceOptions(sdk_mode=True))[1]
    assert start({**SDK, **IS_ON})[1] == ["06", "03 09", "01 01", START_PPG]
    assert start({**SDK, "06": ["f0 06 00 01 00 01"]})[1] == ["06", "01 01", START_PPG]  # old firmware


def test_what_streams_is_stopped_to_change_the_mode():
    _, asked = start({**SDK, "02 09": ["f0 02 09 0c", "f0 02 09 00 00"]}, DeviceOptions(sdk_mode=True))
    assert asked[1:8] == ["02 09", "03 01", "03 02", "03 03", "03 05", "03 06", "02 09"]


def test_a_mode_that_cannot_be_had_is_a_refusal():
    with pytest.raises(DeviceRefused, match="no SDK mode"):
        start(SDK, DeviceOptions(sdk_mode=True), features=OH1_FEATURES)
    with pytest.raises(DeviceRefused, match="start SDK mode: INVALID_STATE"):
        start({**SDK, "02 09": ["f0 02 09 0c"]}, DeviceOptions(sdk_mode=True))


def test_stopping_asks_for_both_streams_and_takes_any_answer():
    sensor = Sensor({"03 01": ["f0 03 01 0c"], "03 02": ["f0 03 02 00 00"]})
    assert sensor.run(DRIVER.stop()).fs_hz == {}
    assert sensor.asked == ["03 01", "03 02"]


def feed(characteristic, frame):
    return DRIVER.decoder().feed(characteristic, bytes.fromhex(frame))


def test_each_characteristic_is_read_as_what_it_is():
    (block,) = feed(DATA, "01" + "05" + "00" * 7 + "80" + "01" * 12)
    assert isinstance(block, Block)
    assert (block.stream, block.last_ns, block.values.shape) == (PPG, 5, (1, 4))
    assert feed(MEASUREMENT, "003c") == [Numbers(heart_rate_bpm=60.0)]
    assert feed(BATTERY_LEVEL, "55") == [Numbers(battery_percent=85.0)]
    assert feed("0000fee0-0000-1000-8000-00805f9b34fb", "00") == []
    with pytest.raises(FrameError):
        feed(BATTERY_LEVEL, "65")


def test_only_an_ended_light_stops_the_stream():
    assert feed(CONTROL, "f0 02 01 00 00") == []
    assert feed(CONTROL, FEATURES) == []
    (stopped,) = feed(CONTROL, "01 01 02")
    assert isinstance(stopped, Stopped)
    assert "PPG, motion" in stopped.why
    assert feed(CONTROL, "01 02") == [Facts({"ended": [2]})]
    for frame in ("", "77"):
        with pytest.raises(FrameError):
            feed(CONTROL, frame)


@pytest.mark.parametrize(
    "name", ["Polar Sense 12345678", "Polar OH1 12345678", "Polar 360 12345678", "Polar Loop 1234"]
)
def test_light_sensors_are_found_by_name(name):
    assert DRIVER.matches(Advert(name))


def test_others_are_found_by_the_service_unless_they_are_chest_straps():
    assert DRIVER.matches(Advert("Polar INW4J 12345678", (SERVICE,)))
    assert DRIVER.matches(Advert(None, (SERVICE,)))
    for name in ("Polar H10 12345678", "Polar H9 12345678"):
        assert not DRIVER.matches(Advert(name, (SERVICE,)))
    for name in ("Polar Vantage V3 1234", "Polar Balance", "Sense", None):
        assert not DRIVER.matches(Advert(name, ("0000180d-0000-1000-8000-00805f9b34fb",)))


def test_control_point_and_data_are_subscribed_to_before_all_else():
    assert DRIVER.notify[:2] == (CONTROL, DATA)
    assert set(DRIVER.notify[2:]) == set(DRIVER.optional) == {MEASUREMENT, BATTERY_LEVEL}
    assert DRIVER.streams[PPG].polarity == -1
    assert DRIVER.min_mtu == 232


def test_the_live_sensor_and_its_recordings_have_the_same_pulse_delay():
    assert DRIVER.pulse_delay_s == ARM_DELAY_S

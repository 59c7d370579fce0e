"""A wearable's whole way without a broker: notifications, chunks, windows, engine. An arm that swings under the sensor
abstains, the same light without its accelerometer does not, and an arm at rest loses nothing."""

import numpy as np
import pytest

from deploy.wearable.light import pulse_light
from deploy.wearable.verity import Verity
from inference.engine import Engine
from inference.motion import MOVING, UNWATCHED
from inference.settings import EngineSettings
from ingest.devices.driver import DeviceOptions
from ingest.devices.polar import DRIVER
from ingest.devices.polar_control import ACC_TYPE
from ingest.pipeline import Frame, Identity, Pipeline
from stream.kafka import MOTION, PPG_CHUNKS
from stream.messages import PpgChunk, decode, encode
from stream.resume import DeviceLog
from tests.deploy.test_verity import run
from tests.inference.recordings import arterial

START_NS = 1_767_225_600_000_000_000
SECONDS = 40
LIGHT_HZ, MOTION_HZ = 54.75, 52.0


def swing(fs_hz, tilt):
    """An arm at 1.45 Hz and its step at twice that, as one axis feels it."""
    at = np.arange(round(SECONDS * fs_hz)) / fs_hz
    phase = 2 * np.pi * swings(at)
    return np.sin(phase + tilt) + 0.4 * np.sin(2 * phase + 3 * tilt)


def swings(at):
    """How many there were by each time in s."""
    return 1.45 * at + 0.1 * np.sin(0.5 * at)


def pushes(fs_hz):
    """The arm's swings in the light, each much like a pulse: the model takes no round wave for one."""
    at = np.arange(round(SECONDS * fs_hz)) / fs_hz
    return arterial(np.interp(np.arange(int(swings(at[-1]))), swings(at), at), at)


def worn(light, motion_mg=None, motion=True, unheard_s=(0, 0)):
    """Chunks of a Verity Sense with this before its sensors, off the wire again. unheard_s: when none of its
    acceleration comes through."""
    band = Verity(light, START_NS, motion_mg=motion_mg)
    line = Pipeline(Identity("d", "p", "s"), DRIVER)
    line.begin(run(DRIVER.start(DeviceOptions(motion=motion)), band, START_NS))
    out = []
    for tick in range(SECONDS * 100):
        now_ns = START_NS + tick * 10_000_000
        for one in band.due_frames(now_ns):
            if one.data[0] == ACC_TYPE and unheard_s[0] <= tick / 100 < unheard_s[1]:
                continue
            out += line.take(Frame(now_ns + 4_000_000, 1, one.characteristic, one.data))
    out += line.end(START_NS + SECONDS * 1_000_000_000)
    heard = motion and unheard_s != (0, SECONDS)
    assert bool([message for topic, message, _ in out if topic == MOTION]) == heard
    return [decode(encode(message), PpgChunk) for topic, message, _ in out if topic == PPG_CHUNKS]


def windows(chunks, device=None):
    device = device or DeviceLog(lambda: 0)
    segments = [one for place, chunk in enumerate(chunks) for one in device.push(chunk, place).segments]
    return segments + device.flush().segments


@pytest.fixture(scope="module")
def engine():
    return Engine.load(EngineSettings(batch=4))


@pytest.fixture(scope="module")
def arm():
    """Light that only the arm moves, and what its accelerometer feels, mg."""
    light = pulse_light(SECONDS, bpm=1.0) * 0 + np.array([261_000, 277_600, 294_800, -600])
    light[:, :3] += np.rint(-3000 * pushes(LIGHT_HZ))[:, None].astype(np.int64)
    axes = [250 * swing(MOTION_HZ, 0.0), 990 + 120 * swing(MOTION_HZ, 1.0), 80 * swing(MOTION_HZ, 2.0)]
    return light, np.rint(np.stack(axes, 1)).astype(np.int64)


def test_a_swinging_arm_abstains_and_says_why(engine, arm):
    light, motion_mg = arm
    out = engine.infer(windows(worn(light, motion_mg)))
    assert len(out) >= 15
    for one in out:
        assert [gap.reason for gap in one.abstained] == ["moving: the pulse cannot be told from the movement"]
        assert MOVING in one.reasons
        assert (len(one.beats_ns), one.heart_rate_bpm, one.findings) == (0, None, ())


def test_without_its_accelerometer_the_same_light_gives_beats(engine, arm):
    out = engine.infer(windows(worn(arm[0], motion=False)))
    assert sum(len(one.beats_ns) for one in out) > 20
    assert not any(MOVING in one.reasons for one in out)


def test_a_still_wearer_loses_nothing(engine):
    light = pulse_light(SECONDS, bpm=72, seed=3)
    still, bare = engine.infer(windows(worn(light))), engine.infer(windows(worn(light, motion=False)))
    assert sum(len(one.beats_ns) for one in still) > 35
    for one, other in zip(still, bare, strict=True):
        assert encode(one) == encode(other)


def test_light_without_its_acceleration_is_not_believed_until_that_is_back(engine):
    light = pulse_light(SECONDS, bpm=72, seed=3)
    out = engine.infer(windows(worn(light, unheard_s=(10, 24))))
    said = [[gap.reason for gap in one.abstained] for one in out]
    silent = [UNWATCHED in one.reasons for one in out]
    first, last = silent.index(True), len(silent) - silent[::-1].index(True)
    assert 2 <= first < last <= len(out) - 4
    assert all(silent[first:last])
    assert last - first >= 6
    for one, why in zip(out[first:last], said[first:last], strict=True):
        assert why == ["no acceleration came: the pulse cannot be told from movement"]
        assert UNWATCHED in one.reasons
        assert (len(one.beats_ns), one.heart_rate_bpm, one.findings) == (0, None, ())
    assert sum(len(one.beats_ns) for one in out[last:]) > 8


def test_acceleration_that_never_comes_is_missed_and_one_that_is_not_asked_for_is_not(engine):
    light = pulse_light(SECONDS, bpm=72, seed=3)
    never = worn(light, unheard_s=(0, SECONDS))
    assert {one.motion_fs_hz for one in never[:-1]} == {MOTION_HZ}
    assert not any(len(one.beats_ns) for one in engine.infer(windows(never)))
    assert {one.motion_fs_hz for one in worn(light, motion=False)} == {None}


def test_a_pulse_clear_of_the_cadence_is_kept(engine):
    light = pulse_light(SECONDS, bpm=66, seed=3)
    light[:, :3] += np.rint(150 * swing(LIGHT_HZ, 0.4))[:, None].astype(np.int64)
    axes = [250 * swing(MOTION_HZ, tilt) for tilt in (0.0, 1.0, 2.0)]
    out = engine.infer(windows(worn(light, np.rint(np.stack(axes, 1)).astype(np.int64))))
    assert sum(len(one.beats_ns) for one in out) > 35
    assert not any(MOVING in one.reasons for one in out)


@pytest.mark.parametrize("unheard_s", [(0, 0), (5, SECONDS)])
def test_a_crash_changes_nothing(arm, unheard_s):
    chunks = worn(*arm, unheard_s=unheard_s)
    whole = {one.start_ns: encode(one) for one in windows(chunks)}
    device, free, killed = DeviceLog(lambda: 0), set(), len(chunks) - 8
    for place, chunk in enumerate(chunks[:killed]):
        free |= set(device.push(chunk, place).free)
    begin = min(set(range(killed)) - free)
    again = windows(chunks[begin:])
    assert 0 < begin < killed
    assert len(again) >= 2
    assert {one.start_ns: encode(one) for one in again} == {at: whole[at] for at in (one.start_ns for one in again)}

"""A device kept streaming whatever is done to it; what comes out is what was sent, once, at its time."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from deploy.lookalike.peripheral import ConnectFault
from deploy.lookalike.player import Truth
from stream.kafka import NUMERICS, PPG_CHUNKS
from tests.ingest.bluetooth.collecting import NEAR_NS, Ward, missing_and_wrong
from tests.simulators.catalogue import SIMULATORS

pytestmark = pytest.mark.integration


@pytest.fixture
async def ward(world) -> AsyncIterator[Ward]:
    """On the simulated world."""
    made = Ward()
    yield made
    await made.end()


async def test_a_real_recording_comes_out_bit_identical_however_it_was_packed(ward, world, verity):
    bands = [
        world.add(verity(ppm=40, block=block, name=f"Polar Sense {n}")) for n, block in enumerate((None, 1, 10, 41))
    ]
    watched = [ward.watch(band.peripheral.address) for band in bands]
    await asyncio.gather(*(ward.streaming(one) for one in watched))
    await asyncio.sleep(5)
    await ward.end()
    for band, one in zip(bands, watched, strict=True):
        assert missing_and_wrong(ward, one, band) == 0
        assert one.pipeline.gaps == []
        assert one.pipeline.fs_hz == pytest.approx(54.75, rel=1e-3)


async def test_a_session_ends_with_its_marker_and_the_battery_is_known(ward, world, verity):
    band = world.add(verity(ppm=40))
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    await ward.end()
    assert missing_and_wrong(ward, one, band) == 0
    assert one.pipeline.gaps == []
    assert ward.outbox.of(PPG_CHUNKS)[-1].end
    assert one.pipeline.fs_hz == pytest.approx(54.75, rel=1e-3)
    assert one.pipeline.battery_percent == 80
    assert not band.peripheral.connected  # somebody else may have it now


@pytest.mark.parametrize(
    "fault", [ConnectFault.IN_PROGRESS, ConnectFault.ABORTED, ConnectFault.DROPPED_MEANWHILE], ids=lambda one: one.name
)
async def test_a_connection_that_fails_is_made_again_and_only_once(ward, world, verity, fault):
    band = world.add(verity())
    band.peripheral.fail_connects([fault, fault])
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    await ward.end()
    assert missing_and_wrong(ward, one, band) == 0  # a second client would have given each twice


async def test_a_connect_that_never_answers_is_given_up_in_time(ward, world, verity):
    ward.adapter.connect_s = 1.0
    band = world.add(verity())
    band.peripheral.fail_connects([ConnectFault.NEVER_ANSWERS])
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    assert one.generation >= 2


async def test_a_lost_link_is_a_gap_and_the_session_goes_on(ward, world, verity):
    band = world.add(verity(ppm=-60))
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    await asyncio.sleep(1)
    band.drop()
    await ward.until(lambda: one.state != "streaming")
    assert one.reason == "the connection was lost"  # told by bleak, not by the silence that follows
    await ward.streaming(one)
    await asyncio.sleep(1)
    await ward.end()
    assert missing_and_wrong(ward, one, band) == 0
    (gap,) = one.pipeline.gaps
    sent = band.truth("ppg").true_ns
    true_gap = np.flatnonzero(np.diff(sent) > 100_000_000)
    assert len(true_gap) == 1
    assert abs(gap.start_ns - sent[true_gap[0]]) < NEAR_NS
    assert abs(gap.stop_ns - sent[true_gap[0] + 1]) < NEAR_NS
    assert one.reconnects >= 1


async def test_silence_without_a_disconnect_is_noticed_and_healed(ward, world, verity):
    band = world.add(verity())
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    band.stall()
    begun = asyncio.get_running_loop().time()
    await ward.until(lambda: "nothing came" in one.reason)
    assert asyncio.get_running_loop().time() - begun > 2
    band.resume()
    await ward.streaming(one)
    assert one.reason == ""


async def test_a_stream_that_still_runs_from_before_is_stopped_and_started(ward, world, verity):
    band = world.add(verity(keeps_streaming=True))
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    band.drop()
    await ward.until(lambda: one.state != "streaming")
    await ward.streaming(one)
    assert one.reason == ""


async def test_a_device_that_stops_its_stream_by_itself_is_started_again(ward, world, verity):
    band = world.add(verity())
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    band.send(band.device.stop_by_itself())
    await ward.until(lambda: one.state != "streaming")
    assert "stopped by itself" in one.reason
    await ward.streaming(one)


async def test_notifications_that_arrive_twice_count_once(ward, world, verity):
    band = world.add(verity())
    band.peripheral.faults.copies = 2
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    await ward.end()
    assert missing_and_wrong(ward, one, band) == 0


async def test_a_link_that_would_cut_the_frames_is_refused_with_the_reason(ward, world, verity):
    band = world.add(verity(), mtu=23)
    one = ward.watch(band.peripheral.address)
    await ward.until(lambda: one.state == "backing off")
    assert "the link carries 20 bytes a notification" in one.reason
    assert ward.outbox.of(PPG_CHUNKS) == []


async def test_cut_frames_are_counted_and_invent_nothing(ward, world, verity):
    band = world.add(verity())
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    band.peripheral.faults.cut_bytes = 50
    await ward.until(lambda: one.pipeline.bad_frames >= 2)
    band.peripheral.faults.cut_bytes = None
    await ward.streaming(one)
    await ward.end()
    assert missing_and_wrong(ward, one, band) == 0  # cut ones are not among those that went out whole
    assert len(one.pipeline.gaps) >= 1


async def test_a_reboot_that_resets_the_clock_is_a_gap_and_times_stay_true(ward, world, verity):
    band = world.add(verity(ppm=100))
    one = ward.watch(band.peripheral.address)
    await ward.streaming(one)
    await asyncio.sleep(1)
    band.reboot(0.5)
    await ward.until(lambda: one.state != "streaming")
    await ward.streaming(one)
    await asyncio.sleep(1)
    await ward.end()
    assert missing_and_wrong(ward, one, band) == 0
    assert len(one.pipeline.gaps) == 1


async def test_the_state_is_published_every_second_from_the_start(ward, world, verity):
    band = world.add(verity())
    band.peripheral.advertising = False
    one = ward.watch(band.peripheral.address)
    await asyncio.sleep(1.2)
    assert [status.state for status in ward.outbox.statuses] == ["scanning"] * 2
    band.back()
    await ward.streaming(one)
    await ward.until(lambda: ward.outbox.statuses[-1].last_sample_ns is not None)
    last = ward.outbox.statuses[-1]
    assert (last.state, last.battery_percent) == ("streaming", 80.0)
    assert -65 < last.rssi_dbm < -45
    assert last.fs_hz == pytest.approx(54.75, rel=0.01)
    await ward.end()
    assert ward.outbox.statuses[-1].ended


def truth_of(player, driver):
    """Muse's lights come in notifications of their own: what was sent of all three."""
    if driver != "muse":
        return player.truth("ppg")
    lights = [player.truth(name) for name in ("ir", "red", "ambient")]
    n = min(len(one.true_ns) for one in lights)
    return Truth(np.concatenate([one.values[:n] for one in lights], axis=1), lights[0].true_ns[:n])


async def test_every_driver_streams_its_device_through_the_same_road(ward, world):
    players, watched = {}, {}
    for name, make in SIMULATORS.items():
        players[name] = world.add(make(world.now_ns(), ppm=30.0))
        watched[name] = ward.watch(players[name].peripheral.address, driver=name)
    waves = {name: one for name, one in watched.items() if "ppg" in one.driver.streams}
    await ward.until(lambda: all(one.pipeline.last_sample_ns for one in watched.values()), 30)
    for player in players.values():
        player.stall()
    # most devices know no stop that they answer: what is still on its way when the link is closed is lost
    await ward.until(lambda: all(one.pipeline.frames >= len(players[name].sent) for name, one in watched.items()))
    await ward.end()
    for name, one in waves.items():
        truth = truth_of(players[name], name)
        held = len(one.driver.streams["ppg"].channels) * 24  # of Muse's lights and text lines, some wait for the rest
        assert (
            0
            <= missing_and_wrong(ward, one, players[name], truth)
            <= (held if name in ("muse", "nus", "bangle", "berrymed") else 0)
        ), name
        assert one.pipeline.bad_frames == 0, (name, one.pipeline.last_error)
        assert one.pipeline.fs_hz == pytest.approx(one.driver.streams["ppg"].fs_hz, rel=0.05), name
    for name in ("plx", "heart_rate"):
        (first, *_) = ward.outbox.of(NUMERICS, watched[name].identity.device)
        assert first.heart_rate_bpm == pytest.approx(72, abs=30)

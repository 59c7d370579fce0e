"""Real ATT and GATT bytes between bleak and simulated devices: what the D-Bus look-alike takes for granted."""

import asyncio

import numpy as np
import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from deploy.lookalike.world import flow
from deploy.wearable.simulator import Simulator
from deploy.wearable.verity import PMD_CONTROL, PMD_DATA, Verity
from ingest.devices import heart_rate, polar
from ingest.devices.driver import Block
from tests.ingest.bluetooth.bumble_backend import BumbleClient, BumbleScanner, Radio
from tests.ingest.bluetooth.bumble_device import Server
from tests.ingest.bluetooth.listening import PATIENCE_S, Heard, until
from tests.simulators.heart_rate import MEASUREMENT, HeartRate

ADDRESS = "A0:9E:1A:00:00:01"


@pytest.fixture
async def radio() -> Radio:
    return Radio()


@pytest.fixture
def now_ns():
    return flow()


def client(radio: Radio, heard: Heard, target, **options) -> BleakClient:
    return BleakClient(target, disconnected_callback=heard.lost, backend=BumbleClient, radio=radio, **options)


def serve(radio: Radio, device: Simulator, now_ns) -> Server:
    return Server(radio, device, ADDRESS, now_ns)


async def found(radio: Radio) -> BLEDevice:
    seen: asyncio.Queue[BLEDevice] = asyncio.Queue()
    async with BleakScanner(lambda device, _: seen.put_nowait(device), backend=BumbleScanner, radio=radio) as scanner:
        device = await asyncio.wait_for(seen.get(), PATIENCE_S)
        assert scanner.discovered_devices_and_advertisement_data[ADDRESS][1].service_uuids == [heart_rate.SERVICE]
    return device


async def test_a_polar_band_answers_by_indications_and_streams_whole_frames(radio, light, now_ns):
    async with serve(radio, Verity(light, now_ns(), fs_hz=2100.0), now_ns) as server:
        device, heard = await found(radio), Heard()
        assert device.name == "Polar Sense 0A1B2C3D"
        async with client(radio, heard, device) as link:
            assert link.mtu_size == 247
            assert bytes(await link.read_gatt_char(PMD_CONTROL))[:3] == b"\x0f\x6e\x02"
            control = link.services.get_characteristic(PMD_CONTROL)
            assert control is not None
            assert set(control.properties) == {"read", "write", "indicate"}
            await heard.stream(link)
            await until(lambda: len(heard.frames) > 20 and heard.beats)
        assert heard.gone == 1
    sent = [frame for frame in server.sent if frame.stream]
    assert heard.frames == [frame.data for frame in sent][: len(heard.frames)]
    decoder = polar.DRIVER.decoder()
    blocks = [item for frame in heard.frames for item in decoder.feed(PMD_DATA, frame) if isinstance(item, Block)]
    values = np.concatenate([block.values for block in blocks])
    assert np.array_equal(values, np.concatenate([frame.values for frame in sent])[: len(values)])


async def test_without_a_larger_mtu_notifications_are_cut_without_a_word(radio, light, now_ns):
    async with serve(radio, Verity(light, now_ns(), fs_hz=2100.0), now_ns) as server:
        heard = Heard()
        async with client(radio, heard, await found(radio), mtu=None) as link:
            assert link.mtu_size == 23
            data = link.services.get_characteristic(PMD_DATA)
            assert data is not None
            assert data.max_write_without_response_size == 20
            await heard.stream(link)
            await until(lambda: len(heard.frames) > 5)
    sent = [frame.data for frame in server.sent if frame.stream]
    assert min(map(len, sent)) > 100
    assert heard.frames == [frame[:20] for frame in sent][: len(heard.frames)]


async def test_a_dropped_link_is_told_and_a_new_one_streams_again(radio, light, now_ns):
    async with serve(radio, Verity(light, now_ns(), fs_hz=2100.0), now_ns) as server:
        device = await found(radio)
        for _ in range(2):
            heard = Heard()
            async with client(radio, heard, device) as link:
                await heard.stream(link)  # status 0: the streams ended with the link before
                await until(lambda heard=heard: len(heard.frames) > 3)
                await server.drop()
                await until(lambda heard=heard: heard.gone)
                assert not link.is_connected


async def test_heart_rates_are_notified(radio, now_ns):
    # the first beat is due at once, the next a second later
    async with serve(radio, HeartRate(now_ns() - 500_000_000), now_ns) as server:
        beats: list[bytes] = []
        async with client(radio, Heard(), await found(radio)) as link:
            await link.start_notify(MEASUREMENT, lambda _, data: beats.append(bytes(data)))
            await until(lambda: beats)
    sent = {frame.data: frame for frame in server.sent}
    assert heart_rate.parse_measurement(beats[0]).heart_rate_bpm == sent[beats[0]].values[0, 0]

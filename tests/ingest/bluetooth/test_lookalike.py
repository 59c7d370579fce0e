"""The look-alike through plain bleak, whose own BlueZ backend runs unmodified: what works, and what each fault does."""

import asyncio

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakDeviceNotFoundError, BleakError

from deploy.lookalike.peripheral import ConnectFault
from deploy.lookalike.player import Player
from deploy.wearable.verity import BATTERY_LEVEL, PMD_CONTROL, PMD_DATA, PMD_SERVICE
from tests.ingest.bluetooth.listening import PATIENCE_S, Heard, find, sent, streaming, until

FAST = {"use_start_notify": False}


@pytest.fixture
def band(world, verity) -> Player:
    # 50 frames a second: tests need not wait for the true one in 762 ms
    return world.add(verity(fs_hz=2100.0))


async def test_a_scan_finds_name_services_and_a_changing_signal_strength(band):
    strengths = set()

    def seen(device, data):
        assert (device.name, data.service_uuids) == ("Polar Sense 0A1B2C3D", list(band.device.advertised))
        strengths.add(data.rssi)

    async with BleakScanner(seen):
        await until(lambda: len(strengths) > 1)
    assert strengths <= set(range(-58, -51))


async def test_a_scan_for_a_service_finds_only_those_that_advertise_it(world, band):
    async with BleakScanner(service_uuids=[PMD_SERVICE]) as scanner:
        await asyncio.sleep(0.3)
        assert scanner.discovered_devices == []  # it has the service, but does not say so
        assert not world.bluez.knows(band.peripheral)
    async with BleakScanner(service_uuids=list(band.device.advertised)) as scanner:
        await until(lambda: scanner.discovered_devices)


async def test_what_is_notified_arrives_unchanged(band):
    heard = Heard()
    async with streaming(band, heard) as client:
        assert bytes(await client.read_gatt_char(BATTERY_LEVEL)) == b"\x50"
        await until(lambda: len(heard.frames) > 10 and heard.beats)
        assert heard.frames == sent(band)[: len(heard.frames)]
        control = client.services.get_characteristic(PMD_CONTROL)
        assert control is not None
        assert control.max_write_without_response_size == 244
        assert control.properties == ["read", "write", "indicate"]
    assert heard.gone == 1
    assert not band.peripheral.connected


async def test_a_read_reaches_the_subscriber_too_as_on_bluez(band):
    heard = Heard()
    async with streaming(band, heard) as client:
        features = bytes(await client.read_gatt_char(PMD_CONTROL))
        assert await asyncio.wait_for(heard.answers.get(), PATIENCE_S) == features


@pytest.mark.parametrize("how", [{}, {"bluez": FAST}])
async def test_a_dropped_link_is_told_and_a_new_connection_streams_again(band, how):
    for _ in range(2):
        heard = Heard()
        before = len(sent(band))
        async with streaming(band, heard, **how) as client:
            await until(lambda heard=heard: len(heard.frames) > 3)
            band.drop()
            await until(lambda heard=heard: heard.gone)
            assert not client.is_connected
        assert heard.gone == 1
        assert heard.frames == sent(band)[before:]


async def test_acquired_notifications_come_by_a_socket(band, world):
    heard = Heard()
    async with streaming(band, heard, bluez=FAST) as client:
        await until(lambda: len(heard.frames) > 3)
        members = [member for member, _ in world.bluez.calls]
        assert members.count("AcquireNotify") == 2
        assert members.count("StartNotify") == 1  # the control point only indicates
        band.stall()  # or the next notification would find the closed socket
        await client.stop_notify(PMD_DATA)
        count = len(heard.frames)
        await client.start_notify(PMD_DATA, lambda _, data: heard.frames.append(bytes(data)))
        band.resume()
        await until(lambda: len(heard.frames) > count)


async def test_a_stall_says_nothing_and_leaves_the_link(band):
    heard = Heard()
    async with streaming(band, heard) as client:
        await until(lambda: heard.frames)
        band.stall()
        await asyncio.sleep(0.1)
        count = len(heard.frames)
        await asyncio.sleep(0.3)
        assert (len(heard.frames), client.is_connected, heard.gone) == (count, True, 0)
        assert band.lost
        band.resume()
        await until(lambda: len(heard.frames) > count)
        assert heard.frames == sent(band)[: len(heard.frames)]


async def test_every_notification_can_come_twice(band):
    band.peripheral.faults.copies = 2
    heard = Heard()
    async with streaming(band, heard):
        await until(lambda: len(heard.frames) > 9)
    assert heard.frames[0:9:2] == heard.frames[1:10:2] == sent(band)[:5]


async def test_two_clients_of_one_program_hear_everything_twice(band):
    first, second = Heard(), Heard()
    device = await find(band.peripheral.address)  # once connected it advertises no more
    async with BleakClient(device) as client, BleakClient(device) as other:
        await second.subscribe(other)
        await first.stream(client)
        await until(lambda: len(first.frames) > 9)
    assert first.frames[0:9:2] == first.frames[1:10:2]


async def test_a_client_that_was_not_closed_keeps_its_subscription(band):
    """bleak leaves its connection to the bus open after a loss; BlueZ then starts its notifications again by itself."""
    left, again = Heard(), Heard()
    client = BleakClient(await find(band.peripheral.address), disconnected_callback=left.lost)
    await client.connect()
    await left.subscribe(client)
    band.drop()
    await until(lambda: left.gone)
    async with streaming(band, again):
        await until(lambda: len(again.frames) > 9)
        assert again.frames[0:9:2] == again.frames[1:10:2]
        await client.disconnect()
        await asyncio.sleep(0.1)
        count = len(again.frames)
        await until(lambda: len(again.frames) > count + 3)
        assert again.frames[-1] != again.frames[-2]


async def test_cut_and_lost_notifications_are_not_counted_as_sent(band):
    heard = Heard()
    band.peripheral.faults.cut_bytes = 100
    async with streaming(band, heard):
        await until(lambda: len(heard.frames) > 3)
        assert {len(frame) for frame in heard.frames} == {100}
        assert not sent(band)
        band.peripheral.faults.cut_bytes, band.peripheral.faults.loss = None, 0.5
        await until(lambda: len(sent(band)) > 5)
        assert len(band.lost) > 5


async def test_a_small_mtu_cuts_without_a_word(world, verity):
    band = world.add(verity(fs_hz=2100.0), mtu=23)
    heard = Heard()
    async with streaming(band, heard) as client:
        await until(lambda: len(heard.frames) > 3)
        data = client.services.get_characteristic(PMD_DATA)
        assert data is not None
        assert data.max_write_without_response_size == 20
    assert {len(frame) for frame in heard.frames} == {20}


async def test_an_operation_under_way_is_an_error(band):
    band.peripheral.fail_connects([ConnectFault.IN_PROGRESS])
    client = BleakClient(await find(band.peripheral.address))
    with pytest.raises(BleakDBusError) as error:
        await client.connect()
    assert error.value.dbus_error == "org.bluez.Error.InProgress"
    await client.connect()
    await client.disconnect()


async def test_bleak_tries_an_aborted_connect_again_and_calls_back_meanwhile(band, world):
    band.peripheral.fail_connects([ConnectFault.ABORTED])
    heard = Heard()
    async with BleakClient(await find(band.peripheral.address), disconnected_callback=heard.lost):
        assert heard.gone == 1
        assert [member for member, _ in world.bluez.calls].count("Connect") == 2


async def test_a_link_can_go_before_the_services_are_known(band):
    band.peripheral.fail_connects([ConnectFault.DROPPED_MEANWHILE])
    heard = Heard()
    client = BleakClient(await find(band.peripheral.address), disconnected_callback=heard.lost)
    with pytest.raises(BleakError, match="failed to discover services"):
        await client.connect()
    assert heard.gone == 1
    assert not band.peripheral.connected


async def test_a_connect_without_an_answer_is_given_up_by_the_caller(band, world):
    band.peripheral.fail_connects([ConnectFault.NEVER_ANSWERS])
    device = await find(band.peripheral.address)
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.3).connect()
    await until(lambda: world.bluez.calls[-1][0] == "Disconnect")
    async with BleakClient(device) as client:
        assert client.is_connected


async def test_notifications_go_on_while_it_disconnects_slowly(band):
    band.peripheral.faults.disconnect_s = 0.3
    heard = Heard()
    async with streaming(band, heard):
        await until(lambda: heard.frames)
        count = len(heard.frames)
    assert len(heard.frames) > count


async def test_out_of_range_a_connect_waits_until_it_is_back(band):
    device = await find(band.peripheral.address)
    band.away()
    client = BleakClient(device)
    connecting = asyncio.create_task(client.connect())
    await asyncio.sleep(0.2)
    assert not connecting.done()
    band.back()
    await asyncio.wait_for(connecting, PATIENCE_S)
    await client.disconnect()


async def test_a_rebooted_device_is_away_and_begins_its_clock_anew(band):
    first, second = Heard(), Heard()
    async with streaming(band, first):
        await until(lambda: first.frames)
        band.reboot(down_s=0.3)
        await until(lambda: first.gone)
        assert not band.peripheral.advertising
    async with streaming(band, second):
        await until(lambda: second.frames)
    before, after = (int.from_bytes(heard.frames[0][1:9], "little") for heard in (first, second))
    assert after < before


async def test_a_killed_bluetoothd_says_nothing_and_comes_back(band, world):
    heard, again = Heard(), Heard()
    device = await find(band.peripheral.address)
    client = BleakClient(device, disconnected_callback=heard.lost)
    await client.connect()
    await heard.stream(client)
    await until(lambda: heard.frames)
    await world.bluez.crash()
    await asyncio.sleep(0.2)
    count = len(heard.frames)
    await asyncio.sleep(0.2)
    assert (heard.gone, client.is_connected, len(heard.frames)) == (0, True, count)
    await world.bluez.start()
    with pytest.raises(BleakError):  # the new daemon does not know the device
        await client.disconnect()
    async with streaming(band, again):
        await until(lambda: again.frames)


async def test_a_dead_bus_is_told(band, bus):
    heard = Heard()
    client = BleakClient(await find(band.peripheral.address), disconnected_callback=heard.lost)
    await client.connect()
    bus.kill()
    await until(lambda: heard.gone)
    assert not client.is_connected


async def test_a_forgotten_device_is_not_found_until_it_is_seen_again(band, world):
    device = await find(band.peripheral.address)
    world.bluez.forget(band.peripheral)
    with pytest.raises((BleakDeviceNotFoundError, BleakError)):
        await BleakClient(device).connect()
    async with BleakClient(await find(band.peripheral.address)) as client:
        assert client.is_connected


async def test_a_switched_off_adapter_breaks_links_and_scans(band, world):
    heard = Heard()
    async with BleakClient(await find(band.peripheral.address), disconnected_callback=heard.lost):
        world.bluez.power(False)
        await until(lambda: heard.gone)
    with pytest.raises(BleakBluetoothNotAvailableError):
        await BleakScanner.discover(timeout=0.1)
    world.bluez.power(True)
    await asyncio.sleep(0.1)  # until bleak heard of it
    assert await find(band.peripheral.address)


async def test_only_one_connect_at_a_time(band):
    device = await find(band.peripheral.address)
    band.away()
    waiting = asyncio.create_task(BleakClient(device, timeout=0.5).connect())
    await asyncio.sleep(0.1)
    with pytest.raises(BleakDBusError) as error:
        await BleakClient(device).connect()
    assert error.value.dbus_error == "org.bluez.Error.InProgress"
    with pytest.raises((TimeoutError, BleakError)):
        await waiting

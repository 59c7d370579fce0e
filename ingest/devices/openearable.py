"""OpenEarable 2.0: red, infrared and green light in the ear canal, and ambient light (MAXM86161).

Source: firmware github.com/OpenEarable/open-earable-2 5c4fd88, src/SensorManager/PPG.cpp, openearable_common.h and
src/bluetooth/gatt_services/sensor_service.c."""

from __future__ import annotations

import struct

import numpy as np

from ingest.devices.driver import PPG, Advert, Block, DeviceOptions, Driver, Item, Started, Steps, StreamFormat, Write
from ingest.devices.plain import BATTERY_LEVEL, ByCharacteristic, parse_battery
from ingest.errors import FrameError

__all__ = ["CONFIG", "DATA", "DRIVER", "RATES_HZ", "SERVICE", "nearest_rate", "parse_sensor"]

SERVICE = "34c2e3bb-34aa-11eb-adc1-0242ac120002"
DATA = "34c2e3bc-34aa-11eb-adc1-0242ac120002"
CONFIG = "34c2e3be-34aa-11eb-adc1-0242ac120002"
CHANNELS = ("red", "ir", "green", "ambient")
# true rates by the firmware's index. Left out: 6, 8 Hz, whose period does not fit the frame's 16 bits of microseconds;
# 13 and above, which it does not send over Bluetooth
RATES_HZ = {
    0: 24.995, 1: 50.027, 2: 84.021, 3: 99.902, 4: 199.805, 5: 399.610,
    7: 16.0, 8: 32.0, 9: 64.0, 10: 128.0, 11: 256.0, 12: 512.0,
}  # fmt: skip
USUAL_RATE = 1
_PPG_ID, _STREAM, _OFF = 4, 0x01, 0x00
_HEAD, _SAMPLE, _PERIOD = 10, 16, 2


def parse_sensor(frame: bytes) -> list[Item]:
    """Read one sensor notification: id, size, time in us since the start, samples of 4 x u32, all little-endian, and
    behind several samples their period in us. Other sensors than the PPG give nothing. Raises FrameError."""
    if len(frame) >= 1 and frame[0] != _PPG_ID:
        return []
    size = frame[1] if len(frame) > 1 else 0
    n, period_bytes = divmod(size, _SAMPLE)
    if len(frame) != _HEAD + size:
        raise FrameError(
            f"OpenEarable PPG of {len(frame)} bytes, its head promises {_HEAD + size}; is the MTU too small?"
        )
    # the firmware counts the period's two bytes for a single sample too, but leaves what was in them before
    if n < 1 or (period_bytes != _PERIOD and not (n == 1 and period_bytes == 0)):
        raise FrameError(f"OpenEarable PPG {frame.hex()}: {size} bytes are no samples of {_SAMPLE} and a period")
    (time_us,) = struct.unpack_from("<Q", frame, 2)
    period_us = int.from_bytes(frame[-_PERIOD:], "little") if n > 1 else None
    if time_us >= 2**63 // 1000 or period_us == 0:
        raise FrameError(f"OpenEarable PPG {frame.hex()}: no time since its start, or no time between its samples")
    values = np.frombuffer(frame, "<u4", 4 * n, offset=_HEAD).astype(np.int64).reshape(n, 4)
    period_ns = None if period_us is None else 1000.0 * period_us
    return [Block(PPG, CHANNELS, values, first_ns=1000 * time_us, period_ns=period_ns)]


def nearest_rate(wish_hz: float | None) -> int:
    """Index of the rate nearest the wish, the usual one without a wish."""
    if wish_hz is None:
        return USUAL_RATE
    return min(RATES_HZ, key=lambda index: abs(RATES_HZ[index] - wish_hz))


def start(options: DeviceOptions) -> Steps:
    """Ask for the PPG at the nearest rate."""
    index = nearest_rate(options.fs_hz)
    yield Write(CONFIG, bytes((_PPG_ID, index, _STREAM)))
    return Started({PPG: RATES_HZ[index]})


def stop() -> Steps:
    """Switch the PPG off."""
    yield Write(CONFIG, bytes((_PPG_ID, USUAL_RATE, _OFF)))
    return Started({})


def _matches(advert: Advert) -> bool:
    return SERVICE in advert.services or (advert.name or "").startswith("OpenEarable")


DRIVER = Driver(
    name="openearable",
    title="OpenEarable 2.0",
    matches=_matches,
    services=(SERVICE,),
    notify=(DATA, BATTERY_LEVEL),
    main=DATA,
    decoder=lambda: ByCharacteristic({DATA: parse_sensor, BATTERY_LEVEL: parse_battery}),
    # green: the strongest pulse of the three in reflection
    streams={PPG: StreamFormat(CHANNELS, RATES_HZ[USUAL_RATE], primary=2, polarity=-1)},
    start=start,
    stop=stop,
    frame_s=2 / RATES_HZ[USUAL_RATE],  # the firmware puts two samples into a notification
    min_mtu=3 + _HEAD + 2 * _SAMPLE + _PERIOD,
    pulse_delay_s=0.17,  # the ear is nearer the heart than the arm: a prior, not a measurement
    optional=(BATTERY_LEVEL,),
    source="github.com/OpenEarable/open-earable-2",
)

"""Pulse oximeters with the Bluetooth Pulse Oximeter Service: SpO2 and pulse rate, no waveform.

Source: Pulse Oximeter Service 1.0.1, 3.1 and 3.2; IEEE 11073-20601, SFLOAT-Type."""

from __future__ import annotations

import struct

from ingest.devices.driver import Driver, Numbers, base_uuid
from ingest.devices.plain import BATTERY_LEVEL, ByCharacteristic, no_steps, parse_battery
from ingest.errors import FrameError

__all__ = ["CONTINUOUS", "DRIVER", "SERVICE", "SPOT_CHECK", "parse_continuous", "parse_spot_check", "sfloat"]

SERVICE = base_uuid(0x1822)
CONTINUOUS = base_uuid(0x2A5F)
SPOT_CHECK = base_uuid(0x2A5E)
_NO_NUMBER = {0x07FF, 0x0800, 0x07FE, 0x0802, 0x0801}  # NaN, not at this resolution, +inf, -inf, reserved

# bytes that each flag adds after the two normal values, in this order
_CONTINUOUS_FIELDS = ((0x01, "fast", 4), (0x02, "slow", 4), (0x04, "status", 2), (0x08, "device", 3), (0x10, "pai", 2))
_SPOT_FIELDS = ((0x01, "time", 7), (0x02, "status", 2), (0x04, "device", 3), (0x08, "pai", 2))
_SPOT_CLOCK_NOT_SET = 0x10  # a flag without a field
_UNCONNECTED, _DISCONNECTED = 1 << 11, 1 << 15  # of the device and sensor status: off the user, off the device


def sfloat(word: int) -> float | None:
    """The value of a 16-bit SFLOAT, None for the words that stand for no number.

    word: exponent in the upper 4 bits, mantissa in the lower 12, both two's complement."""
    if word in _NO_NUMBER:
        return None
    exponent, mantissa = (word >> 12 ^ 8) - 8, (word & 0xFFF ^ 0x800) - 0x800
    return float(mantissa * 10**exponent if exponent >= 0 else mantissa / 10**-exponent)


def parse_continuous(frame: bytes) -> Numbers:
    """Read one PLX Continuous Measurement: the normal pair; fast and slow averages, status and amplitude are skipped,
    but for the sensor being off the user (contact). Raises FrameError on a length that the flags do not promise."""
    return _parse(frame, "PLX continuous measurement", _CONTINUOUS_FIELDS, 0x1F)


def parse_spot_check(frame: bytes) -> Numbers:
    """Read one PLX Spot-check Measurement; its time is skipped. Raises FrameError as parse_continuous."""
    return _parse(frame, "PLX spot-check measurement", _SPOT_FIELDS, 0x0F | _SPOT_CLOCK_NOT_SET)


def _parse(frame: bytes, what: str, fields: tuple[tuple[int, str, int], ...], known: int) -> Numbers:
    flags, at, where = frame[0] if frame else 0, 5, {}
    for flag, name, size in fields:
        if flags & flag:
            where[name] = at
            at += size
    # a reserved flag may announce fields of a later version behind the known ones: they are ignored
    if len(frame) < at or (len(frame) > at and not flags & ~known):
        raise FrameError(f"{what} {frame.hex()}: {len(frame)} bytes, its flags promise {at}")
    spo2, rate = struct.unpack_from("<HH", frame, 1)
    device = int.from_bytes(frame[where["device"] : where["device"] + 3], "little") if "device" in where else 0
    contact = False if device & (_UNCONNECTED | _DISCONNECTED) else None
    return Numbers(heart_rate_bpm=sfloat(rate), spo2_percent=sfloat(spo2), contact=contact)


DRIVER = Driver(
    name="plx",
    title="Pulse oximeter (Bluetooth Pulse Oximeter Service, numbers only)",
    matches=lambda advert: SERVICE in advert.services,
    services=(SERVICE,),
    notify=(CONTINUOUS, SPOT_CHECK, BATTERY_LEVEL),
    main=CONTINUOUS,
    decoder=lambda: ByCharacteristic(
        {CONTINUOUS: parse_continuous, SPOT_CHECK: parse_spot_check, BATTERY_LEVEL: parse_battery}
    ),
    streams={},
    start=lambda options: no_steps({}),
    stop=lambda: no_steps({}),
    frame_s=1.0,
    optional=(CONTINUOUS, SPOT_CHECK, BATTERY_LEVEL),  # the service demands one of the two measurements
    source="Bluetooth SIG, Pulse Oximeter Service 1.0.1",
)

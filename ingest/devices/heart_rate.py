"""Heart rate straps and armbands: the Bluetooth Heart Rate Service, numbers only.

Source: Heart Rate Service 1.0, 3.1; GATT Specification Supplement, Heart Rate Measurement."""

from __future__ import annotations

import struct

from ingest.devices.driver import Driver, Numbers, base_uuid
from ingest.devices.plain import BATTERY_LEVEL, ByCharacteristic, no_steps, parse_battery
from ingest.errors import FrameError

__all__ = ["DRIVER", "MEASUREMENT", "SERVICE", "parse_measurement"]

SERVICE = base_uuid(0x180D)
MEASUREMENT = base_uuid(0x2A37)
_RATE_U16, _CONTACT, _CONTACT_KNOWN, _ENERGY, _RR, _RESERVED = 0x01, 0x02, 0x04, 0x08, 0x10, 0xE0
_RR_MS = 1000 / 1024


def parse_measurement(frame: bytes) -> Numbers:
    """Read one Heart Rate Measurement; the expended energy is skipped.

    The rate is as sent: 0 is what many straps send off the skin, the service has no value for "none". RR intervals
    come in units of 1/1024 s, oldest first. Raises FrameError when the flags promise other than what is there."""
    flags = frame[0] if frame else 0
    rr_from = 2 + bool(flags & _RATE_U16) + 2 * bool(flags & _ENERGY)
    left = len(frame) - rr_from
    if left < 0:
        raise FrameError(f"heart rate measurement {frame.hex()}: {len(frame)} bytes, its flags promise {rr_from}")
    if flags & _RR and (left == 0 or left % 2):
        raise FrameError(f"heart rate measurement {frame.hex()}: {left} bytes are no RR intervals of 2 bytes each")
    if left and not flags & (_RR | _RESERVED):  # a reserved flag may announce fields of a later version: ignored
        raise FrameError(f"heart rate measurement {frame.hex()}: {left} bytes that its flags do not promise")
    rr = struct.unpack_from(f"<{left // 2}H", frame, rr_from) if flags & _RR else ()
    return Numbers(
        heart_rate_bpm=float(struct.unpack_from("<H" if flags & _RATE_U16 else "<B", frame, 1)[0]),
        rr_ms=tuple(one * _RR_MS for one in rr),
        contact=bool(flags & _CONTACT) if flags & _CONTACT_KNOWN else None,
    )


DRIVER = Driver(
    name="heart_rate",
    title="Heart rate strap or armband (Bluetooth Heart Rate Service)",
    matches=lambda advert: SERVICE in advert.services,
    services=(SERVICE,),
    notify=(MEASUREMENT, BATTERY_LEVEL),
    main=MEASUREMENT,
    decoder=lambda: ByCharacteristic({MEASUREMENT: parse_measurement, BATTERY_LEVEL: parse_battery}),
    streams={},
    start=lambda options: no_steps({}),
    stop=lambda: no_steps({}),
    frame_s=1.0,
    optional=(BATTERY_LEVEL,),
    source="Bluetooth SIG, Heart Rate Service 1.0",
)

"""What the data notifications of a Polar sensor say (Polar Measurement Data, "PMD"): bytes in, items out, no state.

A frame is a header of 10 bytes and its content. Header: measurement type (low 6 bits), u64 time stamp, frame type
(bit 7: delta compressed). The stamp is that of the LAST sample, in ns since 2000-01-01 on the sensor's own clock.
Source: Polar BLE SDK, technical_documentation/online_measurement.pdf 1.0, chapter 4, read together with what the SDK
of both platforms (commit 8fb5311c) accepts where the document is silent."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ingest.devices.driver import MOTION, PPG, Block, Facts, Item, Numbers
from ingest.errors import FrameError

__all__ = ["ACC_TYPE", "PPG_TYPE", "PPI_TYPE", "decode"]

PPG_TYPE, ACC_TYPE, PPI_TYPE = 1, 2, 3
_TYPE_BITS, _DELTA = 0x3F, 0x80
_HEADER = struct.Struct("<BQB")
_WIDEST = 32  # bits of one difference; no converter of these sensors has more than 24
_LIGHT_BYTES, _AXES = 3, ("x", "y", "z")
# Type 0 of the accelerometer counts in the sensor's own unit, all others are mg. The size of a count is announced when
# the stream is started (2.44e-4 g at the range of 8 g, which `start` asks for), which a frame by itself cannot tell.
_MG_PER_COUNT = 0.244


@dataclass(frozen=True, slots=True)
class _Layout:
    """One sample on the wire: the channels that are used, then `unused` status words, each of width_bytes."""

    channels: tuple[str, ...]
    unused: int = 0
    width_bytes: int = _LIGHT_BYTES

    @property
    def columns(self) -> int:
        return len(self.channels) + self.unused


def _numbered(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{index}" for index in range(count))


_LIGHT = _Layout(("ppg0", "ppg1", "ppg2", "ambient"))
_LIGHT_RAW = {0: _LIGHT}
_LIGHT_DELTA = {
    0: _LIGHT,  # Verity Sense, OH1
    7: _Layout(_numbered("ppg", 16), unused=1),
    8: _Layout(_numbered("ppg", 24), unused=1),
    # 8, 6 and 6 channels of different light. Which is which the vendor's SDKs do not agree on (Android: red, green,
    # infrared; iOS: green, red, infrared), so they stay in the order of the wire under names that claim nothing.
    10: _Layout(_numbered("ch", 20), unused=1),
    13: _Layout(_numbered("ppg", 2), unused=1),  # Polar 360, Polar Loop: one green light, two photodiodes
}
_MOTION_RAW = {kind: _Layout(_AXES, width_bytes=kind + 1) for kind in (0, 1, 2)}
_MOTION_DELTA = {kind: _Layout(_AXES, width_bytes=2) for kind in (0, 1)}
_GAIN_PAIRS = {4: 12, 9: 12, 14: 1}  # frame type -> time slots of the optical front end

# what an unsigned field of that many bits must be multiplied with, bit by bit, to be read as two's complement
_WEIGHTS = [np.where(np.arange(w) < w - 1, 1, -1).astype(np.int64) << np.arange(w) for w in range(_WIDEST + 1)]


def decode(frame: bytes) -> list[Item]:
    """Read one notification of the data characteristic.

    Light and motion give one Block with last_ns set, in the sensor's epoch: light in counts of its converter, motion
    in whole mg. Intervals between pulses give Numbers, settings of the front end give Facts (device_ns: the frame's
    stamp). Measurements that are not used (ECG, gyroscope, magnetometer, temperatures, ...) give nothing.

    Raises FrameError, and gives nothing, when the frame is shorter than its header, is of a frame type that its
    measurement does not have, or when its content is not a whole number of samples or blocks."""
    if len(frame) < _HEADER.size:
        raise FrameError(f"Polar frame {frame.hex()}: {len(frame)} bytes, its header alone has {_HEADER.size}")
    measurement, stamp_ns, kind = _HEADER.unpack_from(frame)
    decoder = _DECODERS.get(measurement & _TYPE_BITS)
    return [] if decoder is None else decoder(frame, stamp_ns, kind & ~_DELTA, bool(kind & _DELTA))


def _light(frame: bytes, stamp_ns: int, kind: int, delta: bool) -> list[Item]:
    layout = (_LIGHT_DELTA if delta else _LIGHT_RAW).get(kind)
    if layout is not None:
        return [Block(PPG, layout.channels, _samples(frame, layout, delta), last_ns=stamp_ns)]
    if not delta and kind in _GAIN_PAIRS:
        return _gains(frame, stamp_ns, kind)
    if not delta and kind == 5:
        return _words(frame, stamp_ns, "<I", "operation_mode")
    if not delta and kind == 6:
        return _words(frame, stamp_ns, "<Q", "sport_id")
    raise _unknown("PPG", kind, delta)


def _motion(frame: bytes, stamp_ns: int, kind: int, delta: bool) -> list[Item]:
    layout = (_MOTION_DELTA if delta else _MOTION_RAW).get(kind)
    if layout is None:
        raise _unknown("accelerometer", kind, delta)
    values = _samples(frame, layout, delta)
    if delta and kind == 0:
        values = np.rint(values * _MG_PER_COUNT).astype(np.int64)
    return [Block(MOTION, layout.channels, values, last_ns=stamp_ns)]


def _intervals(frame: bytes, _stamp_ns: int, kind: int, delta: bool) -> list[Item]:
    """6 bytes each: heart rate u8, interval u16 ms, its error u16 ms, flags. The stamp is 0 on most devices."""
    if delta or kind != 0:
        raise _unknown("pulse interval", kind, delta)
    rows = list(struct.iter_unpack("<BHHB", _whole(frame, 6)))
    heart_rate, _, _, flags = rows[-1]
    return [
        Numbers(
            heart_rate_bpm=float(heart_rate) or None,
            # Bit 0 says that the arm moved. Poor contact alone drops nothing: the document and the SDK read bit 2
            # in opposite ways, and both warn that these sensors do not know whether they are worn.
            rr_ms=tuple(float(row[1]) for row in rows if row[1] and not row[3] & 1),
            contact=bool(flags & 2) if flags & 4 else None,
        )
    ]


def _gains(frame: bytes, stamp_ns: int, kind: int) -> list[Item]:
    """For each time slot the number of integrations, then the gains (3 bits) of both channels, slot by slot."""
    slots = _GAIN_PAIRS[kind]
    content = _whole(frame, 3 * slots)
    return [
        Facts(
            {
                "frame_type": kind,
                "device_ns": stamp_ns,
                "integrations": list(content[at : at + slots]),
                "gain1": [gain & 7 for gain in content[at + slots : at + 3 * slots : 2]],
                "gain2": [gain & 7 for gain in content[at + slots + 1 : at + 3 * slots : 2]],
            }
        )
        for at in range(0, len(content), 3 * slots)
    ]


def _words(frame: bytes, stamp_ns: int, form: str, name: str) -> list[Item]:
    words = struct.iter_unpack(form, _whole(frame, struct.calcsize(form)))
    return [Facts({"device_ns": stamp_ns, name: word}) for (word,) in words]


def _samples(frame: bytes, layout: _Layout, delta: bool) -> np.ndarray:
    """(n, channels) int64 without the status words, n > 0."""
    columns, used = layout.columns, len(layout.channels)
    if not delta:
        content = _whole(frame, columns * layout.width_bytes)
        return _signed(content, layout.width_bytes).reshape(-1, columns)[:, :used]
    return np.cumsum(_differences(frame, columns, layout.width_bytes), axis=0)[:, :used]


def _differences(frame: bytes, columns: int, width_bytes: int) -> np.ndarray:
    """(n, columns) int64: the first sample, then each one's difference from the one before it.

    The first is in plain bytes. Then follow, until the end, blocks of: width in bits, number of samples, and that many
    differences for each column, packed without gaps, least significant bit first, the last byte filled up. Width 0 is
    refused, like a byte too many at the end: no sensor sends them, and they say nothing of the samples."""
    at = _HEADER.size + columns * width_bytes
    if len(frame) < at:
        raise _cut_off(frame, at)
    rows = [_signed(frame[_HEADER.size : at], width_bytes).reshape(1, columns)]
    while at < len(frame):
        if len(frame) < at + 2:
            raise _cut_off(frame, at + 2)
        width, count = frame[at], frame[at + 1]
        if not 1 <= width <= _WIDEST:
            raise FrameError(f"Polar frame: {width} bits per difference at byte {at}, 1 to {_WIDEST} are allowed")
        fields = count * columns
        end = at + 2 + -(-fields * width // 8)
        if len(frame) < end:
            raise _cut_off(frame, end)
        packed = np.frombuffer(frame, np.uint8, end - at - 2, at + 2)
        bits = np.unpackbits(packed, count=fields * width, bitorder="little")
        rows.append((bits.reshape(fields, width) @ _WEIGHTS[width]).reshape(count, columns))
        at = end
    return np.concatenate(rows)


def _signed(content: bytes, width_bytes: int) -> np.ndarray:
    """(n,) int64 of n little-endian two's complement numbers."""
    octets = np.frombuffer(content, np.uint8).reshape(-1, width_bytes).astype(np.int64)
    values = octets @ (1 << 8 * np.arange(width_bytes))
    sign = 1 << (8 * width_bytes - 1)
    return (values ^ sign) - sign


def _whole(frame: bytes, size: int) -> bytes:
    """The content, if it is one or more records of that many bytes."""
    content = frame[_HEADER.size :]
    if not content or len(content) % size:
        raise FrameError(f"Polar frame: {len(content)} bytes of content, not a whole number of records of {size} bytes")
    return content


def _cut_off(frame: bytes, needed: int) -> FrameError:
    return FrameError(
        f"Polar frame of {len(frame)} bytes is cut off, it says that it has at least {needed}: the link's MTU is too "
        "small, use an adapter that grants 232 bytes or more"
    )


def _unknown(measurement: str, kind: int, delta: bool) -> FrameError:
    how = "compressed" if delta else "uncompressed"
    return FrameError(f"Polar {measurement} frame: there is no {how} type {kind}")


_DECODERS = {PPG_TYPE: _light, ACC_TYPE: _motion, PPI_TYPE: _intervals}

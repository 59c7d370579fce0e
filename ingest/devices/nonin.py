"""Nonin 3150 BLE and 3230 oximeters: PPG at 75 Hz in frames of 25 (data format 22), and once a second the numbers.

Big-endian throughout. The devices want a bond: new ones are taken for two minutes after the batteries were put in.
Source: Nonin 113142-000-02 rev. B, as read by two independent decoders (github.com/maurovm/swift-async_pulse_ox, and
a published client of the 3150); 75 Hz is not in them and was not seen on a device."""

from __future__ import annotations

import struct

import numpy as np

from ingest.devices.driver import PPG, Advert, Block, Driver, Facts, Item, Numbers, StreamFormat
from ingest.devices.plain import BATTERY_LEVEL, ByCharacteristic, no_steps, parse_battery
from ingest.errors import FrameError

__all__ = ["DRIVER", "OXIMETRY", "SERVICE", "WAVEFORM", "parse_oximetry", "parse_waveform"]

SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
OXIMETRY = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
WAVEFORM = "ec0a883a-4d24-11e7-b114-b2f933d5fe66"
SAMPLES = 25
_WAVEFORM_BYTES = 1 + 2 * SAMPLES + 2
_OXIMETRY_BYTES = 10
_FITTED = 0x10  # of the status byte
_NO_SPO2, _NO_RATE = 127, 511


def parse_waveform(frame: bytes) -> Block:
    """Read one frame of data format 22: its length, 25 samples of 16 bits, a counter that wraps at 65536.
    Raises FrameError on any other length. Source: 113142, data format 22."""
    if len(frame) != _WAVEFORM_BYTES or frame[0] != _WAVEFORM_BYTES:
        stated = f"it states {frame[0]}" if frame else "it is empty"
        raise FrameError(f"Nonin waveform of {len(frame)} bytes, {stated}: {_WAVEFORM_BYTES} were expected")
    values = np.frombuffer(frame, ">u2", SAMPLES, offset=1).astype(np.int64)
    return Block(PPG, ("ppg",), values[:, None], counter=int.from_bytes(frame[-2:], "big"))


def parse_oximetry(frame: bytes) -> list[Item]:
    """Read one Continuous Oximetry notification: length, status, battery in 0.1 V, pulse amplitude, counter, SpO2,
    pulse rate. Raises FrameError on a wrong length; bytes after the rate, which the length counts, are skipped."""
    if len(frame) < _OXIMETRY_BYTES or frame[0] != len(frame):
        raise FrameError(
            f"Nonin oximetry {frame.hex()}: at least {_OXIMETRY_BYTES} bytes, the first being their number"
        )
    status, battery, spo2, rate = struct.unpack_from(">xBB4xBH", frame)
    numbers = Numbers(
        heart_rate_bpm=None if rate >= _NO_RATE else float(rate),
        spo2_percent=None if spo2 >= _NO_SPO2 else float(spo2),
        contact=bool(status & _FITTED),
    )
    return [numbers, Facts({"battery_mv": 100 * battery})]  # a voltage: no one says what is empty


def _matches(advert: Advert) -> bool:
    return SERVICE in advert.services or (advert.name or "").startswith("Nonin")


DRIVER = Driver(
    name="nonin",
    title="Nonin 3150 BLE, 3230",
    matches=_matches,
    services=(SERVICE,),
    notify=(WAVEFORM, OXIMETRY, BATTERY_LEVEL),
    main=WAVEFORM,
    decoder=lambda: ByCharacteristic(
        {WAVEFORM: parse_waveform, OXIMETRY: parse_oximetry, BATTERY_LEVEL: parse_battery}
    ),
    streams={PPG: StreamFormat(("ppg",), 75.0, counter_modulus=1 << 16, samples_per_count=SAMPLES)},
    start=lambda options: no_steps({PPG: 75.0}),
    stop=lambda: no_steps({}),
    frame_s=SAMPLES / 75.0,
    min_mtu=3 + _WAVEFORM_BYTES,
    optional=(WAVEFORM, OXIMETRY, BATTERY_LEVEL),  # not every model gives the waveform: its numbers are still used
    source="Nonin 113142-000-02 rev. B",
)

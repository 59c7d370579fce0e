"""Muse 2 and Muse S headbands (not the Athena, which speaks otherwise): infrared, red and ambient light, 64 Hz.

Each channel is a characteristic of its own with its own numbers; `ingest.devices.join` puts them side by side.
Source: github.com/urish/muse-js 4e86457 (src/muse.ts, src/lib/muse-parse.ts), muse-lsl for which light is which."""

from __future__ import annotations

from functools import partial

import numpy as np

from ingest.devices.driver import (
    PPG,
    Advert,
    Block,
    DeviceOptions,
    Driver,
    Started,
    Steps,
    StreamFormat,
    Write,
    base_uuid,
)
from ingest.devices.plain import ByCharacteristic
from ingest.errors import FrameError

__all__ = ["CHANNEL_OF", "CONTROL", "DRIVER", "SERVICE", "command", "parse_light"]

SERVICE = base_uuid(0xFE8D)
CONTROL = "273e0001-4c4d-454d-96be-f03bac821358"
CHANNEL_OF = {
    "273e0010-4c4d-454d-96be-f03bac821358": "ir",
    "273e0011-4c4d-454d-96be-f03bac821358": "red",
    "273e000f-4c4d-454d-96be-f03bac821358": "ambient",
}
SAMPLES, FS_HZ = 6, 64.0
_BYTES = 2 + 3 * SAMPLES
_PRESET = "p50"  # one of the two that switch the light on


def parse_light(channel: str, frame: bytes) -> Block:
    """Read one notification of one channel: a number that wraps at 65536, then six 24-bit samples, big-endian.
    Raises FrameError on any other length."""
    if len(frame) != _BYTES:
        raise FrameError(f"Muse {channel} {frame.hex()}: {len(frame)} bytes, {_BYTES} were expected")
    parts = np.frombuffer(frame, np.uint8, offset=2).astype(np.int64).reshape(SAMPLES, 3)
    values = parts @ np.array([[1 << 16], [1 << 8], [1]])
    return Block(PPG, (channel,), values, counter=int.from_bytes(frame[:2], "big"))


def command(text: str) -> bytes:
    """A control command: the number of bytes that follow, the text, a line feed."""
    return bytes((len(text) + 1,)) + text.encode("ascii") + b"\n"


def start(options: DeviceOptions) -> Steps:
    """Choose a preset with light, then let it stream. The rate is fixed."""
    yield Write(CONTROL, command(_PRESET))
    yield Write(CONTROL, command("d"))
    return Started({PPG: FS_HZ}, f"preset {_PRESET}")


def stop() -> Steps:
    """Halt."""
    yield Write(CONTROL, command("h"))
    return Started({})


def _matches(advert: Advert) -> bool:
    return SERVICE in advert.services or (advert.name or "").startswith(("Muse-", "MuseS-"))


def _decoder() -> ByCharacteristic:
    return ByCharacteristic({uuid: partial(parse_light, channel) for uuid, channel in CHANNEL_OF.items()})


DRIVER = Driver(
    name="muse",
    title="Muse 2, Muse S",
    matches=_matches,
    services=(SERVICE,),
    notify=tuple(CHANNEL_OF),
    main=next(iter(CHANNEL_OF)),
    decoder=_decoder,
    streams={
        PPG: StreamFormat(
            tuple(CHANNEL_OF.values()), FS_HZ, polarity=-1, counter_modulus=1 << 16, samples_per_count=SAMPLES
        )
    },
    start=start,
    stop=stop,
    frame_s=SAMPLES / FS_HZ,
    pulse_delay_s=0.2,  # the forehead: a prior, not a measurement
    source="github.com/urish/muse-js, github.com/alexandrebarachant/muse-lsl",
)

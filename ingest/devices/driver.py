"""What a device driver is: how its device is found, how its stream is started and stopped, what its notifications mean.

A driver does no I/O. Starting and stopping are generators that yield what to ask of the device and are sent its answer,
so that they run the same over Bluetooth, over a simulator, and in a test without either."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

__all__ = [
    "Advert",
    "Ask",
    "Await",
    "Block",
    "Decoder",
    "DeviceOptions",
    "Driver",
    "Facts",
    "Item",
    "Numbers",
    "Read",
    "Started",
    "Steps",
    "Stopped",
    "StreamFormat",
    "Write",
    "base_uuid",
]

PPG, MOTION = "ppg", "motion"


def base_uuid(short: int) -> str:
    """The 128-bit form of a 16-bit UUID (Bluetooth Core 5.4, volume 3, part B, 2.5.1), lower case."""
    return f"{short:08x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, slots=True)
class Advert:
    """What a device says of itself. services: 128-bit UUIDs, lower case."""

    name: str | None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Consecutive samples of one sensor, from one notification, oldest first.

    stream: PPG or MOTION. values: (n, channels) int64, as on the wire, columns as in `channels`, ambient light last,
    status words left out. valid: (n,) bool, None when all are; an invalid sample still takes its time. first_ns,
    last_ns: device time of the first or last sample, in the device's own epoch, whichever the frame tells.
    period_ns: from one sample to the next, when the frame tells. counter: the notification's number, which wraps."""

    stream: str
    channels: tuple[str, ...]
    values: np.ndarray
    valid: np.ndarray | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    period_ns: float | None = None
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the device computed itself; what it did not tell is None. rr_ms: RR or PP intervals, oldest first.
    contact: whether the sensor touches skin."""

    heart_rate_bpm: float | None = None
    spo2_percent: float | None = None
    rr_ms: tuple[float, ...] = ()
    battery_percent: float | None = None
    contact: bool | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The device ended its stream by itself; the link still stands."""

    why: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the device tells of its own set-up, such as gains: kept with the raw frames, not used."""

    values: dict[str, int | list[int]]


Item = Block | Numbers | Stopped | Facts


class Decoder(Protocol):
    """The meaning of one connection's notifications. Holds no more than what a frame that was cut in two needs."""

    def feed(self, characteristic: str, frame: bytes) -> list[Item]:
        """What one notification says; empty when it says nothing that is used. characteristic: UUID, lower case.

        Raises FrameError when the bytes are not what the device's description allows; nothing of such a frame is
        given out, and the next one can be fed."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """Ask: read a characteristic. The answer is its value."""

    characteristic: str


@dataclass(frozen=True, slots=True)
class Write:
    """Ask: write to a characteristic, with response where it has one. answered_by: the characteristic whose next
    notification is the answer; without one the answer is empty."""

    characteristic: str
    data: bytes
    answered_by: str | None = None


@dataclass(frozen=True, slots=True)
class Await:
    """Ask: the next notification of a characteristic, such as the further parts of an answer."""

    characteristic: str


Ask = Read | Write | Await


@dataclass(frozen=True, slots=True)
class Started:
    """What the device agreed to. fs_hz: announced, by stream; the real rate is measured. text: for people and logs."""

    fs_hz: dict[str, float]
    text: str = ""


Steps = Generator[Ask, bytes, Started]


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """What an owner may choose. fs_hz: wished rate, None for the device's usual. motion: the accelerometer too, where
    there is one. sdk_mode: Polar's, for other rates at the price of the heart rate."""

    fs_hz: float | None = None
    motion: bool = True
    sdk_mode: bool = False


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """One sensor. fs_hz: usual rate, until it is announced or measured. primary: index of the channel to use.
    polarity: +1 when a beat raises the value (pleth), -1 when it lowers it (raw light). counter_modulus: where the
    notifications' numbers wrap, None without numbers. samples_per_count: samples a number stands for, None when the
    number counts notifications of any size."""

    channels: tuple[str, ...]
    fs_hz: float
    primary: int = 0
    polarity: int = 1
    unit: str = "counts"
    counter_modulus: int | None = None
    samples_per_count: int | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """One kind of device.

    matches: whether an advertising device is of this kind. services: by which it is known once connected. notify:
    characteristics to subscribe to, in this order, all before `start`; a device that lacks one of `optional` is still
    used. main: the characteristic that a notification without a name is of. frame_s: usual time between notifications.
    min_mtu: ATT MTU below which frames are cut. pulse_delay_s: from R peak to pulse where it is usually worn, a prior,
    None for the bedside monitors' (0.56 s)."""

    name: str
    title: str
    matches: Callable[[Advert], bool]
    services: tuple[str, ...]
    notify: tuple[str, ...]
    main: str
    decoder: Callable[[], Decoder]
    streams: dict[str, StreamFormat]
    start: Callable[[DeviceOptions], Steps]
    stop: Callable[[], Steps]
    frame_s: float
    min_mtu: int = 23
    pulse_delay_s: float | None = None
    optional: tuple[str, ...] = ()
    source: str = ""

"""What a simulated device is: frames due at a time, answers to what is written, and the truth of what it measured.

No Bluetooth here: an adapter carries the frames (deploy.lookalike.player, and in tests one for bumble)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

__all__ = ["DeviceClock", "Frame", "Grid", "Services", "Simulator", "base_uuid"]

Services = Mapping[str, Mapping[str, tuple[str, ...]]]
_NONE = np.empty(0, np.int64)


def base_uuid(short: int) -> str:
    """The 128-bit form of a 16-bit UUID, lower case."""
    return f"{short:08x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One notification or indication, and what is in it.

    stream: "ppg" or "motion", empty for numbers and answers. values: (n, channels) int64, as measured.
    true_ns: (n,) int64, UTC at which each was measured. counter: the number the frame carries, if any."""

    characteristic: str
    data: bytes
    stream: str = ""
    values: np.ndarray = field(default_factory=lambda: _NONE)
    true_ns: np.ndarray = field(default_factory=lambda: _NONE)
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A quartz. set_ns: UTC at which it was set. shown_ns: what it showed then, since its own epoch. ppm: how much
    faster than true time it runs, in millionths."""

    set_ns: int
    shown_ns: int = 0
    ppm: float = 0.0

    def read(self, true_ns: int) -> int:
        """What it shows at a true time."""
        passed = true_ns - self.set_ns
        return self.shown_ns + passed + round(passed * self.ppm * 1e-6)

    def true_hz(self, fs_hz: float) -> float:
        """The true rate of what this quartz calls fs_hz."""
        return fs_hz * (1 + self.ppm * 1e-6)


@dataclass(frozen=True, slots=True)
class Grid:
    """When a sensor measures: sample k at origin_ns + k / fs_hz, whether or not anybody listens. Both are true."""

    origin_ns: int
    fs_hz: float

    def taken(self, now_ns: int) -> int:
        """How many samples have been taken by now, the one at the origin included."""
        return max(0, math.floor((now_ns - self.origin_ns) * 1e-9 * self.fs_hz) + 1)

    def times(self, first: int, count: int) -> np.ndarray:
        """UTC, ns, of `count` samples, (count,) int64."""
        steps = np.arange(first, first + count) * (1e9 / self.fs_hz)
        return self.origin_ns + np.rint(steps).astype(np.int64)


class Simulator:
    """A device that does nothing, to derive others from. Times are UTC in ns.

    name: as advertised. services: flags of each characteristic, {service: {characteristic: flags}}. advertised: the
    services in the advertisement. mtu: the most it agrees to. payload: bytes a notification may carry now."""

    name = ""
    advertised: tuple[str, ...] = ()
    services: ClassVar[Services] = {}
    mtu = 247
    payload = 244

    def connected(self, payload: int) -> None:
        """A link stands; payload: bytes that one notification can carry."""
        self.payload = payload

    def disconnected(self) -> None:
        """The link is gone."""

    def read(self, characteristic: str) -> bytes:
        """The value of a characteristic."""
        return b""

    def on_write(self, characteristic: str, data: bytes, now_ns: int) -> list[Frame]:
        """What a write to a characteristic is answered with."""
        return []

    def due_frames(self, now_ns: int) -> list[Frame]:
        """What has become due since the last call, oldest first, whether or not anybody is subscribed."""
        return []

    def reboot(self, now_ns: int) -> None:
        """It restarts: streams end, its clock begins anew."""

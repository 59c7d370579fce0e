"""A simulated device behind a peripheral: its frames go out when they are due, and what went out is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from deploy.lookalike.peripheral import Characteristic, Peripheral
from deploy.wearable.simulator import Frame, Simulator

__all__ = ["Player", "Truth"]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What really was before a sensor. values: (n, channels) int64. true_ns: (n,) int64, UTC of each."""

    values: np.ndarray
    true_ns: np.ndarray


class Player:
    """device: what is simulated. peripheral: how it is seen, and where its faults are set. now_ns: UTC.

    sent: frames that went out whole, oldest first. lost: frames that were cut, or went nowhere while the link stood,
    for want of a subscriber too; both only with keep_frames."""

    def __init__(
        self,
        device: Simulator,
        address: str,
        now_ns: Callable[[], int],
        *,
        mtu: int | None = None,
        rssi_dbm: int = -55,
        seed: int = 0,
        keep_frames: bool = True,
    ) -> None:
        self.device = device
        self.sent: list[Frame] = []
        self.lost: list[Frame] = []
        self._now_ns, self._keep_frames = now_ns, keep_frames
        self.peripheral = Peripheral(
            address,
            device.name,
            {
                service: {uuid: self._characteristic(uuid, flags) for uuid, flags in characteristics.items()}
                for service, characteristics in device.services.items()
            },
            device.advertised,
            mtu=mtu or device.mtu,
            rssi_dbm=rssi_dbm,
            seed=seed,
            on_connected=lambda: device.connected(self.peripheral.payload),
            on_disconnected=device.disconnected,
        )

    def truth(self, stream: str = "ppg") -> Truth:
        """The samples in all frames of a stream that went out whole."""
        frames = [frame for frame in self.sent if frame.stream == stream]
        if not frames:
            return Truth(np.empty((0, 0), np.int64), np.empty(0, np.int64))
        return Truth(
            np.concatenate([frame.values for frame in frames]), np.concatenate([frame.true_ns for frame in frames])
        )

    def tick(self) -> None:
        """Send what has become due."""
        self.send(self.device.due_frames(self._now_ns()))

    def send(self, frames: Iterable[Frame]) -> None:
        """Send frames now."""
        connected = self.peripheral.connected
        for frame in frames:
            whole = self.peripheral.notify(frame.characteristic, frame.data)
            if connected and self._keep_frames:
                (self.sent if whole else self.lost).append(frame)

    def drop(self) -> None:
        """The link breaks now."""
        self.peripheral.drop()

    def stall(self) -> None:
        """Notifications stop while the link stands."""
        self.peripheral.stall()

    def resume(self) -> None:
        """Notifications go on."""
        self.peripheral.resume()

    def away(self) -> None:
        """Out of range: the link breaks, nothing is advertised."""
        self.peripheral.advertising = False
        self.peripheral.drop()

    def back(self) -> None:
        """In range again."""
        self.peripheral.advertising = True

    def reboot(self, down_s: float = 0.5) -> None:
        """The device restarts: link lost, its clock begins anew, and it advertises again after a while."""
        self.away()
        self.device.reboot(self._now_ns())
        asyncio.get_running_loop().call_later(down_s, self.back)

    def _characteristic(self, uuid: str, flags: tuple[str, ...]) -> Characteristic:
        return Characteristic(flags, partial(self.device.read, uuid), partial(self._written, uuid))

    def _written(self, uuid: str, data: bytes) -> None:
        answers = self.device.on_write(uuid, data, self._now_ns())
        # the answer to the write goes out first, as over the air
        asyncio.get_running_loop().call_soon(self.send, answers)

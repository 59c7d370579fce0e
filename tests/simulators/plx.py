"""A pulse oximeter without a waveform: one measurement a second. Layout: Pulse Oximeter Service 1.0.1, 3.2."""

import struct
from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import Frame, Services, base_uuid
from tests.simulators.sampler import Sampler, ramps

__all__ = ["Plx"]

SERVICE, CONTINUOUS = base_uuid(0x1822), base_uuid(0x2A5F)
_DEVICE_STATUS, _OFF_THE_USER = 0x08, 1 << 11
_NAN = 0x07FF


class Plx(Sampler):
    """signal: (n, 2) SpO2 in tenths of a percent, pulse per minute. is_worn: False sends no numbers and why."""

    name = "Oximeter"
    advertised = (SERVICE,)
    services: ClassVar[Services] = {SERVICE: {CONTINUOUS: ("notify",)}}

    def __init__(self, start_ns: int, *, signal: np.ndarray | None = None, is_worn: bool = True, **options) -> None:
        usual = np.hstack([ramps(90, 1, 900, 1000), ramps(90, 1, 50, 140)])
        super().__init__(usual if signal is None else signal, start_ns, **options)
        self.is_worn = is_worn

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        if not self.is_worn:
            data = struct.pack("<BHH", _DEVICE_STATUS, _NAN, _NAN) + _OFF_THE_USER.to_bytes(3, "little")
            return [Frame(CONTINUOUS, data)]
        spo2 = 0xF000 | int(values[0, 0])  # exponent -1
        data = struct.pack("<BHH", 0, spo2, int(values[0, 1]))
        return [Frame(CONTINUOUS, data, values=values, true_ns=true_ns)]

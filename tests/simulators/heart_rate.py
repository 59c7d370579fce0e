"""A heart rate strap: one measurement a second. Layout: Heart Rate Service 1.0, 3.1."""

import struct
from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import Frame, Services, base_uuid
from tests.simulators.sampler import Sampler, ramps

__all__ = ["HeartRate"]

SERVICE, MEASUREMENT = base_uuid(0x180D), base_uuid(0x2A37)
_WIDE, _CONTACT, _ENERGY, _RR = 0x01, 0x06, 0x08, 0x10


class HeartRate(Sampler):
    """signal: (n, 1) beats per minute. wide: rate in 16 bits, and the expended energy before the RR intervals."""

    name = "Strap 1234"
    advertised = (SERVICE,)
    services: ClassVar[Services] = {SERVICE: {MEASUREMENT: ("notify",)}}

    def __init__(self, start_ns: int, *, signal: np.ndarray | None = None, wide: bool = False, **options) -> None:
        super().__init__(ramps(140, 1, 40, 180) if signal is None else signal, start_ns, **options)
        self._wide = wide

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        bpm = int(values[0, 0])
        rr = [round(60 * 1024 / bpm)] * max(1, round(bpm / 60))
        flags = _CONTACT | _RR
        head = struct.pack("<BHH", flags | _WIDE | _ENERGY, bpm, counter) if self._wide else bytes([flags, bpm])
        return [Frame(MEASUREMENT, head + struct.pack(f"<{len(rr)}H", *rr), values=values, true_ns=true_ns)]

"""A Nonin 3150: light at 75 Hz in frames of 25 with a counter, numbers once a second.

Layout: Nonin 113142, data format 22 and Continuous Oximetry."""

import struct
from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import Frame, Services
from tests.simulators.sampler import Sampler, ramps

__all__ = ["Nonin"]

SERVICE = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"
OXIMETRY = "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
WAVEFORM = "ec0a883a-4d24-11e7-b114-b2f933d5fe66"
_FITTED = 0x10


class Nonin(Sampler):
    """signal: (n, 1) 0..65535. pulse, spo2: as told, 511 and 127 for none."""

    name = "Nonin3150_50123456"
    advertised = (SERVICE,)
    services: ClassVar[Services] = {SERVICE: {OXIMETRY: ("notify",), WAVEFORM: ("notify",)}}
    rate_hz, size = 75.0, 25

    def __init__(
        self, start_ns: int, *, signal: np.ndarray | None = None, pulse: int = 72, spo2: int = 97, **options
    ) -> None:
        super().__init__(ramps(7500, 1, 0, 65535) if signal is None else signal, start_ns, **options)
        self.pulse, self.spo2 = pulse, spo2

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        count = counter & 0xFFFF
        wave = bytes([53]) + values[:, 0].astype(">u2").tobytes() + count.to_bytes(2, "big")
        frames = [Frame(WAVEFORM, wave, "ppg", values, true_ns, count)]
        if counter % 3 == 0:  # three frames make a second
            told = struct.pack(">BBBHHBH", 10, _FITTED, 29, 512, count, self.spo2, self.pulse)
            frames.append(Frame(OXIMETRY, told))
        return frames

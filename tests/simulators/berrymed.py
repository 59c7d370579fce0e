"""A BerryMed finger oximeter: packets of 5 bytes at 100 Hz, in notifications that may cut them anywhere.

Layout: BCI Protocol 1.2, the one table."""

from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import Frame, Services
from tests.simulators.sampler import Sampler, ramps

__all__ = ["BerryMed"]

SERVICE = "49535343-fe7d-4ae5-8fa9-9fafd205e455"
DATA = "49535343-1e4d-4bd9-ba61-23c647249616"


class BerryMed(Sampler):
    """signal: (n, 1) pleth 1..100. chunk: bytes of a notification; 20 hold four packets. pulse, spo2: as told."""

    name = "BerryMed"
    advertised = (SERVICE,)
    services: ClassVar[Services] = {SERVICE: {DATA: ("notify",)}}
    rate_hz = 100.0

    def __init__(
        self,
        start_ns: int,
        *,
        signal: np.ndarray | None = None,
        chunk: int = 20,
        pulse: int = 72,
        spo2: int = 97,
        **options,
    ) -> None:
        super().__init__(ramps(1000, 1, 1, 100) if signal is None else signal, start_ns, **options)
        self.pulse, self.spo2, self.has_finger = pulse, spo2, True
        self._chunk, self._waiting, self._ended = chunk, b"", []

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        """A notification holds the samples whose packets end in it."""
        self._waiting += self._packet(int(values[0, 0]))
        self._ended.append((values[0], true_ns[0], len(self._waiting)))
        frames = []
        while len(self._waiting) >= self._chunk:
            chunk, self._waiting = self._waiting[: self._chunk], self._waiting[self._chunk :]
            done = [one for one in self._ended if one[2] <= self._chunk]
            self._ended = [(value, ns, end - self._chunk) for value, ns, end in self._ended[len(done) :]]
            told = np.array([one[0] for one in done], np.int64).reshape(-1, 1)
            frames.append(Frame(DATA, chunk, "ppg", told, np.array([one[1] for one in done], np.int64)))
        return frames

    def disconnected(self) -> None:
        """See Simulator: what was waiting is not sent to the next."""
        self._waiting, self._ended = b"", []

    def _packet(self, pleth: int) -> bytes:
        away = 0 if self.has_finger else 0x10
        bar = pleth * 15 // 100
        return bytes([0x88, pleth, away | (self.pulse & 0x80) >> 1 | bar, self.pulse & 0x7F, self.spo2])

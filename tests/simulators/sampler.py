"""What the simulated devices share: a signal that is measured on and on, and sent in frames of so many samples."""

import numpy as np

from deploy.wearable.simulator import DeviceClock, Frame, Grid, Simulator

__all__ = ["Sampler", "ramps"]


def ramps(n: int, channels: int, low: int, high: int) -> np.ndarray:
    """(n, channels) int64 within low..high, both included: saw teeth of different steps, so that a sample that is lost,
    doubled or swapped shows."""
    steps = np.array([7, 11, 13, 17])[:channels]
    return low + np.arange(n)[:, None] * steps % (high - low + 1)


class Sampler(Simulator):
    """signal: (n, channels) int, repeated. start_ns: UTC of sample 0. ppm: of the device's quartz. counter: of the
    first frame; frames are counted whether or not anybody hears them. rate_hz, size: of a derived class, samples per
    second by its own quartz and per frame."""

    rate_hz = 1.0
    size = 1

    def __init__(self, signal: np.ndarray, start_ns: int, *, ppm: float = 0.0, counter: int = 0) -> None:
        self.signal = np.asarray(signal, np.int64)
        self.is_on = True
        self.clock = DeviceClock(start_ns, ppm=ppm)
        self._grid = Grid(start_ns, self.clock.true_hz(self.rate_hz))
        self._next = 0
        self._counter = counter

    def due_frames(self, now_ns: int) -> list[Frame]:
        """See Simulator. What was measured while it was off is not sent."""
        frames = []
        while self._grid.taken(now_ns) - self._next >= self.size:
            if self.is_on:
                values = self.signal[np.arange(self._next, self._next + self.size) % len(self.signal)]
                frames += self.framed(values, self._grid.times(self._next, self.size), self._counter)
            self._next += self.size
            self._counter += 1
        return frames

    def reboot(self, now_ns: int) -> None:
        """See Simulator: clock and counter begin at zero."""
        self.clock = DeviceClock(now_ns, ppm=self.clock.ppm)
        self._counter = 0

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        """How the device puts them. values: (size, channels). true_ns: (size,)."""
        raise NotImplementedError

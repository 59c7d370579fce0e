"""Boards that print their samples over the Nordic UART: lines of text in notifications that cut them anywhere."""

from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import Frame, Services
from tests.simulators.sampler import Sampler, ramps

__all__ = ["Bangle", "Board"]

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
RX = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
TX = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"


class Board(Sampler):
    """signal: (n, 1). has_time: each line begins with its time in ms since the start. chunk: bytes of a notification;
    what is printed leaves at the latest with the second line after it."""

    name = "MAX30102"
    advertised: tuple[str, ...] = (SERVICE,)
    services: ClassVar[Services] = {SERVICE: {RX: ("write", "write-without-response"), TX: ("notify",)}}
    rate_hz, size = 50.0, 2

    def __init__(
        self, start_ns: int, *, signal: np.ndarray | None = None, has_time: bool = True, chunk: int = 20, **options
    ) -> None:
        super().__init__(ramps(5000, 1, 30_000, 60_000) if signal is None else signal, start_ns, **options)
        self._has_time, self._chunk = has_time, chunk

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        """A notification holds the samples whose lines end in it."""
        lines = [self._line(int(value), int(ns)) for (value,), ns in zip(values, true_ns, strict=True)]
        ends, text = np.cumsum([len(line) for line in lines]), b"".join(lines)
        frames = []
        for at in range(0, len(text), self._chunk):
            done = (ends > at) & (ends <= at + self._chunk)
            frames.append(Frame(TX, text[at : at + self._chunk], "ppg", values[done], true_ns[done]))
        return frames

    def _line(self, value: int, true_ns: int) -> bytes:
        time = f"t:{self.clock.read(true_ns) / 1e6:.1f} " if self._has_time else ""
        return f"{time}ppg:{value}\r\n".encode()


class Bangle(Board):
    """A watch whose prompt takes a program: it prints once the program has switched the sensor on."""

    name = "Bangle.js 1234"
    advertised = ()

    def __init__(self, start_ns: int, **options) -> None:
        super().__init__(start_ns, **options)
        self.is_on, self._typed = False, b""

    def on_write(self, characteristic: str, data: bytes, now_ns: int) -> list[Frame]:
        """See Simulator: obeys the lines that switch its heart rate sensor, and says what the prompt says."""
        self._typed += data
        *lines, self._typed = self._typed.split(b"\n")
        frames = []
        for line in lines:
            if b"setHRMPower(1" in line and b"=" not in line:
                self.is_on = True
            elif line.endswith(b"p2es.off()"):
                self.is_on = False
            frames.append(Frame(TX, b"=undefined\r\n"))
        return frames

    def disconnected(self) -> None:
        """See Simulator: the program listens for it."""
        self.is_on, self._typed = False, b""

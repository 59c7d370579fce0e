"""An OpenEarable 2.0: four lights as u32, stamped in microseconds since its start with the first sample's time.

Layout: firmware github.com/OpenEarable/open-earable-2 5c4fd88, SensorManager/PPG.cpp and openearable_common.h."""

import struct
from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import DeviceClock, Frame, Grid, Services
from tests.simulators.sampler import Sampler, ramps

__all__ = ["OpenEarable"]

SERVICE = "34c2e3bb-34aa-11eb-adc1-0242ac120002"
DATA = "34c2e3bc-34aa-11eb-adc1-0242ac120002"
CONFIG = "34c2e3be-34aa-11eb-adc1-0242ac120002"
_PPG_ID = 4
_RATES_HZ = (24.995, 50.027, 84.021, 99.902, 199.805, 399.610)


class OpenEarable(Sampler):
    """signal: (n, 4) red, infrared, green, ambient. uptime_s: since its start, when it is turned on here. Silent until
    it is configured; size: samples in a notification."""

    name = "OpenEarable-ABCD"
    advertised = (SERVICE,)
    services: ClassVar[Services] = {SERVICE: {DATA: ("notify",), CONFIG: ("read", "write")}}
    rate_hz, size = _RATES_HZ[1], 2

    def __init__(
        self, start_ns: int, *, signal: np.ndarray | None = None, uptime_s: float = 60.0, size: int = 2, **options
    ) -> None:
        super().__init__(ramps(5000, 4, 0, 2**19 - 1) if signal is None else signal, start_ns, **options)
        self.clock = DeviceClock(start_ns, round(uptime_s * 1e9), self.clock.ppm)
        self.is_on, self.size, self._start_ns = False, size, start_ns

    def on_write(self, characteristic: str, data: bytes, now_ns: int) -> list[Frame]:
        """See Simulator: sensor, index of its rate, flags of which the lowest is streaming."""
        if characteristic == CONFIG and len(data) == 3 and data[0] == _PPG_ID:
            self.is_on, self.rate_hz = bool(data[2] & 1), _RATES_HZ[data[1]]
            self._grid = Grid(self._start_ns, self.clock.true_hz(self.rate_hz))
            self._next = self._grid.taken(now_ns)
        return []

    def disconnected(self) -> None:
        """See Simulator."""
        self.is_on = False

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        content = values.astype("<u4").tobytes()
        if len(values) > 1:
            content += round(1e6 / self.rate_hz).to_bytes(2, "little")
        head = struct.pack("<BBQ", _PPG_ID, len(content), self.clock.read(int(true_ns[0])) // 1000)
        return [Frame(DATA, head + content, "ppg", values, true_ns)]

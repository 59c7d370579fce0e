"""A Muse 2: three lights of 24 bits at 64 Hz, each by a characteristic of its own with its own numbers.

Layout: github.com/urish/muse-js 4e86457, src/muse.ts and src/lib/muse-parse.ts."""

from typing import ClassVar

import numpy as np

from deploy.wearable.simulator import Frame, Services, base_uuid
from tests.simulators.sampler import Sampler, ramps

__all__ = ["Muse"]

SERVICE = base_uuid(0xFE8D)
CONTROL = "273e0001-4c4d-454d-96be-f03bac821358"
LIGHTS = {  # in the order they are sent
    "ambient": "273e000f-4c4d-454d-96be-f03bac821358",
    "ir": "273e0010-4c4d-454d-96be-f03bac821358",
    "red": "273e0011-4c4d-454d-96be-f03bac821358",
}
_PRESETS_WITH_LIGHT = (b"p50", b"p51")


class Muse(Sampler):
    """signal: (n, 3) ambient, infrared, red, below 2^24. Silent until a preset with light and the command to stream.
    The frames' streams are called as the lights."""

    name = "Muse-1A2B"
    advertised = (SERVICE,)
    services: ClassVar[Services] = {
        SERVICE: {CONTROL: ("write", "write-without-response", "notify"), **dict.fromkeys(LIGHTS.values(), ("notify",))}
    }
    rate_hz, size = 64.0, 6

    def __init__(self, start_ns: int, *, signal: np.ndarray | None = None, **options) -> None:
        super().__init__(ramps(6400, 3, 0, 2**24 - 1) if signal is None else signal, start_ns, **options)
        self.is_on = self._has_light = False

    def on_write(self, characteristic: str, data: bytes, now_ns: int) -> list[Frame]:
        """See Simulator: a byte with the length of what follows, text, line feed."""
        if characteristic != CONTROL or len(data) < 3 or data[0] != len(data) - 1 or data[-1:] != b"\n":
            return []
        text = data[1:-1]
        if text.startswith(b"p"):
            self._has_light = text in _PRESETS_WITH_LIGHT
        elif text in (b"d", b"h"):
            self.is_on = text == b"d" and self._has_light
        return [Frame(CONTROL, b'{"rc":0}')]

    def disconnected(self) -> None:
        """See Simulator."""
        self.is_on = self._has_light = False

    def framed(self, values: np.ndarray, true_ns: np.ndarray, counter: int) -> list[Frame]:
        count = counter & 0xFFFF
        frames = []
        for column, (light, uuid) in enumerate(LIGHTS.items()):
            packed = b"".join(int(one).to_bytes(3, "big") for one in values[:, column])
            told = values[:, column : column + 1]
            frames.append(Frame(uuid, count.to_bytes(2, "big") + packed, light, told, true_ns, count))
        return frames

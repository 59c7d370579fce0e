"""What plain devices share: they stream once they are subscribed to, and each notification stands for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingest.devices.driver import Item, Numbers, Started, Steps, base_uuid
from ingest.errors import FrameError

__all__ = ["BATTERY_LEVEL", "ByCharacteristic", "no_steps", "parse_battery"]

BATTERY_LEVEL = base_uuid(0x2A19)


class ByCharacteristic:
    """A decoder without a memory: one function for each characteristic; others say nothing that is used."""

    def __init__(self, parsers: Mapping[str, Callable[[bytes], Item | list[Item]]]) -> None:
        """parsers: by lower-case UUID."""
        self._parsers = parsers

    def feed(self, characteristic: str, frame: bytes) -> list[Item]:
        """See Decoder.feed."""
        parse = self._parsers.get(characteristic)
        said = [] if parse is None else parse(frame)
        return said if isinstance(said, list) else [said]


def no_steps(fs_hz: dict[str, float]) -> Steps:
    """Nothing to ask of the device; fs_hz as in Started."""
    yield from ()
    return Started(fs_hz)


def parse_battery(frame: bytes) -> Numbers:
    """Battery Level, percent. Raises FrameError. Source: Battery Service 1.1, 3.1."""
    if len(frame) != 1 or frame[0] > 100:
        raise FrameError(f"battery level {frame.hex() or 'of no bytes'}: one byte from 0 to 100 was expected")
    return Numbers(battery_percent=float(frame[0]))

"""BerryMed BM1000 finger oximeters: a pleth at 100 Hz as a stream of 5-byte packets, without a counter or a check sum.

Source: BCI Protocol 1.2 (Shanghai Berry), the one table; github.com/zh2x/BCI_Protocol b0237a4."""

from __future__ import annotations

import numpy as np

from ingest.devices.driver import PPG, Advert, Block, Driver, Item, Numbers, StreamFormat
from ingest.devices.plain import no_steps
from ingest.errors import FrameError

__all__ = ["DATA", "DRIVER", "SERVICE", "BciDecoder"]

# the transparent UART of Microchip's (once ISSC) Bluetooth modules, which other makers' devices have too
SERVICE = "49535343-fe7d-4ae5-8fa9-9fafd205e455"
DATA = "49535343-1e4d-4bd9-ba61-23c647249616"
_PACKET, _SYNC = 5, 0x80
_NO_SIGNAL, _UNPLUGGED = 0x10, 0x20  # of byte 0
_NO_FINGER, _SEARCHING, _RATE_BIT_7 = 0x10, 0x20, 0x40  # of byte 2
_NO_RATE, _NO_SPO2 = 255, 127


class BciDecoder:
    """Joins the packets, which may be cut by a notification's end, and finds back to them after a loss.

    A packet is five bytes of which the first alone has bit 7; all others are passed over. A lost notification shows
    neither in a packet nor between two: only the rate of arrival tells."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, characteristic: str, frame: bytes) -> list[Item]:
        """A Block of the packets that end here, and Numbers of the last of them: rate, SpO2 and finger once a
        notification. Raises FrameError when five bytes or more hold no part of a packet."""
        if characteristic != DATA:
            return []
        packets, used = [], 0
        for byte in frame:
            if byte & _SYNC:
                self._held = bytes((byte,))
            elif self._held:
                self._held += bytes((byte,))
            else:
                continue
            used += 1
            if len(self._held) == _PACKET:
                packets.append(self._held)
                self._held = b""
        if not used and len(frame) >= _PACKET:
            raise FrameError(f"BCI bytes {frame.hex()}: no packet starts in them")
        return [_block(packets), _numbers(packets[-1])] if packets else []


def _block(packets: list[bytes]) -> Block:
    valid = np.array([_is_valid(packet) for packet in packets])
    values = np.array([[packet[1]] for packet in packets], np.int64)
    return Block(PPG, ("pleth",), values, valid=None if valid.all() else valid)


def _is_valid(packet: bytes) -> bool:
    away = packet[0] & _UNPLUGGED or packet[2] & _NO_FINGER
    lost = packet[0] & _NO_SIGNAL and packet[2] & _SEARCHING
    return packet[1] != 0 and not away and not lost


def _numbers(packet: bytes) -> Numbers:
    rate = packet[3] | (0x80 if packet[2] & _RATE_BIT_7 else 0)
    return Numbers(
        heart_rate_bpm=None if rate == _NO_RATE else float(rate),
        spo2_percent=None if packet[4] == _NO_SPO2 or packet[4] > 100 else float(packet[4]),
        contact=not (packet[0] & _UNPLUGGED or packet[2] & _NO_FINGER),
    )


def _matches(advert: Advert) -> bool:
    return SERVICE in advert.services or (advert.name or "").lower().startswith(("berrymed", "bm1000"))


DRIVER = Driver(
    name="berrymed",
    title="BerryMed BM1000 finger oximeter (BCI 1.2)",
    matches=_matches,
    services=(SERVICE,),
    notify=(DATA,),
    main=DATA,
    decoder=BciDecoder,
    streams={PPG: StreamFormat(("pleth",), 100.0)},
    start=lambda options: no_steps({PPG: 100.0}),
    stop=lambda: no_steps({}),
    frame_s=0.04,  # four packets in the usual 20 bytes
    source="BCI Protocol 1.2, github.com/zh2x/BCI_Protocol",
)

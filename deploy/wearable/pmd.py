"""The control point of Polar's measurement service: a state machine from commands to answers, without streams.

Written from the description of the protocol and sharing no code with the driver, so that the two check each other.
Source: Polar BLE SDK, technical_documentation/online_measurement.pdf 1.0; PmdControlPointResponse in the SDK."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ACC", "NORMAL", "PPG", "PmdControl", "RATE", "SDK", "Status"]

PPG, ACC, SDK_MODE = 1, 2, 9
RATE, RESOLUTION, RANGE, CHANNELS, FACTOR = 0, 1, 2, 4, 5
_SIZES = {RATE: 2, RESOLUTION: 2, RANGE: 2, 3: 4, CHANNELS: 1, FACTOR: 4, 6: 16}
_SETTINGS, _START, _STOP, _SDK_SETTINGS, _STATUS, _SDK_STATUS = 1, 2, 3, 4, 5, 6
_RESPONSE, _STOPPED, _FEATURES = 0xF0, 0x01, 0x0F
_ONLINE = 1 << 6

Offer = Mapping[int, tuple[int, ...]]
# Verity Sense: what it says it offers; the rates it says are not quite those it measures at
NORMAL: Mapping[int, Offer] = {
    PPG: {RATE: (55,), RESOLUTION: (22,), CHANNELS: (4,)},
    ACC: {RATE: (52,), RESOLUTION: (16,), RANGE: (8,), CHANNELS: (3,)},
}
SDK: Mapping[int, Offer] = {
    PPG: {RATE: (28, 44, 55, 135, 176), RESOLUTION: (22,), CHANNELS: (4,)},
    ACC: {RATE: (26, 52, 104, 208, 416), RESOLUTION: (16,), RANGE: (2, 4, 8, 16), CHANNELS: (3,)},
}


class Status:
    """Answers of the control point that are used here."""

    OK, BAD_COMMAND, BAD_TYPE, NOT_SUPPORTED, BAD_LENGTH, BAD_PARAMETER, ALREADY = range(7)
    BAD_RESOLUTION, BAD_RATE, BAD_RANGE, BAD_CHANNELS, BAD_STATE, IN_CHARGER = 7, 8, 9, 11, 12, 13


_REFUSALS = {
    RATE: Status.BAD_RATE,
    RESOLUTION: Status.BAD_RESOLUTION,
    RANGE: Status.BAD_RANGE,
    CHANNELS: Status.BAD_CHANNELS,
}


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@dataclass(slots=True)
class PmdControl:
    """running: settings of the running streams by type. parts: in how many answers settings are told (`more`).
    in_charger: nothing can be started. Features are a Verity Sense's; of its sensors, light and motion are here."""

    parts: int = 1
    in_charger: bool = False
    sdk_mode: bool = False
    running: dict[int, dict[int, int]] = field(default_factory=dict)

    def features(self) -> bytes:
        """What the control point reads as."""
        return bytes([_FEATURES, 0b0110_1110, 0b0000_0010]).ljust(17, b"\0")

    def answer(self, command: bytes) -> list[bytes]:
        """Obey a command. Returns the indications it is answered with, at least one."""
        code = command[0] if command else 0
        kind = command[1] if len(command) > 1 else 0
        try:
            parameters = self._obey(code, kind, command[2:])
        except _Refused as refused:
            return [bytes([_RESPONSE, code, kind, refused.status])]
        parts = self.parts if code in (_SETTINGS, _SDK_SETTINGS) else 1
        size = -(-len(parameters) // parts) or 1
        cut = [parameters[at : at + size] for at in range(0, len(parameters), size)] or [b""]
        header = bytes([_RESPONSE, code, kind, Status.OK])
        return [header + bytes([index < len(cut) - 1]) + part for index, part in enumerate(cut)]

    def stop_by_itself(self) -> bytes:
        """The device ends all streams unasked. Returns what it tells."""
        told = bytes([_STOPPED, *self.running])
        self.running.clear()
        return told

    def reset(self) -> None:
        """As after a restart."""
        self.running.clear()
        self.sdk_mode = False

    def _obey(self, code: int, kind: int, parameters: bytes) -> bytes:
        if code == _STATUS:
            return bytes(one | _ONLINE if one in self.running else one for one in NORMAL)
        if code == _SDK_STATUS:
            return bytes([self.sdk_mode])
        if code not in (_SETTINGS, _SDK_SETTINGS, _START, _STOP):
            raise _Refused(Status.BAD_COMMAND)
        if kind == SDK_MODE and code in (_START, _STOP):
            return self._switch_sdk(code == _START)
        offer = self._offer(kind, full=code == _SDK_SETTINGS or self.sdk_mode)
        if code == _START:
            return self._start(kind, offer, parameters)
        if code == _STOP:
            if self.running.pop(kind, None) is None:
                raise _Refused(Status.ALREADY)
            return b""
        return b"".join(_tlv(setting, values) for setting, values in offer.items())

    def _offer(self, kind: int, *, full: bool) -> Offer:
        if kind & 0xC0:  # recordings for later are another service's
            raise _Refused(Status.NOT_SUPPORTED)
        if kind not in NORMAL:
            raise _Refused(Status.NOT_SUPPORTED if kind < 16 else Status.BAD_TYPE)
        return (SDK if full else NORMAL)[kind]

    def _start(self, kind: int, offer: Offer, parameters: bytes) -> bytes:
        if self.in_charger:
            raise _Refused(Status.IN_CHARGER)
        if kind in self.running:
            raise _Refused(Status.ALREADY)
        chosen = _chosen(parameters)
        for setting, values in offer.items():
            if setting not in chosen:
                raise _Refused(Status.BAD_PARAMETER)
            if chosen[setting] not in values:
                raise _Refused(_REFUSALS[setting])
        self.running[kind] = chosen
        return bytes([FACTOR, 1]) + struct.pack("<f", 1.0)

    def _switch_sdk(self, on: bool) -> bytes:
        if self.running:
            raise _Refused(Status.BAD_STATE)
        if self.sdk_mode is on:
            raise _Refused(Status.ALREADY)
        self.sdk_mode = on
        return b""


def _tlv(setting: int, values: tuple[int, ...]) -> bytes:
    size = _SIZES[setting]
    return bytes([setting, len(values)]) + b"".join(one.to_bytes(size, "little") for one in values)


def _chosen(parameters: bytes) -> dict[int, int]:
    chosen, at = {}, 0
    while at < len(parameters):
        setting, size = parameters[at], _SIZES.get(parameters[at])
        value = parameters[at + 2 : at + 2 + (size or 0)]
        if size is None or len(value) != size or parameters[at + 1] != 1:
            raise _Refused(Status.BAD_LENGTH)
        chosen[setting] = int.from_bytes(value, "little")
        at += 2 + size
    return chosen

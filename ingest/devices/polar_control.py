"""How a Polar sensor is asked for its streams: the control point of Polar Measurement Data ("PMD").

Every command is written with response and answered by an indication: 0xF0, command, measurement type, status, and on
success a flag for further parts and the parameters. Source: Polar BLE SDK, online_measurement.pdf 1.0, chapters 1 to 3;
what the SDK (commit 8fb5311c) does with the answers; documentation/SdkModeExplained.md."""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass

from ingest.devices.driver import Ask, Await, Read, Write
from ingest.devices.polar_frames import ACC_TYPE, PPG_TYPE, PPI_TYPE
from ingest.errors import DeviceRefused

__all__ = ["CONTROL", "SDK_MODE", "STREAMS", "read_features", "set_sdk_mode", "start_stream", "stop_stream"]

CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"

SDK_MODE, _GYROSCOPE, _MAGNETOMETER = 9, 5, 6
STREAMS = {PPG_TYPE: "PPG", ACC_TYPE: "motion", PPI_TYPE: "PPI", _GYROSCOPE: "gyroscope", _MAGNETOMETER: "magnetometer"}
_FEATURE_BITS = {0: 0, 1: PPG_TYPE, 2: ACC_TYPE, 3: PPI_TYPE, 5: _GYROSCOPE, 6: _MAGNETOMETER, 9: SDK_MODE}

_ANSWER, _FEATURES = 0xF0, 0x0F
_GET_SETTINGS, _START, _STOP, _GET_SDK_SETTINGS, _GET_SDK_STATUS = 1, 2, 3, 4, 6
_COMMANDS = {
    _GET_SETTINGS: "tell the settings of",
    _START: "start",
    _STOP: "stop",
    _GET_SDK_SETTINGS: "tell the settings of",
}
_MOST_PARTS = 32  # notifications for one answer, strays included: the longest seen has 2

_OK, _ALREADY_IN_STATE, _INVALID_STATE = 0, 6, 12
_STATUSES = {
    1: ("INVALID_OP_CODE", "update the sensor's firmware with the vendor's app"),
    2: ("INVALID_MEASUREMENT_TYPE", "this model does not have it"),
    3: ("NOT_SUPPORTED", "this model does not have it, or not in this mode"),
    4: ("INVALID_LENGTH", "update the sensor's firmware with the vendor's app"),
    5: ("INVALID_PARAMETER", "wish for another rate"),
    6: ("ALREADY_IN_STATE", "turn the sensor off and on"),
    7: ("INVALID_RESOLUTION", "update the sensor's firmware with the vendor's app"),
    8: ("INVALID_SAMPLE_RATE", "wish for another rate"),
    9: ("INVALID_RANGE", "update the sensor's firmware with the vendor's app"),
    10: ("INVALID_MTU", "use a Bluetooth adapter that grants an MTU of 232 bytes or more"),
    11: ("INVALID_NUMBER_OF_CHANNELS", "update the sensor's firmware with the vendor's app"),
    12: ("INVALID_STATE", "another app uses the sensor: close it, or turn the sensor off and on"),
    13: ("DEVICE_IN_CHARGER", "take the sensor off the charger"),
    14: ("DISK_FULL", "delete the sensor's recordings with the vendor's app"),
}

_RATE, _RESOLUTION, _RANGE, _RANGE_MILLI, _CHANNELS, _FACTOR, _SECURITY = range(7)
_SIZES = {_RATE: 2, _RESOLUTION: 2, _RANGE: 2, _RANGE_MILLI: 4, _CHANNELS: 1, _FACTOR: 4, _SECURITY: 16}
_ASKED = (_RATE, _RESOLUTION, _RANGE, _RANGE_MILLI, _CHANNELS)  # the factor is the sensor's to tell
_USUAL_RANGE_G = 8

_Settings = dict[int, list[int]]  # setting -> offered values


@dataclass(frozen=True, slots=True)
class _Answer:
    command: int
    measurement: int
    status: int
    parameters: bytes

    def accepted(self, *fine: int) -> _Answer:
        """Itself. Raises DeviceRefused when the status is neither success nor one of `fine`."""
        if self.status in (_OK, *fine):
            return self
        name, advice = _STATUSES.get(self.status, ("unknown status", "turn the sensor off and on"))
        what = "SDK mode" if self.measurement == SDK_MODE else STREAMS.get(self.measurement, f"type {self.measurement}")
        asked = _COMMANDS[self.command]
        raise DeviceRefused(f"the Polar sensor refused to {asked} {what}: {name} ({self.status}); {advice}")


_Asking = Generator[Ask, bytes, _Answer]


def read_features() -> Generator[Ask, bytes, frozenset[int] | None]:
    """The measurement types that the sensor has, None when it does not tell.

    BlueZ hands the value that is read to the notification callback of an indicated characteristic as well: further
    answers are therefore taken only when they begin as one."""
    value = yield Read(CONTROL)
    if len(value) < 3 or value[0] != _FEATURES:
        return None
    bits = value[1] | value[2] << 8
    return frozenset(kind for bit, kind in _FEATURE_BITS.items() if bits >> bit & 1)


def set_sdk_mode(on: bool) -> Generator[Ask, bytes, None]:
    """Turn the mode on or off, unless it is. What streams is stopped for it. Raises DeviceRefused."""
    state = yield from _command(_GET_SDK_STATUS)
    is_on = state.status == _OK and any(state.parameters[:1])  # older firmware without this command: taken as off
    if is_on == on:
        return
    answer = yield from _command(_START if on else _STOP, SDK_MODE)
    if answer.status == _INVALID_STATE:
        for measurement in STREAMS:
            yield from stop_stream(measurement)
        answer = yield from _command(_START if on else _STOP, SDK_MODE)
    answer.accepted(_ALREADY_IN_STATE)


def start_stream(
    measurement: int, wish_hz: float | None, usual_hz: float, sdk_mode: bool
) -> Generator[Ask, bytes, tuple[float, str]]:
    """Start one stream at the offered rate that is nearest to the wish; without a wish at the usual rate, the highest
    where that is not offered. A stream that runs already, for whomever, is stopped and started anew.

    Returns the rate, Hz, and what was agreed, for people. Raises DeviceRefused."""
    asked = yield from _command(_GET_SDK_SETTINGS if sdk_mode else _GET_SETTINGS, measurement)
    chosen = _choose(_settings(asked.accepted().parameters), wish_hz, usual_hz)
    request = b"".join(
        bytes([setting, 1]) + chosen[setting].to_bytes(_SIZES[setting], "little")
        for setting in _ASKED
        if setting in chosen
    )
    answer = yield from _command(_START, measurement, request)
    if answer.status == _ALREADY_IN_STATE:
        yield from stop_stream(measurement)
        answer = yield from _command(_START, measurement, request)
    rate_hz = float(chosen.get(_RATE, usual_hz))
    return rate_hz, _describe(measurement, rate_hz, chosen, _factor(answer.accepted().parameters))


def stop_stream(measurement: int) -> Generator[Ask, bytes, None]:
    """Stop one stream; one that does not run is as good as stopped, so no answer is an error."""
    yield from _command(_STOP, measurement)


def _command(command: int, measurement: int | None = None, request: bytes = b"") -> _Asking:
    """Send one command and join the parts of its answer. Raises DeviceRefused when no answer can be made out."""
    kind = b"" if measurement is None else bytes([measurement])
    part = yield Write(CONTROL, bytes([command]) + kind + request, answered_by=CONTROL)
    status, parameters = _OK, b""
    for _ in range(_MOST_PARTS):
        if len(part) >= 4 and part[0] == _ANSWER and part[1] == command:
            status, more = part[3], part[4:5]
            parameters += part[5:]
            if status != _OK or not any(more):
                return _Answer(command, measurement or 0, status, parameters)
        part = yield Await(CONTROL)
    raise DeviceRefused(f"the Polar sensor does not end its answer to command {command}: turn it off and on")


def _settings(parameters: bytes) -> _Settings:
    """Setting, number of values, values; as often as there are settings. Raises DeviceRefused."""
    settings: _Settings = {}
    if len(parameters) == 1:  # filling, on models without settings
        return settings
    at = 0
    while at < len(parameters):
        setting, count = parameters[at], int.from_bytes(parameters[at + 1 : at + 2], "little")
        size, at = _SIZES.get(setting), at + 2
        if size is None or at + count * size > len(parameters):
            raise DeviceRefused(f"the Polar sensor's settings {parameters.hex()} cannot be read: update its firmware")
        values = [parameters[at + i * size : at + (i + 1) * size] for i in range(count)]
        settings.setdefault(setting, []).extend(int.from_bytes(value, "little") for value in values)
        at += count * size
    return settings


def _factor(parameters: bytes) -> float | None:
    """What a count is worth, if the answer to a start can be read: the stream runs, whatever else it says."""
    try:
        factors = _settings(parameters).get(_FACTOR)
    except DeviceRefused:
        return None
    return struct.unpack("<f", factors[0].to_bytes(4, "little"))[0] if factors else None


def _choose(offered: _Settings, wish_hz: float | None, usual_hz: float) -> dict[int, int]:
    """One value for each setting that is offered: the rate as in start_stream, a range of 8 g, of others the most."""
    chosen = {setting: max(offered[setting]) for setting in _ASKED if offered.get(setting)}
    if wish_hz is not None and _RATE in chosen:
        chosen[_RATE] = min(offered[_RATE], key=lambda rate: (abs(rate - wish_hz), rate))
    elif usual_hz in offered.get(_RATE, []):
        chosen[_RATE] = int(usual_hz)
    if _USUAL_RANGE_G in offered.get(_RANGE, []):
        chosen[_RANGE] = _USUAL_RANGE_G
    return chosen


def _describe(measurement: int, rate_hz: float, chosen: dict[int, int], factor: float | None) -> str:
    text = f"{STREAMS[measurement]} {rate_hz:g} Hz"
    for setting, unit in ((_RESOLUTION, "bit"), (_RANGE, "g"), (_CHANNELS, "channels")):
        if setting in chosen:
            text += f" {chosen[setting]} {unit}"
    return text if factor is None else f"{text} factor {factor:g}"

"""Polar optical sensors over Polar Measurement Data ("PMD"): Verity Sense and OH1; Polar 360 and Loop once paired.

Source: Polar BLE SDK (commit 8fb5311c), technical_documentation/online_measurement.pdf 1.0, documentation/products."""

from __future__ import annotations

from ingest.devices.driver import (
    MOTION,
    PPG,
    Advert,
    DeviceOptions,
    Driver,
    Facts,
    Item,
    Started,
    Steps,
    Stopped,
    StreamFormat,
)
from ingest.devices.heart_rate import MEASUREMENT, parse_measurement
from ingest.devices.plain import BATTERY_LEVEL, parse_battery
from ingest.devices.polar_control import (
    CONTROL,
    SDK_MODE,
    STREAMS,
    read_features,
    set_sdk_mode,
    start_stream,
    stop_stream,
)
from ingest.devices.polar_frames import ACC_TYPE, PPG_TYPE, decode
from ingest.errors import DeviceRefused, FrameError

__all__ = ["CONTROL", "DATA", "DRIVER", "SERVICE"]

SERVICE = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

_NAMES = ("Polar Sense", "Polar OH1", "Polar 360", "Polar Loop")
_CHEST_STRAPS = "Polar H"  # H10, H9, ...: the same service, but no light
_PPG_HZ, _MOTION_HZ = 55.0, 52.0
_ARM_DELAY_S = 0.25  # as in recordings.polar_format, which is not imported: every file reader would come with it
_ANSWER, _FEATURES, _ENDED = 0xF0, 0x0F, 0x01


class _Decoder:
    """One connection's notifications; holds nothing."""

    def feed(self, characteristic: str, frame: bytes) -> list[Item]:
        """See Decoder.feed. Answers on the control point are for `start`: they say nothing here."""
        if characteristic == DATA:
            return decode(frame)
        if characteristic == CONTROL:
            return _control(frame)
        if characteristic == MEASUREMENT:
            return [parse_measurement(frame)]
        if characteristic == BATTERY_LEVEL:
            return [parse_battery(frame)]
        return []


def _control(frame: bytes) -> list[Item]:
    if not frame or frame[0] not in (_ANSWER, _FEATURES, _ENDED):
        raise FrameError(f"Polar control point {frame.hex() or 'of no bytes'}: neither an answer nor an ended stream")
    if frame[0] != _ENDED:
        return []
    ended = [kind & 0x3F for kind in frame[1:]]
    if PPG_TYPE in ended:
        names = ", ".join(STREAMS.get(kind, f"type {kind}") for kind in ended)
        return [Stopped(f"the sensor ended {names}: it was charged, turned to another mode or used by another app")]
    return [Facts({"ended": ended})]  # the pulse goes on, so nothing is to be started again


def _matches(advert: Advert) -> bool:
    """By name, or by the service for models without a name here. Other Polar names may be watches that send a heart
    rate only, or scales."""
    name = advert.name or ""
    return name.startswith(_NAMES) or (SERVICE in advert.services and not name.startswith(_CHEST_STRAPS))


def _start(options: DeviceOptions) -> Steps:
    """Light, and motion if it can be had. Raises DeviceRefused.

    PPI is left alone: it slows the heart rate down to one value in 5 s, and the beats are found in the light."""
    features = yield from read_features()
    if features is not None and PPG_TYPE not in features:
        raise DeviceRefused("this Polar sensor sends no PPG (a chest strap?): use a Verity Sense or an OH1")
    if options.sdk_mode and features is not None and SDK_MODE not in features:
        raise DeviceRefused("this Polar sensor has no SDK mode: leave sdk_mode off, or update its firmware")
    if features is None or SDK_MODE in features:
        yield from set_sdk_mode(options.sdk_mode)
    rate_hz, text = yield from start_stream(PPG_TYPE, options.fs_hz, _PPG_HZ, options.sdk_mode)
    fs_hz = {PPG: rate_hz}
    if options.motion and (features is None or ACC_TYPE in features):
        try:
            fs_hz[MOTION], motion = yield from start_stream(ACC_TYPE, None, _MOTION_HZ, options.sdk_mode)
        except DeviceRefused as refusal:
            motion = f"no motion: {refusal}"
        text = f"{text}; {motion}"
    return Started(fs_hz, f"SDK mode: {text}" if options.sdk_mode else text)


def _stop() -> Steps:
    """The mode stays as it is; the next start sets it."""
    for measurement in (PPG_TYPE, ACC_TYPE):
        yield from stop_stream(measurement)
    return Started({})


DRIVER = Driver(
    name="polar",
    title="Polar Verity Sense, OH1, 360, Loop",
    matches=_matches,
    services=(SERVICE,),
    notify=(CONTROL, DATA, MEASUREMENT, BATTERY_LEVEL),
    main=DATA,
    decoder=_Decoder,
    streams={
        PPG: StreamFormat(("ppg0", "ppg1", "ppg2", "ambient"), fs_hz=_PPG_HZ, polarity=-1),
        MOTION: StreamFormat(("x", "y", "z"), fs_hz=_MOTION_HZ, unit="mg"),
    },
    start=_start,
    stop=_stop,
    frame_s=0.77,
    min_mtu=232,
    pulse_delay_s=_ARM_DELAY_S,
    optional=(MEASUREMENT, BATTERY_LEVEL),
    source="Polar BLE SDK, online_measurement.pdf 1.0",
)

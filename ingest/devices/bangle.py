"""Bangle.js 2: a watch whose JavaScript prompt is a Nordic UART; it is told to print its light as labelled lines.

Source: Espruino libs/js/banglejs/jswrap_bangle.c (setOptions, setHRMPower, events HRM and HRM-raw) and
libs/misc/hrm_vc31.c; see `ingest.devices.nus` for the lines."""

from __future__ import annotations

from ingest.devices.driver import PPG, DeviceOptions, Driver, Started, Steps, StreamFormat, Write
from ingest.devices.nus import RX, SERVICE, TX, LineDecoder

__all__ = ["DRIVER", "start_script", "stop_script"]

POLL_MS = (20, 40)  # 50 and 25 Hz
_CHUNK = 20  # bytes that fit the smallest link
_SETTLE_MS = 5000
_SURE_PERCENT = 50


def start_script(poll_ms: int) -> str:
    """The watch's program. Byte 3 clears its prompt, byte 16 before a line keeps it from being echoed.

    The poll interval only counts when the sensor is off, and green light is adjusted again after it was switched on:
    the one is set before the power, the other after, once the exposure has settled. Every change of it is a step in
    vcPPG. The listeners go with the connection, so that the watch does not light up its battery."""
    return (
        "\x03\x10if(global.p2es)p2es.off()\n"
        f"\x10Bangle.setOptions({{hrmPollInterval:{poll_ms}}})\n"
        "\x10global.p2es={"
        "raw:e=>Bluetooth.println('t:'+Date.now().toFixed(1)+' ppg:'+(e.vcPPG===undefined?e.raw:e.vcPPG)),"
        f"bpm:e=>{{if(e.confidence>{_SURE_PERCENT})Bluetooth.println('bpm:'+e.bpm)}},"
        "off:()=>{Bangle.removeListener('HRM-raw',p2es.raw);Bangle.removeListener('HRM',p2es.bpm);"
        "NRF.removeListener('disconnect',p2es.off);Bangle.setHRMPower(0,'p2es');delete global.p2es}}\n"
        "\x10Bangle.on('HRM-raw',p2es.raw);Bangle.on('HRM',p2es.bpm);NRF.on('disconnect',p2es.off)\n"
        "\x10Bangle.setHRMPower(1,'p2es')\n"
        f"\x10setTimeout(()=>Bangle.setOptions({{hrmGreenAdjust:false}}),{_SETTLE_MS})\n"
    )


def stop_script() -> str:
    """Takes back what start_script did."""
    return "\x03\x10if(global.p2es)p2es.off()\n"


def start(options: DeviceOptions) -> Steps:
    """Send the program, at the rate nearest the wish; 50 Hz without one."""
    wish_hz = options.fs_hz or 50.0
    poll_ms = min(POLL_MS, key=lambda ms: abs(1000 / ms - wish_hz))
    yield from _written(start_script(poll_ms))
    return Started({PPG: 1000 / poll_ms})


def stop() -> Steps:
    """Switch the sensor off."""
    yield from _written(stop_script())
    return Started({})


def _written(script: str) -> Steps:
    data = script.encode("ascii")
    for at in range(0, len(data), _CHUNK):
        yield Write(RX, data[at : at + _CHUNK])
    return Started({})


DRIVER = Driver(
    name="bangle",
    title="Bangle.js 2",
    matches=lambda advert: (advert.name or "").startswith("Bangle.js"),
    services=(SERVICE,),
    notify=(TX,),
    main=TX,
    decoder=LineDecoder,
    # the sensor's value falls with light: hrm_vc31.c asks for more light when it is near its upper end
    streams={PPG: StreamFormat(("ppg",), 50.0, polarity=1)},
    start=start,
    stop=stop,
    frame_s=0.02,
    pulse_delay_s=0.25,  # at the wrist: a prior, not a measurement
    source="github.com/espruino/Espruino",
)

"""Boards that print their samples as text over the Nordic UART Service, such as a MAX30102 on an ESP32 or an nRF52.

A line is numbers separated by commas, semicolons, spaces or tabs; each may have a label, as in `ppg:51234`. What a
line says besides its channels: `t` is the time in ms, `bpm` or `hr` a heart rate, `spo2` and `bat` percent.
Source: Nordic nRF5 SDK, Nordic UART Service, for the characteristics; the lines are what such sketches print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ingest.devices.driver import PPG, Block, Driver, Item, Numbers, StreamFormat
from ingest.devices.plain import no_steps
from ingest.errors import FrameError

__all__ = ["DRIVER", "RX", "SERVICE", "TX", "LineDecoder"]

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
RX = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"  # to the board
TX = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"  # from the board
LINE_BYTES = 256  # a longer line is no line of samples; what has no end is not kept
_END = re.compile(rb"[\r\n]")
# what a JavaScript prompt leaves before a line: escape sequences, control characters, the prompt itself
_NOISE = re.compile(rb"^(?:\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x20\x7f>])+")
_SEPARATOR = re.compile(rb"[ \t]*[,;][ \t]*|[ \t]+")
_FIELD = re.compile(rb"(?:([A-Za-z_][A-Za-z0-9_]*):)?([+-]?[0-9]+(?:\.[0-9]+)?)")
_TIME = "t"
_LARGEST = {"bpm": 500, "hr": 500, "spo2": 100, "bat": 100}  # labels of Numbers and what can be meant at most


@dataclass(frozen=True, slots=True)
class _Line:
    channels: tuple[str, ...]
    values: tuple[int, ...]
    t_ns: int | None
    numbers: Numbers | None


class LineDecoder:
    """Joins the lines, which notifications cut anywhere, and reads them.

    There is no counter: a lost notification can glue the halves of two lines together, and the first line of a
    connection may be the tail of a longer one. Labels show it, bare numbers cannot."""

    def __init__(self) -> None:
        self._held = b""
        self._in_long_line = False

    def feed(self, characteristic: str, frame: bytes) -> list[Item]:
        """What the lines that end here say: a Block for each line with a time, one for each run of lines without, and
        Numbers. Columns are called by their labels, else ppg, ppg2, ...; where none is labelled ppg the first is it.
        Text without numbers says nothing. Raises FrameError for a line that looks like samples and cannot be read."""
        if characteristic != TX:
            return []
        *lines, rest = _END.split(self._held + frame)
        if self._in_long_line and lines:
            self._in_long_line, lines = False, lines[1:]
        self._held = b"" if self._in_long_line else rest
        if len(self._held) > LINE_BYTES:
            self._held, self._in_long_line = b"", True
            raise FrameError(f"a line of more than {LINE_BYTES} bytes: this device does not print lines of samples")
        return _items([line for line in map(_parse, lines) if line is not None])


def _parse(text: bytes) -> _Line | None:
    """None for a line that is no samples."""
    if len(text) > LINE_BYTES:
        raise FrameError(f"a line of {len(text)} bytes, at most {LINE_BYTES} are read")
    text = _NOISE.sub(b"", text).strip()
    words = _SEPARATOR.split(re.sub(rb":[ \t]+", b":", text))
    fields = [_FIELD.fullmatch(word) for word in words]
    if not fields[0] and 2 * sum(field is not None for field in fields) < len(fields):
        return None  # a greeting, a prompt, an error message, with hardly a number in it
    pairs: dict[str, bytes] = {}
    unnamed = 0
    for word, field in zip(words, fields, strict=True):
        if field is None:
            raise FrameError(f"{_shown(text)}: {_shown(word) if word else 'nothing'} where a number was expected")
        unnamed += field[1] is None
        name = field[1].decode().lower() if field[1] else "ppg" if unnamed == 1 else f"ppg{unnamed}"
        if name in pairs:
            raise FrameError(f"{_shown(text)}: {name} twice in one line; was the end of a line lost?")
        pairs[name] = field[2]
    return _line(text, pairs)


def _line(text: bytes, pairs: dict[str, bytes]) -> _Line:
    """pairs: name -> digits, in the order of the line."""
    numbers: dict[str, float] = {}
    channels: dict[str, int] = {}
    t_ns = None
    for name, digits in pairs.items():
        value = Decimal(digits.decode())
        if name in _LARGEST:
            numbers[name] = float(_checked(text, name, value, 0, _LARGEST[name]))
        elif name == _TIME:
            t_ns = int(_checked(text, name, value * 1_000_000, 0, 2**63 - 1))
        elif value != int(value):
            raise FrameError(f"{_shown(text)}: samples are whole numbers; print the converter's counts")
        else:
            channels[name] = int(_checked(text, name, value, -(2**63), 2**63 - 1))
    names = tuple(channels)
    if names and "ppg" not in channels:
        names = ("ppg", *names[1:])
    said = Numbers(
        heart_rate_bpm=numbers.get("bpm", numbers.get("hr")),
        spo2_percent=numbers.get("spo2"),
        battery_percent=numbers.get("bat"),
    )
    return _Line(names, tuple(channels.values()), t_ns, said if numbers else None)


def _checked(text: bytes, name: str, value: Decimal, least: int, most: int) -> Decimal:
    if not least <= value <= most:
        raise FrameError(f"{_shown(text)}: {name} cannot be that")
    return value


def _items(lines: list[_Line]) -> list[Item]:
    """Lines without a time that follow on each other and have the same columns become one Block."""
    items: list[Item] = []
    run: list[_Line] = []
    for line in lines:
        if line.numbers is not None:
            items.append(line.numbers)
        if not line.channels:
            continue
        if run and (line.t_ns is not None or run[0].t_ns is not None or line.channels != run[0].channels):
            items.append(_block(run))
            run = []
        run.append(line)
    return [*items, _block(run)] if run else items


def _block(lines: list[_Line]) -> Block:
    return Block(PPG, lines[0].channels, np.array([line.values for line in lines], np.int64), first_ns=lines[0].t_ns)


def _shown(text: bytes) -> str:
    return ascii(text[:60].decode("latin-1"))


DRIVER = Driver(
    name="nus",
    title="Board that prints its samples (Nordic UART)",
    matches=lambda advert: SERVICE in advert.services,
    services=(SERVICE,),
    notify=(TX,),
    main=TX,
    decoder=LineDecoder,
    streams={PPG: StreamFormat(("ppg",), 50.0, polarity=-1)},
    start=lambda options: no_steps({}),
    stop=lambda: no_steps({}),
    frame_s=0.1,
    pulse_delay_s=0.25,  # at the finger: a prior, not a measurement
    source="Nordic nRF5 SDK, Nordic UART Service",
)

"""p2es decode: what a wearable's notifications say, from their bytes, without a radio."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from ingest.devices.driver import MOTION, Block, Driver, Facts, Item, Numbers, Stopped, base_uuid
from ingest.devices.stamps import FirstSampleTime
from ingest.errors import FrameError, IngestError

__all__ = ["command", "decoded"]

_UUID = re.compile(r"(?:0x)?([0-9a-f]{4})|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_SHOWN_ROWS = 3


class _BadLine(IngestError):
    """A line of input that is no notification of this driver."""


def command(
    driver: Annotated[str, typer.Option(help="whose notifications they are: polar, heart_rate, ...")],
    file: Annotated[
        Path | None,
        typer.Argument(help="one notification a line: HEX or CHARACTERISTIC HEX; standard input when left out"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Say for each notification what it means: samples, their time on the device's clock, numbers.

    CHARACTERISTIC is a 16-bit or 128-bit UUID; without one it is the driver's main one. Blank lines and lines that
    begin with # are skipped. A line that cannot be read is answered by an error, the rest goes on: exit status 1."""
    from ingest.devices.registry import driver_named

    chosen = driver_named(driver)
    bad = False
    with nullcontext(typer.get_binary_stream("stdin")) if file is None else file.open("rb") as lines:
        for answer in decoded(chosen, _texts(lines)):
            bad |= "error" in answer
            typer.echo(json.dumps(answer) if as_json else _sentence(answer))
    if bad:
        raise typer.Exit(1)


def decoded(driver: Driver, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The object for each line that is neither blank nor a comment; `error` alone for one that cannot be read.

    samples: rows of channel values, ambient last; time_ns: of the first, in the device's epoch, where it is stamped."""
    decoder = driver.decoder()
    times = FirstSampleTime({name: form.fs_hz for name, form in driver.streams.items()})
    for text in texts:
        if not text or text.startswith("#"):
            continue
        try:
            items = decoder.feed(*_notification(driver, text))
        except (FrameError, _BadLine) as error:
            yield {"error": str(error)}
        else:
            yield _answer(items, times)


def _texts(lines: BinaryIO) -> Iterator[str]:
    for line in lines:
        yield line.decode("utf-8-sig", "replace").strip()


def _notification(driver: Driver, text: str) -> tuple[str, bytes]:
    """Characteristic and bytes of a line. Raises _BadLine."""
    *named, digits = text.split()
    if len(named) > 1:
        raise _BadLine("HEX or CHARACTERISTIC HEX was expected")
    characteristic = driver.main
    if named:
        found = _UUID.fullmatch(named[0].lower())
        if found is None:
            raise _BadLine(f"{named[0]} is no 16-bit or 128-bit UUID")
        characteristic = base_uuid(int(found[1], 16)) if found[1] else found[2]
        if characteristic not in (driver.main, *driver.notify):
            raise _BadLine(f"{driver.name} does not listen to {named[0]}, but to {', '.join(driver.notify)}")
    try:
        return characteristic, bytes.fromhex(digits)
    except ValueError:
        raise _BadLine(f"{digits[:40]} is not hexadecimal") from None


def _answer(items: list[Item], times: FirstSampleTime) -> dict[str, Any]:
    """One object for all that a notification says; rows of several blocks one after the other."""
    answer: dict[str, Any] = {}
    blocks = [item for item in items if isinstance(item, Block)]
    starts = [times.of(block) for block in blocks]
    if blocks:
        answer["samples"] = [row for block in blocks for row in block.values.tolist()]
        if starts[0] is not None:
            answer["time_ns"] = starts[0]
        if blocks[0].stream == MOTION:
            answer["stream"] = MOTION
    for numbers in (item for item in items if isinstance(item, Numbers)):
        for name in ("heart_rate_bpm", "spo2_percent", "battery_percent", "contact"):
            if getattr(numbers, name) is not None:
                answer[name] = getattr(numbers, name)
        if numbers.rr_ms:
            answer["rr_ms"] = [*answer.get("rr_ms", []), *numbers.rr_ms]
    facts = [item.values for item in items if isinstance(item, Facts)]
    if facts:
        answer["settings"] = facts[0] if len(facts) == 1 else facts
    for stopped in (item for item in items if isinstance(item, Stopped)):
        answer["stopped"] = stopped.why
    return answer


def _sentence(answer: dict[str, Any]) -> str:
    """The same for eyes."""
    parts = []
    if "samples" in answer:
        rows = answer["samples"]
        shown = "; ".join(" ".join(map(str, row)) for row in rows[:_SHOWN_ROWS])
        at = f" at {answer['time_ns'] / 1e9:.3f} s" if "time_ns" in answer else ""
        more = "; ..." if len(rows) > _SHOWN_ROWS else ""
        parts.append(f"{len(rows)} {answer.get('stream', 'light')} samples{at}: {shown}{more}")
    for name, form in (
        ("heart_rate_bpm", "{:g} bpm"),
        ("spo2_percent", "SpO2 {:g} %"),
        ("battery_percent", "battery {:g} %"),
    ):
        if name in answer:
            parts.append(form.format(answer[name]))
    if "rr_ms" in answer:
        parts.append(f"RR {' '.join(f'{one:.0f}' for one in answer['rr_ms'])} ms")
    if "contact" in answer:
        parts.append("on the skin" if answer["contact"] else "not on the skin")
    parts += [f"{name}: {answer[name]}" for name in ("settings", "stopped", "error") if name in answer]
    return ", ".join(parts) or "nothing that is used"

"""Decoders under coverage-guided fuzzing: any sequence of notifications gives items or FrameError, and no more samples
than its bytes can hold.

`python -m tests.fuzz.fuzz_decoders NAME [libFuzzer arguments]`; `--list` prints the names. What it learned stays in
build/fuzz/NAME, an input that fails in build/fuzz. Needs the extra `fuzz` (atheris)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from ingest.devices.driver import Block, Driver, Facts, Numbers, Stopped
from ingest.errors import FrameError

__all__ = ["as_input", "feed_all", "main"]

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "data" / "ble" / "vectors.json"
# values (samples x channels) a byte can hold at most: a bit each in Polar's blocks, a digit and a separator in text
DENSITY = {
    "polar": 8,
    "nonin": 25 / 53,
    "berrymed": 1 / 5,
    "muse": 6 / 20,
    "openearable": 1 / 4,
    "bangle": 1 / 2,
    "nus": 1 / 2,
}


def as_input(driver: Driver, frames: list[tuple[str, bytes]]) -> bytes:
    """The fuzzer's input for these notifications: which characteristic, how long, the bytes; each number one byte."""
    return b"".join(bytes((driver.notify.index(name), len(data))) + data for name, data in frames)


def feed_all(driver: Driver, data: bytes) -> None:
    """Feed one input to a new decoder. Raises AssertionError, or what the decoder should not have raised."""
    decoder, size, values, intervals = driver.decoder(), 0, 0, 0
    for characteristic, frame in _frames(driver, data):
        size += len(frame)
        try:
            items = decoder.feed(characteristic, frame)
        except FrameError as error:
            assert str(error), "an error that says nothing"  # noqa: PT017
            continue
        for item in items:
            assert isinstance(item, Block | Numbers | Facts | Stopped), item
            if isinstance(item, Block):
                assert item.values.shape == (len(item.values), len(item.channels)), item
                values += item.values.size
            elif isinstance(item, Numbers):
                intervals += len(item.rr_ms)
    assert values <= size * DENSITY.get(driver.name, 0) + 1, f"{values} values from {size} bytes"
    assert intervals <= size / 2, f"{intervals} intervals from {size} bytes"


def _frames(driver: Driver, data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at + 2 <= len(data):
        which, length = data[at], data[at + 1]
        yield driver.notify[which % len(driver.notify)], data[at + 2 : at + 2 + length]
        at += 2 + length


def _seeds(driver: Driver) -> Iterator[bytes]:
    for one in json.loads(VECTORS.read_text())["vectors"]:
        if one["driver"] == driver.name:
            yield as_input(driver, [(one["characteristic"], bytes.fromhex(one["frame_hex"]))])
    if driver.name in ("nus", "bangle"):
        yield as_input(driver, [(driver.main, b"t:12.5 ppg:51234\r\nready\r\n1,2\t3;4\nbpm:"), (driver.main, b" 60\n")])


def main(arguments: list[str]) -> None:
    """Fuzz the decoder named first; the rest is libFuzzer's."""
    if arguments[:1] in ([], ["--list"]):
        from ingest.devices.registry import DRIVERS

        print("\n".join(DRIVERS))
        return
    import atheris  # pyright: ignore[reportMissingImports]

    # only what is imported in here is watched
    with atheris.instrument_imports(include=["ingest.devices"]):  # pyright: ignore[reportAttributeAccessIssue]
        from ingest.devices.registry import driver_named
    driver = driver_named(arguments[0])
    folder = ROOT / "build" / "fuzz" / driver.name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(_seeds(driver)):
        (folder / f"seed-{number}").write_bytes(seed)
    prefix = f"-artifact_prefix={folder.parent}/{driver.name}-"
    atheris.Setup([sys.argv[0], prefix, *arguments[1:], str(folder)], lambda data: feed_all(driver, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])

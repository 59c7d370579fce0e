"""The terminal while devices are collected: one line each, with a small trace of the pulse."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ingest.collector import Collector

__all__ = ["device_table", "live_view", "trace"]

_BARS = " ▁▂▃▄▅▆▇█"
_TRACE = 40


@contextmanager
def live_view(is_wanted: bool) -> Iterator[Callable[[list[Collector]], None] | None]:
    """Gives what draws the devices; None when the terminal is none or nobody wants it."""
    console = Console(stderr=True)
    if not is_wanted or not console.is_terminal or not sys.stdout.isatty():
        yield None
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda devices: live.update(device_table(devices), refresh=True)


def device_table(devices: list[Collector]) -> Table:
    """Rate, gaps, losses, battery, signal and pulse of each device."""
    table = Table("patient", "device", "state", "Hz", "ppm", "gaps", "lost", "battery", "dBm", "bpm", "pulse")
    for one in devices:
        line = one.pipeline
        table.add_row(
            one.identity.patient,
            one.identity.device,
            f"{one.state}: {one.reason}" if one.reason else one.state,
            _number(line.fs_hz, ".2f"),
            _number(line.drift_ppm, "+.0f"),
            str(line.gap_count),
            str(one.drops),
            _number(line.battery_percent, ".0f") + ("%" if line.battery_percent is not None else ""),
            _number(one.rssi_dbm, ".0f"),
            _number(line.numbers.heart_rate_bpm, ".0f"),
            trace(list(line.trace)),
        )
    return table


def trace(values: list[float], width: int = _TRACE) -> str:
    """The newest samples as a line of bars; the slow part is taken out so that a pulse can be seen."""
    if len(values) < width:
        return ""
    pulse = np.asarray(values, float)
    slow = np.convolve(
        np.pad(pulse, len(pulse) // 8, mode="edge"), np.ones(len(pulse) // 4) / (len(pulse) // 4), "same"
    )
    pulse = pulse - slow[len(pulse) // 8 : len(pulse) // 8 + len(pulse)]
    points = pulse[np.linspace(0, len(pulse) - 1, width).astype(int)]
    low, high = np.percentile(points, [2, 98])
    if high <= low:
        return _BARS[1] * width
    levels = np.clip((points - low) / (high - low) * (len(_BARS) - 2), 0, len(_BARS) - 2).astype(int) + 1
    return "".join(_BARS[level] for level in levels)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)

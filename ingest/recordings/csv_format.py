"""CSV: one row a sample, a time column or a given rate, channels by name. ECG columns become the reference."""

from __future__ import annotations

import csv
import datetime
import math
import re
from pathlib import Path

import numpy as np

from ingest.errors import BadRecording
from ingest.recordings.recording import Recording, ReferenceLeads, as_counts, checked, choose_channel, lead_name

__all__ = ["matches", "read"]

_TIME = re.compile(r"^(time|timestamp|t|date|datetime|epoch|utc)\b|\btime(stamp)?\b", re.IGNORECASE)
_PPG = ("ppg", "pleth", "green", "ir", "infrared", "red", "value")
_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
# epochs in other units than seconds are told by their size (years 1973 to 2286 in seconds are 1e8 to 1e10)
_EPOCHS_NS = ((1e17, 1), (1e14, 1_000), (1e11, 1_000_000), (1e8, 1_000_000_000))
_GAP = 1.5


def matches(path: Path) -> bool:
    """By its suffix."""
    return path.suffix.lower() in (".csv", ".tsv")


def read(path: Path, channel: str | None = None, fs_hz: float | None = None) -> Recording:
    """Read one channel. fs_hz: needed when there is no time column, refused when there is one. Raises BadRecording."""
    names, rows = _table(path)
    time = next((i for i, name in enumerate(names) if _TIME.search(name)), None)
    if time is None and fs_hz is None:
        raise BadRecording(f"{path}: no time column among {', '.join(names)}; give the rate with --fs")
    if time is not None and fs_hz is not None:
        raise BadRecording(f"{path}: has a time column ({names[time]}), so --fs is not needed; leave it out")
    if time is None:
        assert fs_hz is not None
        times, dated = np.rint(np.arange(len(rows)) * 1e9 / fs_hz).astype(np.int64), False
    else:
        times, dated = _times_ns(path, names[time], [row[time] for row in rows])
    values = _values(path, names, rows, time, channel)
    known = np.isfinite(values[1])
    rate = fs_hz or _rate(path, times)
    samples, scale = as_counts(values[1][known])
    return checked(
        Recording(
            name=path.stem,
            channel=values[0],
            t0_ns=int(times[0]) if dated else 0,
            dated=dated,
            fs_hz=rate,
            times_ns=(times - times[0])[known],
            samples=samples,
            scale=scale,
            offset=0.0,
            unit="NU",
            length_ns=int(times[-1] - times[0]),
            reference=_reference(names, rows, times, rate),
        )
    )


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRecording(f"{path}: not a text file") from error
    if not text.strip():
        raise BadRecording(f"{path}: the file is empty")
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], ",;\t")
    except csv.Error:
        dialect = csv.excel
    rows = [row for row in csv.reader(text.splitlines(), dialect) if any(cell.strip() for cell in row)]
    first = [cell.strip() for cell in rows[0]]
    if all(_number(cell) is not None for cell in first if cell):
        first = [f"column {i}" for i in range(len(first))]
    else:
        rows = rows[1:]
    if not rows:
        raise BadRecording(f"{path}: only a header, no samples")
    width = len(first)
    for number, row in enumerate(rows):
        if len(row) < width:
            raise BadRecording(f"{path}: row {number + 2} has {len(row)} columns, not {width}; the file may be cut off")
    return first, rows


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _times_ns(path: Path, name: str, cells: list[str]) -> tuple[np.ndarray, bool]:
    """Times in ns, and whether they say the date."""
    if _number(cells[0]) is None:
        try:
            return np.array([_iso_ns(cell) for cell in cells], np.int64), True
        except ValueError as error:
            raise BadRecording(f"{path}: column {name}: {error}") from error
    values = [_number(cell) for cell in cells]
    if any(one is None or not math.isfinite(one) for one in values):
        raise BadRecording(f"{path}: column {name} has rows without a time")
    start = abs(values[0] or 0.0)
    epoch = next((unit for least, unit in _EPOCHS_NS if start >= least), None)
    told = re.search(r"[\[(_ ](ns|us|µs|ms|s)[\])]?$", name)
    unit = epoch or (_UNITS_NS[told[1]] if told else _UNITS_NS["s"])
    if unit == 1:  # whole nanoseconds do not fit into a float
        return np.array([int(float(cell)) if "." in cell or "e" in cell else int(cell) for cell in cells]), bool(epoch)
    return np.rint(np.array(values, float) * unit).astype(np.int64), bool(epoch)


def _iso_ns(cell: str) -> int:
    moment = datetime.datetime.fromisoformat(cell.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    whole = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + whole.microseconds * 1_000


def _rate(path: Path, times: np.ndarray) -> float:
    """Measured, gaps left out."""
    steps = np.diff(times)
    if not len(steps) or np.median(steps) <= 0:
        raise BadRecording(f"{path}: the times do not increase")
    usual = steps[steps < _GAP * np.median(steps)]
    return float(1e9 / usual.mean())


def _values(
    path: Path, names: list[str], rows: list[list[str]], time: int | None, channel: str | None
) -> tuple[str, np.ndarray]:
    signals = [i for i in range(len(names)) if i != time and names[i]]
    numeric = [i for i in signals if any(_number(row[i]) is not None for row in rows[:1000])]
    if not numeric:
        raise BadRecording(f"{path}: no column of numbers")
    plain = [i for i in numeric if lead_name(names[i]) is None]
    usual = (*_PPG, names[plain[0]]) if len(plain) == 1 else _PPG
    index = numeric[choose_channel(path.name, [names[i] for i in numeric], channel, usual)]
    return names[index], _column(rows, index)


def _column(rows: list[list[str]], index: int) -> np.ndarray:
    cells = (_number(row[index]) for row in rows)
    return np.array([np.nan if one is None else one for one in cells], float)


def _reference(names: list[str], rows: list[list[str]], times: np.ndarray, fs_hz: float) -> ReferenceLeads | None:
    """Columns named as ECG leads, in mV; only from a file without gaps."""
    leads = {lead: i for i, name in reversed(list(enumerate(names))) if (lead := lead_name(name))}
    if not leads or (np.diff(times) > _GAP * 1e9 / fs_hz).any():
        return None
    columns = np.stack([_column(rows, i) for i in leads.values()], 1).astype(np.float32)
    return ReferenceLeads(tuple(leads), fs_hz, columns)

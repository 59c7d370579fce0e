"""The one place that writes WFDB: headers, whole records, and files that grow at any place.

The 12-lead form: format 16, 128 Hz, gain 1000 per mV, baseline 0, so that a stored unit is a microvolt and -32768 is
WFDB's invalid mark. Source: PhysioNet, WFDB header(5) and signal(5)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.messages import GRID_FS_HZ, LEADS

__all__ = ["LABEL", "Column", "header_text", "lead_columns", "replace_file", "safe_name", "write_leads"]

LABEL = "Estimated from PPG. Not for diagnosis."
INVALID = {"16": -(2**15), "32": -(2**31)}


@dataclass(frozen=True, slots=True)
class Column:
    """One signal of a record: value = (stored - baseline) / gain, in unit."""

    name: str
    gain: float = 1000.0
    baseline: int = 0
    unit: str = "mV"


def safe_name(stem: str) -> str:
    """A WFDB record name: anything but letters, digits, - and _ becomes _."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", stem)


def lead_columns() -> tuple[Column, ...]:
    """The twelve leads."""
    return tuple(Column(lead) for lead in LEADS)


def header_text(
    name: str, columns: tuple[Column, ...], fs_hz: float, samples: int, form: str = "16", comments: tuple[str, ...] = ()
) -> str:
    """A header without first values and checksums, which WFDB allows to be left out."""
    lines = [f"{name} {len(columns)} {fs_hz:.15g} {samples}"]
    for one in columns:
        unit = re.sub(r"\s", "_", one.unit) or "NU"
        lines.append(f"{name}.dat {form} {one.gain:.15g}({one.baseline})/{unit} {form} 0 0 0 0 {one.name}")
    return "\n".join([*lines, *(f"# {comment}" for comment in comments)]) + "\n"


def write_leads(path: Path, leads_uv: np.ndarray) -> None:
    """Write record `path` (no extension) from (n, 12) int16 microvolts, whole or not at all. The header comes last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = leads_uv.astype("<i2")
    replace_file(path.with_suffix(".dat"), data.tobytes())
    columns = lead_columns()
    lines = header_text(path.name, columns, GRID_FS_HZ, len(data), comments=(LABEL,)).splitlines()
    for number in range(len(columns)):  # a finished record carries what a reader can check it by
        total = np.array(data[:, number].astype(np.int64).sum() & 0xFFFF).astype(np.uint16).astype(np.int16)
        first = data[0, number] if len(data) else 0
        lines[1 + number] = lines[1 + number].replace(" 16 0 0 0 0 ", f" 16 0 {first} {total} 0 ")
    replace_file(path.with_suffix(".hea"), ("\n".join(lines) + "\n").encode())


def replace_file(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk when this returns."""
    partial = path.with_name(f".{path.name}.part")
    with partial.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)

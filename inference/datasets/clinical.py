"""Tables of a clinical database: CSV, gzipped or not, columns in capitals or not."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

from inference.errors import DataMissing

__all__ = ["OVER_89", "read_table"]

OVER_89 = 90.0  # years: what stands for an age that the databases hide


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Rows by column name in lower case. Raises DataMissing when the file or a column is not there."""
    if not path.is_file():
        raise DataMissing(f"{path}: no such table")
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        names = {name.lower() for name in rows.fieldnames or ()}
        lacking = [name for name in columns if name not in names]
        if lacking:
            raise DataMissing(f"{path.name}: no column {', '.join(lacking)}")
        for row in rows:
            yield {name.lower(): value for name, value in row.items() if name is not None}

"""One part of a split, prepared: what training and evaluation start from."""

from __future__ import annotations

import logging
from pathlib import Path

from inference.datasets.entry import Entry
from inference.datasets.manifest import read_entries
from inference.datasets.prepare import load_all
from inference.datasets.prepared import PreparedRecord
from inference.errors import DataMissing

__all__ = ["load_part"]

log = logging.getLogger(__name__)


def load_part(data: Path, cache: Path, part: str, jobs: int = 1) -> list[tuple[Entry, PreparedRecord]]:
    """Entries of one part beside their prepared records; how many were left out, and why, is logged. data: a folder of
    the open sets, or a manifest (CSV).

    Raises DataMissing when the part has no usable recording, ManifestUnusable for a bad manifest."""
    entries = [one for one in read_entries(data) if one.part == part]
    if not entries:
        raise DataMissing(f"no recording of the {part} part in {data}")
    loaded = load_all(entries, cache, jobs)
    if not loaded.pairs:
        raise DataMissing(f"no usable recording of the {part} part in {data}: {loaded.counts()}")
    log.info("%s part: %s", part, loaded.counts())
    return list(loaded.pairs)

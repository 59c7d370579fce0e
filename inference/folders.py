"""Folders that results go into."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inference.errors import OutputUnusable

__all__ = ["ready_for_output"]


def ready_for_output(folder: Path) -> None:
    """Make the folder and try to write into it. Raises OutputUnusable: before hours of work, not after them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputUnusable(f"cannot write into {folder} ({error.strerror}): name another --out") from error

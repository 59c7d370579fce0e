"""Results on disk: a page for people, and JSON with numbers rounded and null for what is not known, since JSON has no
NaN."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["known", "write_page"]


def known(value: Any) -> Any:
    """The same nested dicts and lists, fit for json.dumps."""
    if isinstance(value, dict):
        return {key: known(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [known(each) for each in value]
    if isinstance(value, float):
        return round(value, 5) if np.isfinite(value) else None
    return value


def write_page(folder: Path, stem: str, text: str, facts: Any) -> str:
    """Write folder/STEM.md and, of `known` facts, folder/STEM.json. Returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.md").write_text(text)
    (folder / f"{stem}.json").write_text(json.dumps(known(facts), indent=1) + "\n")
    return f"{folder / stem}.md {folder / stem}.json"

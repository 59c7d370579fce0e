"""Results as JSON: numbers rounded, and null for what is not known, since JSON has no NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["known"]


def known(value: Any) -> Any:
    """The same nested dicts and lists, fit for json.dumps."""
    if isinstance(value, dict):
        return {key: known(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [known(each) for each in value]
    if isinstance(value, float):
        return round(value, 5) if np.isfinite(value) else None
    return value

"""A stage's checkpoint: all that going on needs, and what it was made with, so that nothing else goes on from it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from inference.errors import CheckpointUnusable

__all__ = ["load_checkpoint", "save_checkpoint"]

# what torch raises for a file that is cut short or holds something else, by where it is cut
_NO_CHECKPOINT = (
    RuntimeError, OSError, EOFError, KeyError, TypeError, AttributeError, ValueError, pickle.UnpicklingError
)  # fmt: skip


def save_checkpoint(path: Path, parts: Mapping[str, Any], made_with: Mapping[str, Any], progress: Mapping) -> None:
    """Write it, whole or not at all. parts: what has a state_dict. made_with, progress: plain values."""
    state = {key: part.state_dict() for key, part in parts.items()}
    partial = path.with_suffix(".part")
    torch.save({**state, "made_with": dict(made_with), "progress": dict(progress)}, partial)
    partial.replace(path)


def load_checkpoint(path: Path, parts: Mapping[str, Any], made_with: Mapping[str, Any]) -> dict[str, Any] | None:
    """Fill the parts and give back the progress; None when there is no checkpoint.

    Raises CheckpointUnusable for one that is damaged, or was made with something else than `made_with`: starting anew
    over it would throw hours away without a word."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True)
        before, progress = state["made_with"], state["progress"]
        differing = [
            f"{name} was {before.get(name)}, is {made_with.get(name)}"
            for name in sorted({*before, *made_with})
            if before.get(name) != made_with.get(name)
        ]
        if differing:
            raise CheckpointUnusable(
                f"{path} was made with other settings ({'; '.join(differing)}): go on with the old ones, delete the "
                "file to start this stage anew, or name another --out"
            )
        for key, part in parts.items():
            part.load_state_dict(state[key])
    except _NO_CHECKPOINT as error:
        reason = str(error).strip().splitlines()
        raise CheckpointUnusable(
            f"{path} is damaged or of another version ({reason[0] if reason else type(error).__name__}): delete it to "
            "start this stage anew"
        ) from error
    return progress

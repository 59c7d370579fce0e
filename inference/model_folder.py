"""A model on disk: files beside a description that names their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import WeightsCorrupt, WeightsMissing, WeightsUnfit

__all__ = [
    "SHIPPED",
    "STUDENT",
    "TEACHER",
    "ModelFolder",
    "no_student",
    "of_denoiser",
    "read_folder",
    "sha256",
    "write_description",
]

SHIPPED = Path(__file__).parent / "weights"
TEACHER, STUDENT = "teacher", "student"  # the two denoisers that one model may hold
_DESCRIPTION = "model.json"
_MAKE = {
    "torch": "set infer.engine.weights to a folder of p2es train, or leave it out for the shipped model",
    "onnx": "make a folder with p2es export-onnx -o DIR and set infer.engine.weights=DIR",
}


@dataclass(frozen=True, slots=True, eq=False)
class ModelFolder:
    """facts: the description's values. files: content by name, hashes checked."""

    path: Path
    facts: Mapping[str, Any]
    files: Mapping[str, bytes]


def read_folder(path: Path, runtime: str) -> ModelFolder:
    """Read and check. Raises WeightsMissing, WeightsCorrupt, or WeightsUnfit for the model of another runtime, each
    with what to do."""
    try:
        facts = json.loads((path / _DESCRIPTION).read_text())
        made_for = facts.get("runtime", "torch")
        if made_for != runtime:
            raise WeightsUnfit(f"{path} holds a model for {made_for}, not for {runtime}: {_MAKE[runtime]}")
        files = {name: (path / name).read_bytes() for name in facts["sha256"]}
    except FileNotFoundError as error:
        raise WeightsMissing(f"no weights in {path} ({Path(str(error.filename)).name} is missing)") from error
    except (json.JSONDecodeError, KeyError, AttributeError, UnicodeDecodeError, OSError) as error:
        raise WeightsCorrupt(f"{path / _DESCRIPTION} cannot be read: {error}") from error
    for name, content in files.items():
        found, wanted = sha256(content), facts["sha256"][name]
        if found != wanted:
            raise WeightsCorrupt(
                f"{path / name} is damaged: its SHA-256 is {found[:12]}..., in {_DESCRIPTION} {str(wanted)[:12]}..."
            )
    return ModelFolder(path, facts, files)


def sha256(content: bytes) -> str:
    """Hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def of_denoiser(name: str, denoiser: str) -> str:
    """The name of what differs between the two: the id that estimates bear, the files of an export."""
    return name if denoiser == TEACHER else f"{name}-{denoiser}"


def no_student(model_id: str) -> WeightsUnfit:
    """The error of a model without a student that is asked for it."""
    return WeightsUnfit(
        f"{model_id} holds no student: set infer.engine.denoiser=teacher, or infer.engine.weights to a model with one"
    )


def write_description(path: Path, facts: Mapping[str, Any]) -> None:
    """facts: plain values; sha256 among them names every file."""
    (path / _DESCRIPTION).write_text(json.dumps(facts, indent=1) + "\n")

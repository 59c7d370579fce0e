"""The serving path as ONNX of fixed shapes: beat head, person, code of an own beat, band; of the denoiser, and of its
student where there is one, what all calls share and one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inference.affinity import LEAD_COUNT
from inference.conditions import CHANNELS, PERSON_SIZE
from inference.crop import BEAT_SAMPLES, CROP, KNOTS, Person
from inference.denoiser import Denoiser, Told
from inference.errors import RuntimeMissing
from inference.model_folder import STUDENT, TEACHER, of_denoiser, sha256, write_description
from inference.typical_beat import TYPICAL_BEAT_FILE, typical_beat_bytes
from inference.weights_file import Weights
from stream.conditioning import SHAPE_SIZE
from stream.windows import WINDOW

__all__ = ["export"]

_OPSET = 18


@dataclass(frozen=True, slots=True, eq=False)
class _Graph:
    """work: of tensors in the order of `given` (an example of each) to those of `gives`."""

    network: nn.Module
    work: Callable[..., Any]
    given: dict[str, Tensor]
    gives: list[str]


def export(weights: Weights, folder: Path, batch: int) -> str:
    """Write NAME.onnx for each network and the description. Returns the model id, which is the weights' with "-onnx":
    rounding differs. Raises RuntimeMissing without the onnx library."""
    if find_spec("onnx") is None:
        raise RuntimeMissing("onnx is not installed: install p2es[export]")
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {}
    for name, graph in _graphs(weights, batch).items():
        path = folder / f"{name}.onnx"
        _write(graph, path)
        hashes[path.name] = sha256(path.read_bytes())
    typical = typical_beat_bytes(weights.typical.beat_mv)
    (folder / TYPICAL_BEAT_FILE).write_bytes(typical)
    hashes[TYPICAL_BEAT_FILE] = sha256(typical)
    model_id = f"{weights.model_id}-onnx"
    facts = {
        "model_id": model_id,
        "weights_id": weights.model_id,
        "runtime": "onnx",
        "sha256": hashes,
        "batch": batch,
        "blur": weights.generator.process.blur,
        "lead_scale_mv": [round(float(value), 6) for value in weights.lead_scale],
        "opset": _OPSET,
        "made_with": f"torch {torch.__version__}",
    }
    write_description(folder, facts)
    return model_id


@torch.no_grad()
def _graphs(weights: Weights, batch: int) -> dict[str, _Graph]:
    head, generator = weights.head.cpu(), weights.generator.cpu()
    vectors, shapes = torch.zeros(batch, PERSON_SIZE), torch.zeros(batch, KNOTS, SHAPE_SIZE)
    channels = torch.zeros(batch, CHANNELS, CROP)
    person, _ = generator.person(vectors, shapes)
    known = {"channels": channels, "code": person.code, "vector": person.vector}

    def to_person(vectors: Tensor, shapes: Tensor) -> tuple[Tensor, ...]:
        made, _ = generator.person(vectors, shapes)
        return made.code, made.vector, made.affinity

    graphs = _denoiser_graphs(TEACHER, generator.denoiser, channels, person)
    if weights.student is not None:
        graphs |= _denoiser_graphs(STUDENT, weights.student.cpu(), channels, person)
    return graphs | {
        "beats": _Graph(
            head,
            lambda features: torch.sigmoid(head(features)),
            {"features": torch.zeros(batch, 3, WINDOW)},
            ["probability"],
        ),
        "person": _Graph(generator, to_person, {"vectors": vectors, "shapes": shapes}, ["code", "vector", "affinity"]),
        "code": _Graph(
            generator.encoder,
            generator.encoder,
            {"beat": torch.zeros(1, LEAD_COUNT, BEAT_SAMPLES), "known": torch.zeros(1, LEAD_COUNT)},
            ["code"],
        ),
        "band": _Graph(
            generator.band,
            lambda channels, code, vector: generator.band(channels, Person(code, vector, None)),
            known,
            ["band"],
        ),
    }


def _denoiser_graphs(name: str, denoiser: Denoiser, channels: Tensor, person: Person) -> dict[str, _Graph]:
    told = denoiser.tell(channels, person)
    shared = {"features": told.features}
    shared |= {f"condition{number}": one for number, one in enumerate(told.conditions)}
    shared |= {"mixing": told.mixing}
    known = {"channels": channels, "code": person.code, "vector": person.vector, "affinity": person.affinity}
    noise = torch.zeros(len(channels), LEAD_COUNT, CROP)

    def tell(channels: Tensor, code: Tensor, vector: Tensor, affinity: Tensor) -> tuple[Tensor, ...]:
        made = denoiser.tell(channels, Person(code, vector, affinity))
        return made.features, *made.conditions, made.mixing

    def denoise(z: Tensor, t: Tensor, features: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        return denoiser.estimate(z, t, Told(features, rest[:-1], rest[-1]))

    return {
        of_denoiser("tell", name): _Graph(denoiser, tell, known, list(shared)),
        # one time for the whole batch; the deblurring itself is left to numpy's fast transform
        of_denoiser("denoise", name): _Graph(
            denoiser, denoise, {"z": noise, "t": torch.ones(1), **shared}, ["blurred", "gain"]
        ),
    }


class _Bound(nn.Module):
    """A function of tensors as the module the exporter asks for, with the network whose weights it uses."""

    def __init__(self, graph: _Graph) -> None:
        super().__init__()
        self.network, self._work = graph.network, graph.work

    def forward(self, *given: Tensor) -> Any:
        return self._work(*given)


def _write(graph: _Graph, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fixed shapes, which are wanted, and of the exporter's age
        # the newer exporter takes ten times as long, needs onnxscript, and writes other bytes every time, with paths of
        # this machine's sources in them; what it makes runs no faster
        torch.onnx.export(
            _Bound(graph).eval(),
            tuple(graph.given.values()),
            path,
            input_names=list(graph.given),
            output_names=graph.gives,
            opset_version=_OPSET,
            dynamo=False,
        )

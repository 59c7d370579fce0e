"""The networks on onnxruntime, from a folder of `p2es export-onnx`: no torch is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from inference.crop import Person
from inference.diffusion import Process, filtered
from inference.errors import WeightsCorrupt, WeightsMissing, WeightsUnfit
from inference.model_folder import TEACHER, ModelFolder, no_student, of_denoiser, read_folder
from inference.settings import EngineSettings
from inference.typical_beat import TYPICAL_BEAT_FILE, TypicalBeat

__all__ = ["OnnxNetworks", "load"]


def load(settings: EngineSettings) -> OnnxNetworks:
    """Read the model. Raises WeightsMissing, WeightsCorrupt or WeightsUnfit."""
    if settings.weights is None:
        raise WeightsMissing("no ONNX model is shipped: p2es export-onnx -o DIR, then infer.engine.weights=DIR")
    folder = read_folder(settings.weights, "onnx")
    made_for = folder.facts["batch"]
    if made_for != settings.batch:
        raise WeightsUnfit(
            f"{folder.path} was made for batches of {made_for}, infer.engine.batch is {settings.batch}: set it to "
            f"{made_for}, or export again"
        )
    return OnnxNetworks(folder, settings.threads, settings.denoiser)


class OnnxNetworks:
    """See Networks. Arrays are numpy's; what `tell` gives stays in the runtime's memory. Raises WeightsUnfit for a
    folder without the denoiser that is asked for, WeightsCorrupt for one that lacks another network."""

    device = "cpu, by onnxruntime"

    def __init__(self, folder: ModelFolder, threads: int = 1, denoiser: str = TEACHER) -> None:
        self.model_id, self.weights_id = of_denoiser(folder.facts["model_id"], denoiser), folder.facts["weights_id"]
        tell, denoise = (of_denoiser(name, denoiser) for name in ("tell", "denoise"))
        if denoiser != TEACHER and f"{denoise}.onnx" not in folder.files:
            raise no_student(folder.facts["model_id"])
        self.process = Process(folder.facts["blur"])
        self.lead_scale = np.array(folder.facts["lead_scale_mv"], np.float32)
        self.typical = TypicalBeat(folder.files[TYPICAL_BEAT_FILE])
        self._beats, self._person, self._code, self._tell, self._denoise, self._band = (
            _session(folder, f"{name}.onnx", threads) for name in ("beats", "person", "code", tell, denoise, "band")
        )

    def beat_probability(self, features: np.ndarray) -> np.ndarray:
        return _run(self._beats, {"features": features})[0]

    def array(self, values: np.ndarray) -> np.ndarray:
        return values.copy()

    def values(self, array: np.ndarray) -> np.ndarray:
        return array

    def person(self, vectors: np.ndarray, shapes: np.ndarray) -> Person:
        return Person(*_run(self._person, {"vectors": vectors, "shapes": shapes}))

    def own_code(self, beat: np.ndarray, known: np.ndarray) -> np.ndarray:
        return _run(self._code, {"beat": beat[None], "known": known[None]})[0][0]

    def tell(self, channels: np.ndarray, person: Person) -> Mapping[str, Any]:
        names = [one.name for one in self._tell.get_outputs()]
        given = {"affinity": person.affinity, **_given(channels, person)}
        values = self._tell.run_with_ort_values(names, {key: _ort(one) for key, one in given.items()})
        return dict(zip(names, values, strict=True))

    def denoise(self, z: np.ndarray, t: np.ndarray, told: Mapping[str, Any]) -> np.ndarray:
        given = {"z": _ort(z), "t": _ort(t[:1]), **told}
        blurred, gain = self._denoise.run_with_ort_values(["blurred", "gain"], given)
        return filtered(blurred.numpy(), gain.numpy())

    def band(self, channels: np.ndarray, person: Person) -> np.ndarray:
        return _run(self._band, _given(channels, person))[0]


def _given(channels: np.ndarray, person: Person) -> dict[str, np.ndarray]:
    return {"channels": channels, "code": person.code, "vector": person.vector}


def _ort(values: np.ndarray) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(values)


def _run(session: onnxruntime.InferenceSession, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [one.numpy() for one in session.run_with_ort_values(None, {key: _ort(one) for key, one in given.items()})]


def _session(folder: ModelFolder, name: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(folder.files[name], options, providers=["CPUExecutionProvider"])
    except KeyError as error:
        raise WeightsCorrupt(f"{folder.path} names no {name}: export it again") from error

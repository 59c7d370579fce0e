"""What runs the networks: torch, or onnxruntime on a box without torch; one file each."""

from inference.errors import RuntimeMissing
from inference.runtimes.networks import Networks
from inference.settings import EngineSettings

__all__ = ["Networks", "load_networks"]


def load_networks(settings: EngineSettings) -> Networks:
    """The model that the settings name. Raises RuntimeMissing, WeightsMissing, WeightsCorrupt, WeightsUnfit."""
    try:
        if settings.runtime == "onnx":
            from inference.runtimes.on_onnx import load
        else:
            from inference.runtimes.on_torch import load
    except ModuleNotFoundError as error:
        other = "torch" if settings.runtime == "onnx" else "onnx"
        raise RuntimeMissing(
            f"{error.name} is not installed: install p2es[{settings.runtime}], or set infer.engine.runtime={other}"
        ) from error
    return load(settings)

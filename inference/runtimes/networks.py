"""What the engine asks of the networks, whatever runs them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from inference.crop import Person
from inference.diffusion import Process
from inference.typical_beat import TypicalBeat

__all__ = ["Networks"]


class Networks(Protocol):
    """The networks of one model on batches of one size. Arrays are of the runtime's own kind: `array` copies numpy's
    into one, `values` gives it back; samplers work on either. An item's result may not depend on its place."""

    model_id: str
    weights_id: str  # of the weights alone, whatever runs them: what a person's calibration is made with
    device: str
    lead_scale: np.ndarray  # (8,) mV
    process: Process
    typical: TypicalBeat

    def beat_probability(self, features: np.ndarray) -> np.ndarray:
        """(batch, n) of an R peak at each sample, for features (batch, 3, n)."""
        ...

    def array(self, values: np.ndarray) -> Any:
        """The same values, in the runtime's memory."""
        ...

    def values(self, array: Any) -> np.ndarray:
        """Inverse of `array`."""
        ...

    def person(self, vectors: Any, shapes: Any) -> Person:
        """The group's prototype along the crop. vectors: (batch, 8); shapes: (batch, 4, 16). May be written over."""
        ...

    def own_code(self, beat: np.ndarray, known: np.ndarray) -> Any:
        """(16,) code of one person's mean beat (8, 90) over the lead scale, 0 where a lead is not known (8,)."""
        ...

    def tell(self, channels: Any, person: Person) -> Any:
        """What all calls of a sampling share, worked out once. channels: (batch, 18, CROP)."""
        ...

    def denoise(self, z: Any, t: Any, told: Any) -> Any:
        """Clean leads (batch, 8, CROP) over the lead scale. t: (batch,), one time for all. told: of `tell`."""
        ...

    def band(self, channels: Any, person: Person) -> Any:
        """10 and 90 % of lead II, (batch, 2, CROP), over the lead scale."""
        ...

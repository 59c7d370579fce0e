"""The generator as one module: denoiser, groups of people, person encoder, band."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor, nn

from inference.affinity import CODE_SIZE, GroupFinder, Grouping
from inference.crop import KNOTS, Person
from inference.denoiser import Band, Denoiser, PersonEncoder
from inference.diffusion import Process

__all__ = ["Generator", "GeneratorConfig"]


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """blur: sigma_B,max in samples. The switches turn off one idea of P2Es each (`Denoiser` explains use_noise,
    use_dilation and use_beats); one that a description on disk lacks is on."""

    blur: float = 2.0
    groups: int = 8
    use_affinity: bool = True
    use_demographics: bool = True
    use_contrastive: bool = True
    use_noise: bool = True
    use_dilation: bool = True
    use_beats: bool = True

    def as_dict(self) -> dict:
        """Plain values for a checkpoint."""
        return asdict(self)


class Generator(nn.Module):
    """See the module's docstring. `person` turns what is known into what the networks are told."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.process = Process(config.blur)
        self.groups = GroupFinder(config.groups, config.use_demographics, config.use_affinity)
        self.encoder = PersonEncoder()
        self.denoiser = Denoiser(self.process, config.use_noise, config.use_dilation, config.use_beats)
        self.band = Band(config.use_beats)

    def person(self, vector: Tensor, shapes: Tensor, code: Tensor | None = None) -> tuple[Person, Grouping]:
        """vector: (batch, 8); shapes: (batch, 4, 16), the pulse shape at the crop's knots. code: (batch, 16) overrides
        the group's prototype (a calibrated person). Returns the person along the crop and the grouping at each knot,
        its first axis batch x 4."""
        batch = len(vector)
        grouping = self.groups(vector.repeat_interleave(KNOTS, 0), shapes.flatten(0, 1))
        along = grouping.code.view(batch, KNOTS, CODE_SIZE)
        if code is not None:
            along = code[:, None].expand(-1, KNOTS, -1)
        known = vector if self.config.use_demographics else vector * 0
        return Person(along, known, grouping.affinity.view(batch, KNOTS, 8, 8)), grouping

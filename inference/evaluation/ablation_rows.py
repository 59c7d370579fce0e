"""The rows of the ablation table: how each makes its estimate of a recording, and of a 12-lead one without PPG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from inference.datasets.prepared import PreparedRecord, fingerprint
from inference.datasets.windows import windows_of
from inference.engine import Engine
from inference.evaluation.cases import Case
from inference.evaluation.chest import beat_at_true_peaks, from_true_peaks, limb_projection, projected
from inference.evaluation.controls import (
    Population,
    announced_mean_beat,
    constant,
    population_true_peaks,
    pulse_mean_beat,
)
from inference.evaluation.estimate import Estimate, moved_to
from inference.evaluation.run import another_person
from inference.evaluation.streamed import stream_record
from inference.runtimes.on_torch import TorchNetworks
from inference.settings import EngineSettings
from inference.training.ablation import FULL, TrainedRow
from inference.weights_file import Weights
from stream.messages import PpgSegment

__all__ = ["MEAN_BEAT", "Way", "control_rows", "trained_rows"]

MEAN_BEAT = "p2es beats, population's mean beat"
_CALLS = (1, 4, 8)  # of the sampler with the full row's weights, beside the engine's own
# settings of the engine that change no figure here
_NO_MATTER = {"runtime", "weights", "device", "threads", "band_wider", "own_band_wider", "own_band_wider_poor"}


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """estimate: of the numbered case, None where it has none. chest: (8, n) mV of the numbered 12-lead recording from
    its true R peaks. made_with: plain values that its figures depend on, beside the recordings. usage: see TrainedRow;
    NaN of what was not trained."""

    name: str
    made_with: Mapping[str, Any]
    estimate: Callable[[int], Estimate | None] | None
    chest: Callable[[int], np.ndarray] | None
    usage: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A trained row in the engine, with the beat head that all rows share. windows: of the numbered case."""

    engine: Engine
    trained: TrainedRow
    windows: Callable[[int], Sequence[PpgSegment]]
    cases: Sequence[Case]
    whole: Sequence[PreparedRecord]

    @property
    def made_with(self) -> dict[str, Any]:
        chosen = {name: value for name, value in asdict(self.engine.settings).items() if name not in _NO_MATTER}
        return {"head": self.engine.model_id, "row": self.trained.weights_id, "engine": chosen}

    def estimate(self, i: int) -> Estimate:
        return stream_record(self.engine, self.windows(i), self.cases[i].record.n).estimate

    def chest(self, i: int) -> np.ndarray:
        return from_true_peaks(self.engine, self.whole[i])

    def of_another(self, i: int) -> Estimate | None:
        """Told another person's age and sex; None where those are not known to differ."""
        other = another_person(self.cases, i)
        told = None if other is None else self.cases[other].entry.demographics
        if told is None or told == self.cases[i].entry.demographics:
            return None
        windows = [replace(one, demographics=told) for one in self.windows(i)]
        return stream_record(self.engine, windows, self.cases[i].record.n).estimate

    def chest_of_another(self, i: int) -> np.ndarray:
        one, turned = self.whole[i], [*self.whole[i:], *self.whole[:i]]
        told = next((each.demographics for each in turned if each.subject != one.subject), one.demographics)
        return from_true_peaks(self.engine, replace(one, demographics=told))


def trained_rows(
    trained: Mapping[str, TrainedRow],
    head: Weights,
    settings: EngineSettings,
    cases: Sequence[Case],
    whole: Sequence[PreparedRecord],
) -> list[Way]:
    """The full row, the other trained ones, the full one's weights at other numbers of calls, and told of somebody
    else."""

    windows = cache(lambda i: windows_of(cases[i].entry))  # two fifths of the time of a row

    def in_engine(name: str, **chosen: Any) -> _Row:
        row = trained[name]
        networks = TorchNetworks(replace(head, generator=row.generator, lead_scale=row.lead_scale))
        return _Row(Engine(networks, replace(settings, **chosen)), row, windows, cases, whole)

    out = []
    for name in trained:
        row = in_engine(name)
        # the full row's estimates are asked for again
        estimate = cache(row.estimate) if name == FULL else row.estimate
        out.append(Way(name, row.made_with, estimate, row.chest, row.trained.usage))
    for calls in _CALLS:
        row = in_engine(FULL, calls=calls)
        out.append(Way(f"full, calls: {calls}", row.made_with, row.estimate, row.chest))
    full = in_engine(FULL)
    out.append(Way("full, another person's age and sex", full.made_with, full.of_another, full.chest_of_another))
    return out


def control_rows(
    full: Way, cases: Sequence[Case], whole: Sequence[PreparedRecord], train: Sequence[PreparedRecord]
) -> list[Way]:
    """What needs no training: made of the full row's estimates or beats, or of the train part's population."""
    population, projection = Population.of(train), limb_projection(train)
    alone = {"train": fingerprint(train)}
    both = {**alone, **full.made_with}
    own = full.estimate
    assert own is not None

    def of_another(i: int) -> Estimate | None:
        other = another_person(cases, i)
        estimate = None if other is None else own(other)
        return None if estimate is None else moved_to(estimate, cases[i].record.n)

    def at_own_beats(i: int) -> Estimate | None:
        estimate = own(i)
        return None if estimate is None else announced_mean_beat(cases[i].record, estimate, population)

    rows = [
        Way("full, another person's PPG", both, of_another, None),
        Way(MEAN_BEAT, both, at_own_beats, None),
        Way(
            "pulse, population's delay and mean beat",
            alone,
            lambda i: pulse_mean_beat(cases[i].record, population),
            None,
        ),
        Way("constant", alone, lambda i: constant(cases[i].record), None),
        Way(
            "population's mean beat at true R peaks",
            alone,
            lambda i: population_true_peaks(cases[i].record, population),
            lambda i: beat_at_true_peaks(population, whole[i]),
        ),
    ]
    if np.isfinite(projection).all():
        name = "linear projection of the true I and II"
        rows.append(Way(name, alone, None, lambda i: projected(projection, whole[i])))
    return rows

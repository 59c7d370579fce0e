"""V1-V6 where they can be judged: PTB-XL has twelve true leads but no PPG. The generator is given the true R peaks and
the person's demographics, and must beat the population's mean beat placed at the same peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from inference.conditions import CHANNELS, beat_channels, person_vector
from inference.crop import CROP, HALO, HOP, KNOTS
from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import GENERATED
from inference.engine import Engine
from inference.errors import WeightsUnfit
from inference.evaluation.controls import Population, stamp
from inference.evaluation.waveform import agreement, as_scored, mean_beat, r_amplitude
from inference.noise import field
from inference.runtimes.on_torch import TorchNetworks
from inference.samplers import SAMPLERS
from stream.conditioning import SHAPE_SIZE
from stream.messages import GRID_FS_HZ

__all__ = [
    "ChestRow",
    "beat_at_true_peaks",
    "chest_row",
    "chest_rows",
    "from_true_peaks",
    "limb_projection",
    "projected",
]


@dataclass(frozen=True, slots=True, eq=False)
class ChestRow:
    """r: (records, 8) per lead in GENERATED order. rmse_mv: the same shape. sd_ratio: the same shape. amplitudes:
    (records, 8, 4), true SD, estimate's SD, true R, estimate's R in mV. subjects: of the records."""

    name: str
    r: np.ndarray
    rmse_mv: np.ndarray
    sd_ratio: np.ndarray
    amplitudes: np.ndarray
    subjects: Sequence[str]


@torch.inference_mode()
def from_true_peaks(engine: Engine, record: PreparedRecord) -> np.ndarray:
    """(8, n) mV from the recording's R peaks and demographics, as the generator makes them without PPG."""
    networks, settings = engine.networks, engine.settings
    if not isinstance(networks, TorchNetworks):
        raise WeightsUnfit("V1-V6 are judged record by record, on torch: infer.engine.runtime=torch")
    generator = networks.generator
    places, out = record.beats_s * GRID_FS_HZ, np.zeros((8, record.n), np.float32)
    vector = torch.from_numpy(person_vector(record.demographics))[None].to(engine.device)
    shapes = torch.zeros(1, KNOTS, SHAPE_SIZE, device=engine.device)
    person, _ = generator.person(vector, shapes)
    for start in range(0, record.n, HOP):
        first = start - HALO
        channels = np.zeros((1, CHANNELS, CROP), np.float32)
        channels[0, :-3] = beat_channels(places, first, CROP)
        told = torch.from_numpy(channels).to(engine.device)
        drawn = settings.temperature * field(settings.seed, record.name, first + CROP, CROP)
        noise = torch.from_numpy(drawn[None]).to(engine.device)
        sample = SAMPLERS[settings.sampler](
            lambda z, t, told=told: networks.denoiser(z, t, told, person)[1],
            generator.process,
            [noise],
            generator.process.grid(settings.calls),
        )
        piece = sample[0, :, HALO : HALO + HOP].cpu().numpy() * networks.lead_scale[:, None]
        out[:, start : start + HOP] = piece[:, : record.n - start]
    return networks.typical.draw(out, settings.typical_share, places, 0)


def limb_projection(records: Iterable[PreparedRecord]) -> np.ndarray:
    """(6, 2): V1-V6 from the true I and II by least squares over train records with all eight leads; NaN without."""
    gram, cross = np.zeros((2, 2)), np.zeros((6, 2))
    for one in records:
        if np.isfinite(one.leads_mv).all():
            limbs, chest = one.leads_mv[:2].astype(float), one.leads_mv[2:].astype(float)
            gram, cross = gram + limbs @ limbs.T, cross + chest @ limbs.T
    return cross @ np.linalg.inv(gram) if gram.any() else np.full((6, 2), np.nan)


def projected(projection: np.ndarray, record: PreparedRecord) -> np.ndarray:
    """(8, n) mV: the true I and II, and V1-V6 projected from them. projection: of `limb_projection`."""
    return np.concatenate([record.leads_mv[:2], projection @ record.leads_mv[:2]])


def beat_at_true_peaks(population: Population, record: PreparedRecord) -> np.ndarray:
    """(8, n) mV: the population's mean beat at the true R peaks."""
    return stamp(population.beat_mv, record.beats_s, record.n)


def chest_rows(
    engine: Engine, records: Sequence[PreparedRecord], population: Population, projection: np.ndarray
) -> list[ChestRow]:
    """The generator and its controls on 12-lead records without PPG. projection: of `limb_projection`."""
    estimates = {
        "p2es at true R peaks": lambda one: from_true_peaks(engine, one),
        "population beat at true R peaks": lambda one: beat_at_true_peaks(population, one),
        "linear projection of the true I and II": lambda one: projected(projection, one),
    }
    if np.isnan(projection).any():
        del estimates["linear projection of the true I and II"]
    return [chest_row(name, records, make) for name, make in estimates.items()]


def chest_row(name: str, records: Sequence[PreparedRecord], make: Callable[[PreparedRecord], np.ndarray]) -> ChestRow:
    """Judge one estimate, (8, n) mV of each recording, by the twelve leads of its first 10 s."""
    r, rmse, ratio = (np.full((len(records), len(GENERATED)), np.nan) for _ in range(3))
    amplitudes = np.full((len(records), len(GENERATED), 4), np.nan)
    for i, one in enumerate(records):
        estimate = make(one)
        for lead, lead_name in enumerate(GENERATED):
            true, found = one.leads_mv[lead].astype(float), as_scored(estimate[lead].astype(float))
            result = agreement(true, found, np.array([0]))
            r[i, lead], rmse[i, lead] = result.r, result.rmse_mv
            ratio[i, lead] = np.std(found) / np.std(true)
            peaks = [r_amplitude(mean_beat(each, one.beats_s), lead_name) for each in (true, found)]
            amplitudes[i, lead] = np.std(true), np.std(found), *peaks
    return ChestRow(name, r, rmse, ratio, amplitudes, [one.subject for one in records])

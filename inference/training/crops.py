"""Training crops of the generator, from recordings with PPG (limb leads) and without (12 leads): one model, and a loss
only on the leads that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.beat_head import normalise
from inference.conditions import CHANNELS, beat_channels, person_vector
from inference.crop import BEAT_BEFORE, BEAT_SAMPLES, CROP, HOP, KNOTS
from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import GENERATED
from inference.errors import DataMissing
from stream.conditioning import SHAPE_SIZE
from stream.messages import GRID_FS_HZ

__all__ = ["CropSampler", "lead_scale", "mean_beat", "population_beat", "require_leads"]

# how often a set is drawn from; of another one its recordings with PPG as often as CinC's, those without as PTB-XL's
_SHARES = {("bidmc", True): 0.35, ("cinc2015", True): 0.25, ("ptbxl", False): 0.40}
_OTHER = {True: 0.25, False: 0.40}
_WINDOW = 10 * GRID_FS_HZ
_KNOWN = 0.7  # of a crop: with less of any lead it teaches too little


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    record: PreparedRecord
    leads: np.ndarray  # (8, n) over the lead scale, NaN outside usable windows
    beats: np.ndarray  # grid places
    pulse: np.ndarray
    parts: list[tuple[slice, np.ndarray]]  # stretches and their mean beats
    person: np.ndarray


def lead_scale(records: Sequence[PreparedRecord]) -> np.ndarray:
    """(8,) mV: the median over the recordings of each lead's SD; NaN for a lead that none has."""
    return np.array([_median_sd(records, lead) for lead in range(8)], np.float32)


def require_leads(records: Sequence[PreparedRecord]) -> None:
    """Raises DataMissing when none of the recordings has one of the leads: the model would have to make it up."""
    _require(
        np.array([any(np.isfinite(one.leads_mv[lead]).any() for one in records) for lead in range(8)]), len(records)
    )


def _require(there: np.ndarray, recordings: int) -> None:
    if not there.all():
        lacking = ", ".join(name for name, known in zip(GENERATED, there, strict=True) if not known)
        raise DataMissing(
            f"nothing of lead {lacking} in the {recordings} recordings that can teach the generator: add recordings "
            "that have it; 12-lead ECGs without PPG, as of PTB-XL, will do"
        )


def _median_sd(records: Sequence[PreparedRecord], lead: int) -> float:
    known = [np.isfinite(one.leads_mv[lead]) for one in records]
    whole = [one.leads_mv[lead].std() for one, there in zip(records, known, strict=True) if there.all()]
    # where every recording has a hole, what is between the holes
    parts = [one.leads_mv[lead][there].std() for one, there in zip(records, known, strict=True) if there.any()]
    return float(np.median(whole or parts)) if parts else float("nan")


def mean_beat(leads: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """(8, 90) median beat from 0.25 s before to 0.45 s after R; NaN for leads not there. beats: grid places."""
    at = np.round(beats).astype(int)
    at = at[(at >= BEAT_BEFORE) & (at + BEAT_SAMPLES - BEAT_BEFORE <= leads.shape[1])]
    if len(at) < 3:
        return np.full((8, BEAT_SAMPLES), np.nan, np.float32)
    cut = leads[:, at[:, None] + np.arange(-BEAT_BEFORE, BEAT_SAMPLES - BEAT_BEFORE)]
    there = np.asarray(np.isfinite(cut).all(2))  # (8, beats)
    out = np.full((8, BEAT_SAMPLES), np.nan, np.float32)
    for lead in range(8):
        if there[lead].sum() >= 3:
            out[lead] = np.median(cut[lead, there[lead]], 0)
    return out


def population_beat(sources: Sequence[np.ndarray]) -> np.ndarray:
    """(8, 90): mean over people of their mean beats."""
    return np.nanmean(np.stack(sources), 0).astype(np.float32)


def stamp(beat: np.ndarray, beats: np.ndarray, first: int, n: int) -> np.ndarray:
    """(8, n): the mean beat at every R peak; where two meet, each keeps its side of the midpoint (35 : 65)."""
    out = np.zeros((len(beat), n), np.float32)
    for i, place in enumerate(beats):
        left = -BEAT_BEFORE if i == 0 else max(-BEAT_BEFORE, -0.35 * (place - beats[i - 1]))
        right = BEAT_SAMPLES - BEAT_BEFORE - 1
        if i + 1 < len(beats):
            right = min(right, 0.65 * (beats[i + 1] - place))
        at = np.arange(max(0, int(np.ceil(place + left)) - first), min(n, int(place + right) - first + 1))
        for lead in range(len(beat)):
            out[lead, at] = np.interp(at + first - place, np.arange(BEAT_SAMPLES) - BEAT_BEFORE, beat[lead])
    return out


class CropSampler:
    """Draws crops of CROP samples. scale: (8,) mV. Raises DataMissing when no record has a beat of one of the leads."""

    def __init__(self, records: Sequence[PreparedRecord], scale: np.ndarray) -> None:
        self.sources = [_source(one, scale) for one in records]
        self.sources = [one for one in self.sources if one.parts and _has_crops(one)]
        self.population = _population(self.sources)
        kinds = [(one.record.dataset, len(one.record.ppg) > 0) for one in self.sources]
        known = [*_SHARES, *sorted(set(kinds) - set(_SHARES))]
        self.by_set = {kind: [i for i, own in enumerate(kinds) if own == kind] for kind in known if kind in kinds}
        self.shares = np.array([_SHARES.get(kind, _OTHER[kind[1]]) for kind in self.by_set])
        self.shares /= self.shares.sum()

    def __call__(self, rng: np.random.Generator, batch: int) -> dict[str, np.ndarray]:
        """Arrays by name: leads (b, 8, 512) with gaps filled by the population's beat, mask of the true ones, channels
        (b, 18, 512), person (b, 8), shapes (b, 4, 16), beat (b, 8, 90) of another stretch, beat_mask (b, 8)."""
        drawn = [self._crop(rng) for _ in range(batch)]
        return {key: np.stack([one[key] for one in drawn]).astype(np.float32) for key in drawn[0]}

    def _crop(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        while True:
            source = self.sources[
                rng.choice(self.by_set[list(self.by_set)[rng.choice(len(self.shares), p=self.shares)]])
            ]
            first = int(rng.integers(0, source.leads.shape[1] - CROP))
            leads = source.leads[:, first : first + CROP]
            mask = np.isfinite(leads)
            if mask.any(0).mean() > _KNOWN:
                break
        near = source.beats[(source.beats > first - 4 * GRID_FS_HZ) & (source.beats < first + CROP + 2 * GRID_FS_HZ)]
        others = [beat for part, beat in source.parts if part.stop <= first or part.start >= first + CROP]
        beat = others[rng.integers(len(others))] if others else source.parts[0][1]
        filled = np.where(mask, leads, stamp(self.population, near, first, CROP))
        return {
            "leads": filled,
            "mask": mask,
            "channels": np.concatenate([beat_channels(near, first, CROP), _pulse_channels(source, first, rng)]),
            "person": source.person * (rng.random() > 0.15),
            "shapes": _shapes(source, first),
            "beat": np.nan_to_num(beat),
            "beat_mask": np.isfinite(beat).all(1) * (rng.random(8) > 0.1),
        }


def _has_crops(source: _Source) -> bool:
    """Whether any crop can be drawn from it: drawing tries until one fits."""
    if source.leads.shape[1] <= CROP:
        return False
    known = np.cumsum(np.concatenate([[0], np.isfinite(source.leads).any(0)]))
    return bool((known[CROP:-1] - known[: -CROP - 1]).max() > _KNOWN * CROP)


def _population(sources: Sequence[_Source]) -> np.ndarray:
    beats = np.stack([beat for one in sources for _, beat in one.parts] or [np.full((8, BEAT_SAMPLES), np.nan)])
    _require(np.asarray(np.isfinite(beats).all(2).any(0)), len(sources))
    # one stretch a person; all of them for a lead that none has in its first
    first = population_beat([one.parts[0][1] for one in sources])
    return np.where(np.isfinite(first), first, population_beat(list(beats)))


def _source(record: PreparedRecord, scale: np.ndarray) -> _Source:
    leads = record.leads_mv / scale[:, None]
    usable = np.repeat(record.usable, _WINDOW)
    usable = np.pad(usable, (0, max(0, leads.shape[1] - len(usable))))[: leads.shape[1]]
    leads = np.where(usable, np.clip(leads, -15, 15), np.nan).astype(np.float32)
    beats = record.beats_s * GRID_FS_HZ
    size = max(leads.shape[1] // 6, 5 * GRID_FS_HZ - 1)
    parts = []
    for start in range(0, leads.shape[1] - size + 1, size):
        inside = beats[(beats >= start) & (beats < start + size)]
        beat = mean_beat(leads, inside)
        if np.isfinite(beat).any():
            parts.append((slice(start, start + size), beat))
    pulse = normalise(record.ppg, record.scale) if len(record.ppg) else record.ppg
    return _Source(record, leads, beats, pulse, parts, person_vector(record.demographics))


def _pulse_channels(source: _Source, first: int, rng: np.random.Generator) -> np.ndarray:
    out = np.zeros((CHANNELS - 15, CROP), np.float32)
    if len(source.pulse) and rng.random() > 0.3:
        place = first + np.arange(CROP) + source.record.lag_s * GRID_FS_HZ
        out[0] = np.interp(place, np.arange(len(source.pulse)), source.pulse)
        out[1] = np.clip(8 * np.gradient(out[0]), -6, 6)
        out[2] = 1.0
    return out


def _shapes(source: _Source, first: int) -> np.ndarray:
    known = source.record.shape
    if not len(known):
        return np.zeros((KNOTS, SHAPE_SIZE), np.float32)
    place = round((first + source.record.lag_s * GRID_FS_HZ) / HOP)
    return known[np.clip(place + np.arange(KNOTS), 0, len(known) - 1)]

"""Does the band of lead II hold what it says: coverage by recording, by quality and by confidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.evaluation.aligned import Aligned
from inference.evaluation.intervals import bootstrap
from inference.evaluation.streamed import Streamed
from inference.evaluation.waveform import delayed
from stream.messages import GRID_FS_HZ

__all__ = ["BandCounts", "BandRow", "band_counts", "band_rows"]

_QUALITIES = (0.7, 0.9)
_NEAR_R = round(0.06 * GRID_FS_HZ)
_FEWEST_S = 10.0  # of a recording in a stratum: less says nothing


@dataclass(frozen=True, slots=True, eq=False)
class BandCounts:
    """Of one recording, by (quality, confidence) of the windows that own the samples, (k,) each. asked: samples of true
    lead II beside a band; inside: of them in it; near_asked, near_inside: of those within 60 ms of a true R peak;
    width_mv: sum of the band's width."""

    quality: np.ndarray
    confidence: np.ndarray
    asked: np.ndarray
    inside: np.ndarray
    near_asked: np.ndarray
    near_inside: np.ndarray
    width_mv: np.ndarray


@dataclass(frozen=True, slots=True)
class BandRow:
    """Means over the recordings with 10 s in a stratum: coverage with its 95 % interval over subjects, near_r within
    60 ms of true R peaks, width_mv. tenth: the coverage that nine of ten recordings have."""

    name: str
    recordings: int
    coverage: float
    low: float
    high: float
    tenth: float
    near_r: float
    width_mv: float


def band_counts(record: PreparedRecord, streamed: Streamed, at: Aligned) -> BandCounts | None:
    """After the recording's lag, in judged windows with an estimate; None without a true lead II."""
    if at.main != "II":
        return None
    true, (low, high) = at.truth["II"], (delayed(limit, at.moved) for limit in streamed.band_mv)
    quality, confidence = (delayed(one, at.moved // 2 * 2) for one in (streamed.quality, streamed.confidence))
    asked = at.usable & np.isfinite(true) & np.isfinite(low) & np.isfinite(high)
    near = np.zeros(record.n, bool)
    for peak in np.rint(record.beats_s * GRID_FS_HZ).astype(int):
        near[max(0, peak - _NEAR_R) : peak + _NEAR_R + 1] = True
    inside = (true >= low) & (true <= high)
    strata, place = np.unique(np.stack([quality, confidence])[:, asked], axis=1, return_inverse=True)
    values = (np.ones(record.n), inside, near, near & inside, high - low)
    sums = [np.bincount(place, each[asked].astype(float), strata.shape[1]) for each in values]
    return BandCounts(strata[0], strata[1], *sums)


def band_rows(counts: Sequence[BandCounts | None], subjects: Sequence[str]) -> list[BandRow]:
    """Whole, by quality of the windows, and by thirds of their confidence."""
    known = [(one, who) for one, who in zip(counts, subjects, strict=True) if one is not None and len(one.asked)]
    if not known:
        return []
    recordings, people = [one for one, _ in known], [who for _, who in known]
    worse, better = _QUALITIES
    first, second = _thirds(recordings)
    strata: dict[str, Callable[[BandCounts], np.ndarray]] = {
        "all": lambda one: one.quality >= 0,
        f"quality below {worse}": lambda one: one.quality < worse,
        f"quality {worse} to {better}": lambda one: (one.quality >= worse) & (one.quality <= better),
        f"quality above {better}": lambda one: one.quality > better,
        f"confidence, lowest third (to {first:.2f})": lambda one: one.confidence <= first,
        "confidence, middle third": lambda one: (one.confidence > first) & (one.confidence <= second),
        f"confidence, highest third (from {second:.2f})": lambda one: one.confidence > second,
    }
    return [_row(name, [_sums(one, inside(one)) for one in recordings], people) for name, inside in strata.items()]


def _thirds(recordings: Sequence[BandCounts]) -> tuple[float, float]:
    confidence = np.concatenate([one.confidence for one in recordings])
    order = np.argsort(confidence)
    share = np.cumsum(np.concatenate([one.asked for one in recordings])[order])
    first, second = np.searchsorted(share, [share[-1] / 3, 2 * share[-1] / 3])
    return float(confidence[order[first]]), float(confidence[order[second]])


def _sums(one: BandCounts, inside: np.ndarray) -> list[float]:
    """Coverage, coverage near R and mean width of one recording's stratum, NaN where it has too little."""
    asked, near = one.asked[inside].sum(), one.near_asked[inside].sum()
    if asked < _FEWEST_S * GRID_FS_HZ or not near:
        return [np.nan] * 3
    parts = (one.inside, one.near_inside, one.width_mv)
    return [part[inside].sum() / whole for part, whole in zip(parts, (asked, near, asked), strict=True)]


def _row(name: str, sums: Sequence[list[float]], people: Sequence[str]) -> BandRow:
    values = np.array(sums)
    means, spans, counted = bootstrap(values, people)
    known = values[np.isfinite(values[:, 0]), 0]
    tenth = float(np.percentile(known, 10)) if len(known) else float("nan")
    coverage, near_r, width = map(float, means)
    low, high = map(float, spans[0])
    return BandRow(name, int(counted[0]), coverage, low, high, tenth, near_r, width)

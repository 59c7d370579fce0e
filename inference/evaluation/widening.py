"""How much wider the band of lead II has to be: learned on the calibration part, never on test subjects.

Split-conformal, a recording the unit: by as much as makes a sample of the next person's recording lie inside with the
wanted probability when that person is like these (Dunn, Wasserman and Ramdas 2023, J Am Stat Assoc 118, 2491)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from inference.band import CLEAR, SHARE, needed, widened
from inference.datasets.windows import windows_of
from inference.engine import Engine
from inference.errors import DataMissing
from inference.evaluation.aligned import align
from inference.evaluation.cases import Case
from inference.evaluation.personal import personal
from inference.evaluation.streamed import Streamed, stream_record
from inference.evaluation.waveform import delayed
from stream.messages import GRID_FS_HZ, LEADS

__all__ = ["Beside", "Widening", "beside", "choose_widening", "learned"]

_FEWEST = 10 * GRID_FS_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Judged samples of one recording: true lead II, the estimate (m,) and its band (2, m) in mV, after the lag, and
    the quality (m,) of the window that gave them."""

    subject: str
    true: np.ndarray
    lead: np.ndarray
    band: np.ndarray
    quality: np.ndarray


@dataclass(frozen=True, slots=True)
class Widening:
    """by: for the settings. recordings: it was learned from. coverage, width_mv: means over them, before and after."""

    by: float
    recordings: int
    coverage: tuple[float, float]
    width_mv: tuple[float, float]


def choose_widening(cases: Sequence[Case], engine: Engine) -> dict[str, Widening]:
    """For each setting: other people, and with 30 s of own ECG clear and poor windows. cases: of the calibration part.
    engine: one that widens by nothing.

    Raises DataMissing with fewer than nine people of any kind."""
    without: list[Beside] = []
    own: list[Beside] = []
    for case in tqdm(cases, desc="infer"):
        windows = windows_of(case.entry)
        streamed = stream_record(engine, windows, case.record.n)
        without += beside(case, streamed)
        one = personal(engine, case, windows, streamed)
        if one.calibration is not None and one.calibration.band_uv is not None:
            own += beside(case, one.streamed)
    return {
        "band_wider": _widening(without),
        "own_band_wider": _widening(_where(own, lambda quality: quality >= CLEAR)),
        "own_band_wider_poor": _widening(_where(own, lambda quality: quality < CLEAR)),
    }


def _where(known: Sequence[Beside], wanted: Callable[[np.ndarray], np.ndarray]) -> list[Beside]:
    """What of each recording has a wanted quality, those with less than 10 s of it left out."""
    out = []
    for one in known:
        kept = wanted(one.quality)
        if kept.sum() >= _FEWEST:
            out.append(Beside(one.subject, one.true[kept], one.lead[kept], one.band[:, kept], one.quality[kept]))
    return out


def beside(case: Case, streamed: Streamed) -> list[Beside]:
    """The judged samples of a recording; none when it has no true lead II or less than 10 s with an estimate."""
    at = align(case.record, streamed.estimate)
    if at.main != "II":
        return []
    true, lead = at.truth["II"], streamed.estimate.leads_mv[LEADS.index("II")].astype(float)
    late, low, high = (delayed(one, at.moved) for one in (lead, *streamed.band_mv))
    quality = delayed(streamed.quality, at.moved // 2 * 2)
    known = at.usable & np.isfinite(np.stack([true, late, low, high])).all(0)
    if known.sum() < _FEWEST:
        return []
    return [Beside(case.entry.subject, true[known], late[known], np.stack([low, high])[:, known], quality[known])]


def learned(scores: Sequence[np.ndarray], subjects: Sequence[str], share: float = SHARE) -> float:
    """The least value that a share of the samples of the next person does not exceed. scores: (m,) of each recording.

    Samples of a person weigh 1 / (people + 1) together and the next one, of whom nothing is known, as much at infinity.
    Raises DataMissing when there are too few people for that share."""
    people: dict[str, list[np.ndarray]] = {subject: [] for subject in subjects}
    for one, subject in zip(scores, subjects, strict=True):
        people[subject].append(one)
    each = [np.concatenate(parts) for parts in people.values()]
    weights = np.concatenate([np.full(len(one), 1 / len(one) / (len(each) + 1)) for one in each])
    every = np.concatenate(each)
    order = np.argsort(every)
    place = int(np.searchsorted(np.cumsum(weights[order]), share - 1e-12))
    if place == len(every):
        raise DataMissing(
            f"{len(each)} people are too few for a band of {share:.0%}: it takes {share / (1 - share):.0f}"
        )
    return float(every[order[place]])


def _widening(known: Sequence[Beside]) -> Widening:
    by = max(0.0, learned([needed(one.band, one.lead, one.true) for one in known], [one.subject for one in known]))
    coverage, width = [], []
    for one in known:
        for low, high in (one.band, widened(one.band, one.lead, by)):
            coverage.append(np.mean((one.true >= low) & (one.true <= high)))
            width.append(np.mean(high - low))
    before, after = np.reshape(coverage, (-1, 2)).mean(0)
    narrow, wide = np.reshape(width, (-1, 2)).mean(0)
    return Widening(by, len(known), (float(before), float(after)), (float(narrow), float(wide)))

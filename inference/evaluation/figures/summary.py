"""The figures beside the tables, for one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from inference.datasets.reference import GENERATED, LIMB
from inference.evaluation.chest import ChestRow
from inference.evaluation.figures.band import BandRow, band_rows
from inference.evaluation.figures.bland_altman import RateAgreement, rate_agreement
from inference.evaluation.figures.evidence import Evidence
from inference.evaluation.figures.examples import Example, chosen
from inference.evaluation.figures.reliability import Reliability, reliability
from inference.evaluation.figures.selective import Selective, selective
from inference.evaluation.figures.shrinkage import Shrinkage, shrinkage

__all__ = ["Amplitude", "Judged", "SetFigures", "Shown", "chest_amplitudes", "set_figures"]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One recording: its name, subject, r of lead II after the lag (NaN without a true lead II) and evidence."""

    name: str
    subject: str
    r: float
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An example with its recording's name and r, and which of the dataset it is."""

    which: str
    name: str
    r: float
    example: Example


@dataclass(frozen=True, slots=True, eq=False)
class Amplitude:
    """Of one lead over recordings: SD and R amplitude in mV, true and estimated (2, recordings) each."""

    sd: Shrinkage
    r: Shrinkage
    sd_mv: np.ndarray
    r_mv: np.ndarray

    def plain(self) -> dict[str, Any]:
        """For the JSON."""
        return {"sd": asdict(self.sd), "r": asdict(self.r), "sd_mv": self.sd_mv.tolist(), "r_mv": self.r_mv.tolist()}


@dataclass(frozen=True, slots=True, eq=False)
class SetFigures:
    """reliability of announced beats; f1, rate: risk against coverage; rates: (2, v) true and found bpm of 10-s windows
    behind `agreement`; amplitudes by lead; band, own_band: without and with 30 s of own ECG; shown: examples."""

    reliability: Reliability
    f1: Selective
    rate: Selective
    agreement: RateAgreement
    rates: np.ndarray
    amplitudes: Mapping[str, Amplitude]
    band: Sequence[BandRow]
    own_band: Sequence[BandRow]
    shown: Sequence[Shown]

    def plain(self) -> dict[str, Any]:
        """For the JSON: every number but the traces."""
        return {
            "reliability": asdict(self.reliability),
            "risk_f1": {**asdict(self.f1), "falls": self.f1.falls},
            "risk_rate": {**asdict(self.rate), "falls": self.rate.falls},
            "bland_altman": asdict(self.agreement),
            "amplitudes": {lead: one.plain() for lead, one in self.amplitudes.items()},
            "band": [asdict(one) for one in self.band],
            "band_calibrated": [asdict(one) for one in self.own_band],
            "shown": [
                {"which": one.which, "recording": one.name, "r": one.r, "from_s": one.example.from_s}
                for one in self.shown
            ],
        }


def set_figures(judged: Sequence[Judged]) -> SetFigures:
    """Of all recordings of one dataset."""
    people, seen = [one.subject for one in judged], [one.evidence for one in judged]
    sure, windows = [one.confidence for one in seen], sum(one.windows for one in seen)
    true, found = [one.true_bpm for one in seen], [one.found_bpm for one in seen]
    return SetFigures(
        reliability=reliability([one.beats for one in seen], people),
        f1=selective(sure, [one.f1_error for one in seen], windows, people),
        rate=selective(sure, [one.rate_error for one in seen], windows, people),
        agreement=rate_agreement(true, found, people),
        rates=np.stack([np.concatenate(true), np.concatenate(found)]),
        amplitudes={
            lead: _amplitude(np.array([one.amplitudes.get(lead, (np.nan,) * 4) for one in seen]), people)
            for lead in LIMB
        },
        band=band_rows([one.band for one in seen], people),
        own_band=band_rows([one.own_band for one in seen], people),
        shown=_shown(judged),
    )


def chest_amplitudes(row: ChestRow) -> dict[str, Amplitude]:
    """Of the generator at true R peaks, 12-lead recordings without PPG, one a subject."""
    return {lead: _amplitude(row.amplitudes[:, place], list(row.subjects)) for place, lead in enumerate(GENERATED)}


def _amplitude(values: np.ndarray, people: Sequence[str]) -> Amplitude:
    """values: (recordings, 4) of true SD, estimate's SD, true R, estimate's R."""
    true_sd, sd, true_r, r = values.T
    return Amplitude(
        shrinkage(true_sd, sd, people),
        shrinkage(true_r, r, people),
        np.stack([true_sd, sd]),
        np.stack([true_r, r]),
    )


def _shown(judged: Sequence[Judged]) -> list[Shown]:
    whole = [(one, one.evidence.example) for one in judged]
    r = [one.r if example else np.nan for one, example in whole]
    places = chosen(r)
    names = ("best", "median", "worst") if len(places) == 3 else ("best", "worst")
    out = []
    for which, place in zip(names, places, strict=False):
        one, example = whole[place]
        if example:
            out.append(Shown(which, one.name, one.r, example))
    return out

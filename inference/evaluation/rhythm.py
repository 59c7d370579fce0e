"""Findings against the truth: by alarm label, by patient-hour, by half minute. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.evaluation.heard import NEARLY, Heard, Hop
from inference.evaluation.intervals import wilson
from inference.rhythm import IRREGULAR_S, irregularity, irregularity_until

__all__ = ["Hours", "Tally", "clear_label", "hours_of", "irregular_spans", "present_near", "tally"]

_NEAR_S = 4.0
CLEARLY_REGULAR, CLEARLY_IRREGULAR = 0.04, 0.08


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of yes/no answers against the truth; unanswered: of them, abstained (they count as "no")."""

    hit: int
    false: int
    missed: int
    right_no: int
    unanswered: int = 0

    @property
    def precision(self) -> float:
        """Of what was called, how much was true."""
        return _share(self.hit, self.hit + self.false)

    @property
    def sensitivity(self) -> float:
        """Of what was true, how much was called."""
        return _share(self.hit, self.hit + self.missed)

    @property
    def specificity(self) -> float:
        """Of what was not true, how much was not called."""
        return _share(self.right_no, self.right_no + self.false)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Wilson's 95 % limits of the three."""
        return {
            "precision": wilson(self.hit, self.hit + self.false),
            "sensitivity": wilson(self.hit, self.hit + self.missed),
            "specificity": wilson(self.right_no, self.right_no + self.false),
        }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def tally(answers: Iterable[tuple[bool, bool, bool]]) -> Tally:
    """From (true, called, answered) of each case."""
    rows = np.array(list(answers), bool).reshape(-1, 3)
    true, called = rows[:, 0], rows[:, 1]
    return Tally(
        int((true & called).sum()),
        int((~true & called).sum()),
        int((true & ~called).sum()),
        int((~true & ~called).sum()),
        int((~rows[:, 2]).sum()),
    )


def present_near(heard: Heard, name: str, start_s: float, stop_s: float) -> tuple[bool, bool]:
    """Whether a finding is reported of any hop in [start_s, stop_s), and whether any hop there is answered."""
    inside = [hop for hop in heard.hops if hop.stop_s > start_s and hop.start_s < stop_s]
    return any(name in hop.findings for hop in inside), any(hop.answered for hop in inside)


@dataclass(frozen=True, slots=True)
class Hours:
    """Continuous monitoring of one recording and finding. hours: in which the ECG is believed. answered: share of them
    that is not abstained. episodes: of the finding. false: without one on the ECG near by. far: of these, without even
    a near miss there (see `by_ecg`). events, found: on the ECG, and of them those near an episode."""

    hours: float
    answered: float
    episodes: int
    false: int
    far: int
    events: int
    found: int


def hours_of(heard: Heard, truth: Heard, name: str, stop_s: float = np.inf) -> Hours:
    """Compare hop by hop up to stop_s; an episode is an unbroken run of hops, 4 s apart is near."""
    pairs = [pair for pair in zip(heard.hops, truth.hops, strict=True) if pair[1].answered and pair[1].stop_s <= stop_s]
    seconds = sum(hop.stop_s - hop.start_s for _, hop in pairs)
    said = _episodes([hop for hop, _ in pairs], name)
    truth_hops = [hop for _, hop in pairs]
    real, near = _episodes(truth_hops, name), _episodes(truth_hops, NEARLY + name)
    return Hours(
        seconds / 3600,
        sum(hop.stop_s - hop.start_s for hop, _ in pairs if hop.answered) / max(1e-9, seconds),
        len(said),
        sum(not _touches(one, real) for one in said),
        sum(not _touches(one, [*real, *near]) for one in said),
        len(real),
        sum(_touches(one, said) for one in real),
    )


def _episodes(hops: Sequence[Hop], name: str) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for hop in hops:
        if name not in hop.findings:
            continue
        if out and hop.start_s <= out[-1][1] + _NEAR_S:
            out[-1] = (out[-1][0], hop.stop_s)
        else:
            out.append((hop.start_s, hop.stop_s))
    return out


def _touches(one: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    return any(one[0] <= stop + _NEAR_S and start <= one[1] + _NEAR_S for start, stop in others)


def irregular_spans(heard: Heard, starts_s: Iterable[float]) -> np.ndarray:
    """(k,) irregularity that is known at the end of each 30 s, as the alert process has it; NaN where too little was
    answered."""
    return np.array([irregularity_until(heard.beats_s, heard.intervals_s, one + IRREGULAR_S) for one in starts_s])


def clear_label(truth: Heard, starts_s: Iterable[float]) -> np.ndarray:
    """(k,) of the beats in each 30 s: 1 clearly irregular, 0 clearly regular, -1 in between or not known."""
    out = []
    for start in starts_s:
        inside = (truth.beats_s >= start) & (truth.beats_s < start + IRREGULAR_S)
        value = irregularity(truth.beats_s[inside], truth.intervals_s[inside])
        out.append(1 if value >= CLEARLY_IRREGULAR else 0 if value <= CLEARLY_REGULAR else -1)
    return np.array(out, int)

"""From a stretch of a person's ECG and the windows of their PPG at the same time to a calibration, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inference.datasets.reference import LIMB, detect_beats, reference
from inference.engine import Engine
from inference.errors import CalibrationRefused
from inference.personal.belonging import Match, match
from inference.personal.calibration import LONGEST_DELAY_S, SIZE, Calibration, Quality, Source
from inference.personal.own_beat import cut_beats, mean_beat
from stream.messages import ABSTAINED_UV, GRID_FS_HZ, GRID_STEP_NS, LEADS, EcgSegment, PpgSegment

__all__ = ["MIN_SECONDS", "OwnEcg", "measure"]

MIN_SECONDS = 30  # 4 s of own ECG did harm, 32 s helped (research/p2es-method.md)
_MIN_TRUSTED_S, _MIN_BEATS, _MIN_AVERAGED = 15, 15, 10


@dataclass(frozen=True, slots=True, eq=False)
class OwnEcg:
    """leads: filtered, (n,) mV on the 128 Hz grid, NaN where missing, by name. first: grid index of their first sample.
    known: (n,) bool, the stretch that may be used. peaks: R peaks as places from the first sample, where they are known
    already and can be trusted throughout."""

    leads: Mapping[str, np.ndarray]
    first: int
    known: np.ndarray
    peaks: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Pulse:
    """R peaks read off the PPG, (b,) grid places counted from the ECG's first sample; seen: (n,) not abstained."""

    places: np.ndarray
    seen: np.ndarray


def measure(engine: Engine, segments: Sequence[PpgSegment], ecg: OwnEcg, patient: str, source: Source) -> Calibration:
    """The person's delay and beats. segments: windows round the stretch, in order; the engine has to be uncalibrated.

    Raises CalibrationRefused with what is wrong."""
    peaks, trusted = _r_peaks(ecg, source.record)
    pulse = _pulse(engine, segments, ecg)
    seen_s = (trusted & pulse.seen).sum() / GRID_FS_HZ
    if seen_s < _MIN_TRUSTED_S:
        raise CalibrationRefused(
            f"{source.record}: the PPG gives beats in only {seen_s:.0f} s of the stretch; take one with less motion"
        )
    told_s = segments[0].delay_samples / GRID_FS_HZ
    found = match(peaks, pulse.places, trusted & pulse.seen, (-told_s, LONGEST_DELAY_S - told_s))
    if not found.belongs:
        raise CalibrationRefused(
            f"{source.record}: ECG and PPG do not belong together, or are too noisy: at the best delay their beats "
            f"agree to {found.agreement:.2f}, by chance to {found.chance:.2f}; take a longer or cleaner stretch"
        )
    beats, averaged = _own_beats(ecg, peaks)
    return Calibration(
        patient=patient,
        model_id=engine.networks.weights_id,
        delay_s=round(float(np.clip(told_s + found.lag_s, 0, LONGEST_DELAY_S)), 4),
        leads=tuple(beats),
        beats_uv=_whole_uv(list(beats.values())).reshape(-1, SIZE),
        band_uv=_band_uv(ecg, pulse.places - found.lag_s * GRID_FS_HZ, trusted & pulse.seen),
        quality=_quality(found, averaged),
        source=source,
    )


def _r_peaks(ecg: OwnEcg, record: str) -> tuple[np.ndarray, np.ndarray]:
    """R peaks (places) of the stretch, and the part of it (n,) in which they can be trusted."""
    there = {name: lead for name, lead in ecg.leads.items() if np.isfinite(lead[ecg.known]).mean() > 0.5}
    if not there:
        raise CalibrationRefused(f"{record}: its ECG ({', '.join(ecg.leads)}) holds no values in the stretch")
    peaks, trusted = (ecg.peaks, ecg.known) if ecg.peaks is not None else _detected(there, ecg.known)
    inside = peaks[(peaks > 0) & (peaks < len(trusted) - 1)]
    inside = inside[trusted[np.rint(inside).astype(int)]]
    if trusted.sum() < _MIN_TRUSTED_S * GRID_FS_HZ or len(inside) < _MIN_BEATS:
        raise CalibrationRefused(
            f"{record}: only {len(inside)} R peaks can be trusted in its ECG ({', '.join(there)}); "
            "take a cleaner stretch"
        )
    return inside, trusted


def _detected(leads: dict[str, np.ndarray], known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of one lead, where another agrees when there is one."""
    main = "II" if "II" in leads else next(iter(leads))
    trusted = known & np.isfinite(leads[main])
    truth = reference(leads)
    if truth is not None:
        agreed = np.repeat(truth.usable, 10 * GRID_FS_HZ)[: len(trusted)]
        trusted &= np.pad(agreed, (0, len(trusted) - len(agreed)))
    return detect_beats(leads[main]) * GRID_FS_HZ, trusted


def _pulse(engine: Engine, segments: Sequence[PpgSegment], ecg: OwnEcg) -> _Pulse:
    places, seen = [np.zeros(0)], np.zeros(len(ecg.known), bool)
    results: list[EcgSegment] = engine.infer(segments) if segments else []
    for one in results:
        places.append(one.beats_ns / GRID_STEP_NS - ecg.first)
        at = one.start_ns // GRID_STEP_NS - ecg.first
        given = one.leads_uv[:, 0] != ABSTAINED_UV
        a, b = np.clip([at, at + len(given)], 0, len(seen))
        seen[a:b] = given[a - at : b - at]
    return _Pulse(np.concatenate(places), seen)


def _own_beats(ecg: OwnEcg, peaks: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Own beats (SIZE,) in mV and how many went into each, of the leads that have enough."""
    names = [name for name in ecg.leads if name in LEADS]
    if not names:
        return {}, {}
    cuts = cut_beats(np.stack([ecg.leads[name] for name in names]), peaks)
    made = {name: mean_beat(cuts[:, row]) for row, name in enumerate(names)}
    kept = {name: one for name, one in made.items() if one[1] >= _MIN_AVERAGED}
    return {name: beat for name, (beat, _) in kept.items()}, {name: count for name, (_, count) in kept.items()}


def _band_uv(ecg: OwnEcg, places: np.ndarray, trusted: np.ndarray) -> np.ndarray | None:
    """10 and 90 % of lead II round R peaks as read off the pulse: their jitter is in it, as it will be in use."""
    two = _lead_two(ecg.leads)
    inside = places[(places >= 0) & (places < len(trusted) - 1)]
    inside = inside[trusted[np.rint(inside).astype(int)]]
    if two is None:
        return None
    cuts = cut_beats(two[None], inside)[:, 0]
    cuts = cuts[np.isfinite(cuts).all(1)]
    return _whole_uv(np.percentile(cuts, [10, 90], axis=0)) if len(cuts) >= _MIN_AVERAGED else None


def _lead_two(leads: Mapping[str, np.ndarray]) -> np.ndarray | None:
    names = [name for name in leads if name in LIMB]
    if "II" in names:
        return leads["II"]
    if len(names) < 2:
        return None
    solved = np.linalg.pinv(np.array([LIMB[name] for name in names])) @ np.stack([leads[name] for name in names])
    return solved[1]


def _whole_uv(mv: np.ndarray | list[np.ndarray]) -> np.ndarray:
    return np.rint(1000 * np.asarray(mv, float)).astype(int)


def _quality(found: Match, averaged: dict[str, int]) -> Quality:
    return Quality(
        ecg_beats=found.ecg_beats,
        pulse_beats=found.pulse_beats,
        f1=round(found.f1, 3),
        agreement=round(found.agreement, 3),
        chance=round(found.chance, 3),
        spread_ms=round(1000 * found.spread_s, 1),
        averaged=averaged,
    )

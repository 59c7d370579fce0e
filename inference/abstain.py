"""When to say nothing: a flat, abstained trace is better than a made-up beat."""

from __future__ import annotations

import numpy as np

from inference.alike import likeness
from inference.beat_head import Beats
from inference.motion import is_watched, moves, share_of_movement
from inference.rest import is_pause
from inference.settings import EngineSettings
from inference.swing import limb_probability
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, Abstention, PpgSegment

__all__ = ["LIMB_LIKE", "MOVED", "NOT_WATCHED", "abstentions", "known_span"]

MOVED = "moving: the pulse cannot be told from the movement"
LIMB_LIKE = "movement: a limb rather than a heart shaped this light"
NOT_WATCHED = "no acceleration came: the pulse cannot be told from movement"

_UNSURE = "beats unsure"
_SILENCE_S = 3.0
_AROUND_S = 1.0
# a beat is known from WARM_S after the window's start to SEEN_S before its end (the beat head's reach)
_WARM_S, _SEEN_S = 1.0, 1.2
# white noise has 0.37 of its power below _PULSE_HZ, 99 % of the calibration part's windows more than 0.69; of those
# that were estimated this abstains none of BIDMC's and 0.04 % of CinC 2015's
_PULSE_HZ, _MIN_PULSE_POWER = 4.0, 0.6
_POOR_QUALITY = 0.65  # below it the light has to be more alike at the beats
_BEFORE_R_S, _AFTER_R_S = 0.4, 0.9  # what of a beat's waves lies round its R peak


def abstentions(
    segment: PpgSegment,
    pulse: np.ndarray,
    valid: np.ndarray,
    beats: Beats,
    failed: np.ndarray,
    settings: EngineSettings,
) -> list[Abstention]:
    """Stretches of the owned part without an estimate. pulse, valid: (n,) normalised, at ECG time. failed: (owned,)
    where the model gave no finite value."""
    start, stop = segment.owned_start, segment.owned_stop
    reason = _whole(segment, beats, settings)
    if reason:
        return [_stretch(segment, start, stop, reason)]
    measured = np.flatnonzero(valid)
    end = int(measured[-1]) + 1 if len(measured) else 0
    silences = [(a, min(b, end), why) for a, b, why in _silences(segment, pulse, beats)]
    out = [_stretch(segment, a, b, why) for a, b, why in silences if a < b]
    if end < stop:  # the pulse of a beat here has not arrived, and the stretch is over
        out.append(_stretch(segment, max(start, end), stop, "no pulse yet"))
    if failed.any():
        bad = np.flatnonzero(failed) + start
        out.append(_stretch(segment, int(bad[0]), int(bad[-1]) + 1, "model failed"))
    return out


def _whole(segment: PpgSegment, beats: Beats, settings: EngineSettings) -> str | None:
    if segment.quality < settings.min_quality:
        return "poor signal: " + (", ".join(segment.reasons) or "low quality")
    if _pulse_power(segment) < _MIN_PULSE_POWER:
        return "poor signal: noise"
    if not is_watched(segment):
        return NOT_WATCHED
    near = _AROUND_S * GRID_FS_HZ
    close = (beats.index >= segment.owned_start - near) & (beats.index < segment.owned_stop + near)
    sure, poor = settings.min_confidence, segment.quality < _POOR_QUALITY
    alike = settings.min_likeness_poor if poor else settings.min_likeness
    if moves(segment):
        sure, alike = max(sure, settings.min_confidence_moving), max(alike, settings.min_likeness_moving)
    if close.any() and beats.confidence[close].mean() < sure:
        return _UNSURE
    if len(beats.index) and likeness(segment, beats, few=-1.0 if poor else 1.0) < alike:
        return _UNSURE
    if len(segment.motion_mg):
        return MOVED if share_of_movement(segment, beats) > settings.max_movement else None
    return LIMB_LIKE if settings.max_swing < 1 and limb_probability(segment, beats) > settings.max_swing else None


def known_span(segment: PpgSegment) -> tuple[float, float]:
    """Grid places [first, last) of the window in which a beat would have been found."""
    known = np.flatnonzero(segment.valid)
    first = (known[0] if len(known) else 0) + _WARM_S * GRID_FS_HZ
    last = (known[-1] if len(known) else 0) - segment.delay_samples - _SEEN_S * GRID_FS_HZ
    return first, last


def _pulse_power(segment: PpgSegment) -> float:
    """Share of the window's power below _PULSE_HZ: a pulse is slow, what an open input gives is not."""
    power = np.abs(np.fft.rfft(segment.ppg)) ** 2
    power[0] = 0.0
    below = round(_PULSE_HZ * len(segment.ppg) / GRID_FS_HZ) + 1
    return float(power[:below].sum() / max(1e-30, power.sum()))


def _silences(segment: PpgSegment, pulse: np.ndarray, beats: Beats) -> list[tuple[int, int, str]]:
    """Parts of the owned part in intervals without a beat longer than _SILENCE_S, the waves of both ends left out, and
    why nothing is said: the heart's own pause, or beats that were missed."""
    first, last = known_span(segment)
    places = np.concatenate([[min(first, last)], beats.index, [max(first, last)]])
    out = []
    for number in np.flatnonzero(np.diff(places) > _SILENCE_S * GRID_FS_HZ):
        a = 0.0 if number == 0 else places[number] + _AFTER_R_S * GRID_FS_HZ
        b = len(segment.ppg) if number == len(places) - 2 else places[number + 1] - _BEFORE_R_S * GRID_FS_HZ
        begin, end = max(segment.owned_start, int(a)), min(segment.owned_stop, int(b))
        if begin < end:
            own = is_pause(pulse, beats, (first, last), (places[number], places[number + 1]))
            out.append((begin, end, "no beats found" if own else _UNSURE))
    return out


def _stretch(segment: PpgSegment, start: int, stop: int, reason: str) -> Abstention:
    return Abstention(segment.start_ns + start * GRID_STEP_NS, segment.start_ns + stop * GRID_STEP_NS, reason)

"""Alarm limits: one set for everybody, with a person's own on top."""

from __future__ import annotations

from dataclasses import dataclass

from inference.rhythm import IRREGULAR, RULES

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates in beats per minute, times in seconds of signal.

    heart_rate_low, heart_rate_high: medium priority beyond these; *_extreme: high priority. rate_onset_s: how long a
    rate must stay beyond its limit. hysteresis_bpm: how far it must come back. pause_s: longest interval between beats
    on a live sensor. poor_signal_s, no_pulse_s: how long before a technical alert; no_pulse_high_s: before it becomes
    high priority. irregular_share: median change between neighbouring intervals, as a share of the median interval
    (inference/rhythm.py); irregular_onset_s: how long it must last. Defaults: usual adult bedside limits; 4 s
    of pause as in the CinC 2015 definition of asystole."""

    heart_rate_low: float = 50.0
    heart_rate_high: float = 120.0
    heart_rate_low_extreme: float = 40.0
    heart_rate_high_extreme: float = 140.0
    rate_onset_s: float = 6.0
    hysteresis_bpm: float = 5.0
    pause_s: float = 4.0
    poor_signal_s: float = 10.0
    no_pulse_s: float = 2.0
    no_pulse_high_s: float = 10.0
    irregular_share: float = RULES[IRREGULAR].limit
    irregular_onset_s: float = 10.0

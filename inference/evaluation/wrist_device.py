"""A wearable judged by what it says of itself: heart rate and pulse intervals of its own firmware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.datasets.polar_numerics import PolarNumerics
from inference.datasets.reference import matched
from inference.evaluation.beats import best_lag, core, count, mean_rate, shifted
from inference.evaluation.wrist import LEAST_INTERVALS, Answer
from stream.messages import GRID_FS_HZ, EcgSegment

__all__ = ["DeviceFigures", "device_figures", "seconds_shown"]

_LOOK_BACK_S = 6  # of a rate, as on the screen
_CLOSE_BPM = 3.0
_LATEST_S = 20  # a firmware's numbers may be so late


@dataclass(frozen=True, slots=True)
class DeviceFigures:
    """seconds: in which the device gave a heart rate. coverage: share of them with one of ours. close: share of those
    within 3 bpm as is; close_late: after the device's best constant delay late_s (negative when it is our side that
    is late). rate_mae, rate_mae_late: bpm.
    intervals: pairs compared, between beats that both sides have. interval_mae_ms, interval_median_ms: absolute errors.
    f1_50, f1_150: beats against its pulses after the best lag, over what is covered and not blocked by the device."""

    seconds: int
    coverage: float
    close: float
    close_late: float
    late_s: float
    rate_mae: float
    rate_mae_late: float
    intervals: int
    interval_mae_ms: float
    interval_median_ms: float
    f1_50: float
    f1_150: float


def seconds_shown(segments: Sequence[EcgSegment], first_ns: int, seconds: int) -> np.ndarray:
    """(seconds,) the heart rate on the screen at each whole second of event time; NaN where there is none: the
    segment that owns it says nothing, or has abstained there."""
    out = np.full(seconds, np.nan)
    for one in segments:
        start_s = (one.start_ns - first_ns) / 1e9
        silent = [((a.start_ns - first_ns) / 1e9, (a.stop_ns - first_ns) / 1e9) for a in one.abstained]
        for second in range(max(0, int(np.ceil(start_s))), seconds):
            if second >= start_s + len(one.leads_uv) / GRID_FS_HZ:
                break
            if one.heart_rate_bpm is not None and not any(a <= second < b for a, b in silent):
                out[second] = one.heart_rate_bpm
    return out


def trailing_rates(answer: Answer, seconds: int) -> np.ndarray:
    """(seconds,) mean rate of the beats of the 6 s before; NaN without one."""
    rates = [mean_rate(answer.beats_s, at - _LOOK_BACK_S, at, answer.covered, LEAST_INTERVALS) for at in range(seconds)]
    return np.array([np.nan if rate is None else rate for rate in rates])


def device_figures(known: PolarNumerics, answer: Answer, shown: np.ndarray | None = None) -> DeviceFigures:
    """Judge an answer. shown: (seconds,) the heart rate on the screen; left out, the mean of the 6 s before."""
    seconds = len(answer.covered) // GRID_FS_HZ
    rates = trailing_rates(answer, seconds) if shown is None else shown
    errors = {late: _errors(known, rates, late) for late in np.arange(-_LATEST_S, _LATEST_S + 0.5, 0.5)}
    late_s = float(min(errors, key=lambda late: (np.mean(errors[late]) if len(errors[late]) else np.inf, abs(late))))
    asked = known.rate_s[np.isfinite(known.rate_bpm) & (known.rate_s >= 0) & (known.rate_s < seconds)]
    as_is, late = errors[0.0], errors[late_s]
    return DeviceFigures(
        seconds=len(asked),
        coverage=len(as_is) / max(1, len(asked)),
        close=_mean(as_is <= _CLOSE_BPM),
        close_late=_mean(late <= _CLOSE_BPM),
        late_s=late_s,
        rate_mae=_mean(as_is),
        rate_mae_late=_mean(late),
        **_beat_figures(known, answer),
    )


def _errors(known: PolarNumerics, rates: np.ndarray, late_s: float) -> np.ndarray:
    """Absolute differences in bpm where both sides have a rate, the device's taken `late_s` earlier."""
    at = np.floor(known.rate_s - late_s).astype(int)
    inside = np.isfinite(known.rate_bpm) & (at >= 0) & (at < len(rates))
    difference = np.abs(rates[at[inside]] - known.rate_bpm[inside])
    return difference[np.isfinite(difference)]


def _beat_figures(known: PolarNumerics, answer: Answer) -> dict:
    n = len(answer.covered)
    usable = _usable(known, n)
    inner = core(answer.covered)
    # the firmware tells an interval seconds after its end, by a constant that nobody states
    lag = _usual_difference(known.pulses_s, answer.beats_s)
    lag += best_lag(known.pulses_s, answer.beats_s - lag, usable, shifted(inner, lag), reach_s=0.1)
    i, j = matched(known.pulses_s, answer.beats_s - lag, 0.15)
    pair = (np.diff(i) == 1) & (np.diff(j) == 1) & ~known.blocked[i[1:]]
    error = 1000 * np.abs(np.diff(answer.beats_s[j]) - np.diff(known.pulses_s[i]))[pair]
    counts = [
        count(known.pulses_s, answer.beats_s - lag, tolerance, usable, shifted(inner, lag))
        for tolerance in (0.05, 0.15)
    ]
    return {
        "intervals": len(error),
        "interval_mae_ms": _mean(error),
        "interval_median_ms": float(np.median(error)) if len(error) else np.nan,
        "f1_50": counts[0].f1,
        "f1_150": counts[1].f1,
    }


def _usual_difference(pulses_s: np.ndarray, beats_s: np.ndarray) -> float:
    """The commonest difference of all beats and all pulses, within 20 s."""
    difference = (beats_s[None] - pulses_s[:, None]).ravel()
    counts, edges = np.histogram(difference, round(200 * _LATEST_S), (-_LATEST_S, _LATEST_S))
    smooth = np.convolve(counts, np.ones(10), "same")
    return float(edges[smooth.argmax()]) if len(difference) else 0.0


def _usable(known: PolarNumerics, n: int) -> np.ndarray:
    """Grid samples inside an interval that the device does not block."""
    out = np.zeros(n, bool)
    for start, stop, blocked in zip(known.pulses_s[:-1], known.pulses_s[1:], known.blocked[1:], strict=True):
        out[max(0, round(start * GRID_FS_HZ)) : max(0, round(stop * GRID_FS_HZ))] = not blocked
    return out


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else np.nan

"""One wrist recording, judged: heart rate by 8-s windows, beats, and how much was answered, by stage of exercise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from inference.datasets.prepare import pulse_times
from inference.datasets.reference import detect_beats, filter_lead
from inference.datasets.treadmill import (
    FS_HZ,
    LSB,
    REFERENCE_HOP_S,
    REFERENCE_WINDOW_S,
    STAGES,
    Treadmill,
    stage_at,
)
from inference.datasets.windows import blank_chunk, windows_from
from inference.evaluation.beats import best_lag, core, count, mean_rate
from stream.conditioning import Stretch, condition
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, PpgSegment

__all__ = [
    "LEAST_INTERVALS",
    "WRIST_DELAY_S",
    "Answer",
    "StageFigures",
    "Truth",
    "better_channel",
    "light_polarity",
    "pulse_answer",
    "stage_figure_names",
    "stage_figures",
    "truth_of",
    "windows_of_light",
]

WRIST_DELAY_S = 0.25  # R peak to upstroke at the wrist: the prior that the Polar reader gives too, not a measurement
_CHOICE_S = 30  # what the rule for channel and polarity sees: the rest before the exercise
_AGREE_BPM = 5.0  # ECG beats are believed where their rate is the set's own
_CLOSE_BPM = 5.0
LEAST_INTERVALS = 2  # for a rate


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """beats_s: R peaks of the chest ECG. believed: (n,) grid samples where their rate agrees with the reference.
    reference_bpm, ecg_bpm: (w,) of the 8-s windows, the latter NaN where not believed. stage: (n,) index in STAGES."""

    beats_s: np.ndarray
    believed: np.ndarray
    reference_bpm: np.ndarray
    ecg_bpm: np.ndarray
    stage: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What an estimate says: beats, and where it says anything at all (n,)."""

    beats_s: np.ndarray
    covered: np.ndarray


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Of one recording, stage and estimate; NaN where there is nothing to say.

    windows: 8-s windows. coverage: share of them answered (half covered). failed: share answered without a rate.
    rate_*: mean absolute error in bpm of those with a rate, against the set's rate and the ECG beats; close: share of
    them within 5 bpm of the set's rate. f1_*: at 50 and 150 ms, as is and after the recording's best lag."""

    windows: float
    coverage: float
    failed: float
    rate_reference: float
    rate_ecg: float
    close: float
    f1_50_lag: float
    f1_150_lag: float
    f1_50: float
    f1_150: float


def stage_figure_names() -> list[str]:
    """Names of the figures, in order."""
    return [item.name for item in fields(StageFigures)]


def light_polarity(recordings: Sequence[Treadmill]) -> int:
    """+1 or -1 for the device: the sign with which, over all recordings and channels at rest, the pulse is skewed
    upwards: a pulse is a narrow crest over a wide trough (Elgendi 2016). Never looks at the ECG."""
    skews = []
    for one in recordings:
        for light in one.light:
            pulse = _conditioned(light, 1).ppg[5 * GRID_FS_HZ :]  # without the filter's start
            pulse = pulse - pulse.mean()
            skews.append(np.mean(pulse**3) / max(1e-12, np.mean(pulse**2)) ** 1.5)
    return 1 if np.median(skews) >= 0 else -1


def better_channel(recording: Treadmill, polarity: int) -> int:
    """The channel of higher signal quality over the first 30 s, as the live windows give it."""
    starts = range(5, _CHOICE_S - 9, 5)
    sums = [sum(_conditioned(light, polarity, at, 10).quality for at in starts) for light in recording.light]
    return sums.index(max(sums))


def _conditioned(light: np.ndarray, polarity: int, start_s: int = 0, seconds: int = _CHOICE_S):
    part = light[: round((_CHOICE_S + 1) * FS_HZ)]
    times = np.rint(np.arange(len(part)) / FS_HZ * 1e9).astype(np.int64)
    stretch = Stretch(times, polarity * part, FS_HZ, LSB, 0)
    return condition(stretch, start_s * GRID_FS_HZ, seconds * GRID_FS_HZ)


def windows_of_light(recording: Treadmill, channel: int, polarity: int) -> list[PpgSegment]:
    """The recording's live windows with its accelerometer, the device's delay told as its prior."""
    chunk = replace(blank_chunk(recording.name, FS_HZ, LSB), polarity=polarity, pulse_delay_s=WRIST_DELAY_S)
    return windows_from(chunk, recording.light[channel], recording.motion_g)


def pulse_answer(segments: Sequence[PpgSegment], first_ns: int, n: int) -> Answer:
    """The pulse detector on what the windows own, moved back by the delay they are told; it never abstains."""
    ppg = np.zeros(n, np.float32)
    for one in segments:
        at = (one.start_ns - first_ns) // GRID_STEP_NS + one.owned_start
        owned = one.ppg[one.owned_start : one.owned_stop][max(0, -at) : max(0, n - at)]
        ppg[max(0, at) : max(0, at) + len(owned)] = owned
    return Answer(pulse_times(ppg) - segments[0].delay_samples / GRID_FS_HZ, np.ones(n, bool))


def truth_of(recording: Treadmill, n: int) -> Truth:
    """Beats of the chest ECG, believed where the set's own heart rate agrees with them."""
    beats = detect_beats(filter_lead(recording.ecg / np.std(recording.ecg), FS_HZ))
    rates = recording.reference_bpm
    spans = [(_start(w), _start(w) + REFERENCE_WINDOW_S) for w in _each(rates)]
    ecg = np.array([_or_nan(mean_rate(beats, *span, least=LEAST_INTERVALS)) for span in spans])
    agree = np.abs(ecg - rates) <= _AGREE_BPM
    # a sample is believed with the window in whose middle it lies
    middle = (np.arange(n) / GRID_FS_HZ - REFERENCE_WINDOW_S / 2 + REFERENCE_HOP_S / 2) // REFERENCE_HOP_S
    believed = agree[np.clip(middle.astype(int), 0, len(rates) - 1)]
    stage = stage_at(np.arange(n) / GRID_FS_HZ, recording.seconds)
    return Truth(beats, believed, rates, np.where(agree, ecg, np.nan), stage)


def _each(rates: np.ndarray) -> range:
    return range(len(rates))


def _start(window: int) -> float:
    return float(window * REFERENCE_HOP_S)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def stage_figures(truth: Truth, answer: Answer) -> dict[str, StageFigures]:
    """Figures by stage, and of the whole recording under "all"."""
    inner = core(answer.covered)
    lag = best_lag(truth.beats_s, answer.beats_s, truth.believed, inner)
    windows = _windows(truth, answer)
    whole = np.ones(len(truth.stage), bool)
    masks = {"all": whole} | {name: truth.stage == i for i, name in enumerate(STAGES)}
    return {name: _figures(truth, answer, inner, lag, windows, mask) for name, mask in masks.items() if mask.any()}


def _windows(truth: Truth, answer: Answer) -> np.ndarray:
    """(w, 3): grid sample of the middle, whether answered, and the rate (NaN without one)."""
    rows = []
    for w in _each(truth.reference_bpm):
        start, stop = _start(w), _start(w) + REFERENCE_WINDOW_S
        answered = answer.covered[round(start * GRID_FS_HZ) : round(stop * GRID_FS_HZ)].mean() >= 0.5
        found = mean_rate(answer.beats_s, start, stop, answer.covered, LEAST_INTERVALS) if answered else None
        rows.append((round((start + stop) / 2 * GRID_FS_HZ), answered, _or_nan(found)))
    return np.array(rows, float)


def _figures(
    truth: Truth, answer: Answer, inner: np.ndarray, lag: float, windows: np.ndarray, mask: np.ndarray
) -> StageFigures:
    inside = mask[np.minimum(windows[:, 0].astype(int), len(mask) - 1)]
    answered, rate = windows[inside, 1] > 0, windows[inside, 2]
    error = np.abs(rate - truth.reference_bpm[inside])
    asked = truth.believed & mask
    late = {tolerance: _f1(truth, answer.beats_s - lag, tolerance, asked, inner) for tolerance in (0.05, 0.15)}
    as_is = {tolerance: _f1(truth, answer.beats_s, tolerance, asked, inner) for tolerance in (0.05, 0.15)}
    return StageFigures(
        windows=float(inside.sum()),
        coverage=_mean(answered.astype(float)),
        failed=_mean(np.isnan(rate[answered]).astype(float)),
        rate_reference=_mean(error[np.isfinite(error)]),
        rate_ecg=_mean(_finite(np.abs(rate - truth.ecg_bpm[inside]))),
        close=_mean((error[np.isfinite(error)] <= _CLOSE_BPM).astype(float)),
        f1_50_lag=late[0.05],
        f1_150_lag=late[0.15],
        f1_50=as_is[0.05],
        f1_150=as_is[0.15],
    )


def _f1(truth: Truth, beats_s: np.ndarray, tolerance_s: float, asked: np.ndarray, inner: np.ndarray) -> float:
    """NaN when no true beat was answered."""
    counts = count(truth.beats_s, beats_s, tolerance_s, asked, inner)
    return counts.f1 if counts.hit + counts.missed else np.nan


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan

"""One recording, judged: every usable window counts, failed and abstained ones included."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.evaluation.aligned import align
from inference.evaluation.beats import count, heart_rates, intervals
from inference.evaluation.estimate import Estimate
from inference.evaluation.waveform import agreement, delayed, dtw, mean_beat, qrs_width_ms, to_unit
from stream.messages import GRID_FS_HZ

__all__ = ["WHEN_JUDGED", "Figures", "figure_names", "judged", "score"]

_WINDOW = 10 * GRID_FS_HZ
_MIN_WINDOWS, _MIN_SHARE = 6, 0.25
WHEN_JUDGED = f"{_MIN_WINDOWS} windows of 10 s, and a quarter of all, whose ECG can be trusted"
_DTW_WINDOWS, _DTW_BAND = 6, 64  # 64 half-rate samples: 1 s


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one recording and one estimate; NaN where there is nothing to say.

    f1_*: R peaks found in the estimated lead II, at 50 or 150 ms, as they stand or after the recording's best lag;
    f1_50_all_lag counts abstained beats as missed; f1_50_told_lag scores the beats as announced. hr_mae_bpm leaves
    failed windows out, hr_all_bpm charges them with the whole rate. r, RMSE: lead II unless "limb" (mean of the six
    limb leads). *_lag: after the best lag. beat_spread: see `beat_spread`, lead II, the estimate's and the true one."""

    coverage: float
    f1_50_lag: float
    f1_50: float
    f1_150: float
    f1_50_all_lag: float
    f1_50_told_lag: float
    rr_mae_ms: float
    jitter_iqr_ms: float
    hr_mae_bpm: float
    hr_all_bpm: float
    hr_failed: float
    windows_abstained: float
    lag_s: float
    r_ii: float
    r_ii_lag: float
    r_limb: float
    r_limb_lag: float
    rmse_mv_lag: float
    rmse_z_lag: float
    rmse_pm1_lag: float
    mse_pm1_lag: float
    dtw_pm1_lag: float
    sd_ratio: float
    qrs_error_ms: float
    beat_spread: float
    beat_spread_true: float


def figure_names() -> list[str]:
    """Names of the figures, in order."""
    return [item.name for item in fields(Figures)]


def judged(record: PreparedRecord) -> bool:
    """Whether a recording's own ECG allows a judgement: 6 usable windows and a quarter of all. Never looks at PPG."""
    return bool(record.usable.sum() >= _MIN_WINDOWS and record.usable.mean() >= _MIN_SHARE)


def score(record: PreparedRecord, estimate: Estimate) -> Figures:
    """Judge an estimate (12, n) of a recording by its true ECG."""
    at = align(record, estimate)
    usable, covered, inner, windows = at.usable, at.covered, at.inner, np.flatnonzero(record.usable)
    late = {name: delayed(lead, at.moved) for name, lead in at.leads.items()}
    return Figures(
        coverage=float(covered.mean()),
        f1_50_told_lag=count(record.beats_s, estimate.beats_s - at.told_lag_s, 0.05, usable, inner).f1,
        lag_s=at.lag_s,
        **_beat_figures(record, at.found_s, at.lag_s, usable, inner),
        **_rate_figures(record, at.found_s, windows, covered),
        **_wave_figures(at.truth, at.leads, late, windows, at.main),
        **_shape_figures(record, at.truth[at.main], at.leads[at.main], at.found_s, usable & covered, usable),
    )


def _beat_figures(record: PreparedRecord, found: np.ndarray, lag: float, usable: np.ndarray, inner: np.ndarray) -> dict:
    after = count(record.beats_s, found - lag, 0.05, usable, inner)
    errors, residuals = intervals(record.beats_s, found - lag, usable)
    return {
        "f1_50_lag": after.f1,
        "f1_50_all_lag": after.f1_all,
        "f1_50": count(record.beats_s, found, 0.05, usable, inner).f1,
        "f1_150": count(record.beats_s, found, 0.15, usable, inner).f1,
        "rr_mae_ms": float(errors.mean()) if len(errors) else np.nan,
        "jitter_iqr_ms": float(np.subtract(*np.percentile(residuals, [75, 25]))) if len(residuals) > 4 else np.nan,
    }


def _rate_figures(record: PreparedRecord, found: np.ndarray, windows: np.ndarray, covered: np.ndarray) -> dict:
    rates = heart_rates(record.beats_s, found, windows, covered)
    charged = np.concatenate([rates.errors_bpm, rates.failed_bpm])
    return {
        "hr_mae_bpm": float(rates.errors_bpm.mean()) if len(rates.errors_bpm) else np.nan,
        "hr_all_bpm": float(charged.mean()) if len(charged) else np.nan,
        "hr_failed": float(len(rates.failed_bpm)),
        "windows_abstained": float(rates.abstained),
    }


def _wave_figures(
    truth: dict[str, np.ndarray],
    leads: dict[str, np.ndarray],
    late: dict[str, np.ndarray],
    windows: np.ndarray,
    main: str,
) -> dict:
    as_is = {name: agreement(truth[name], leads[name], windows) for name in truth}
    after = {name: agreement(truth[name], late[name], windows) for name in truth}
    # a recording on which everything was abstained has said nothing right: r = 0
    r = {name: np.nan_to_num(one.r) for name, one in as_is.items()}
    r_lag = {name: np.nan_to_num(one.r) for name, one in after.items()}
    return {
        "r_ii": float(r["II"]) if "II" in r else np.nan,
        "r_ii_lag": float(r_lag["II"]) if "II" in r else np.nan,
        "r_limb": float(np.mean(list(r.values()))),
        "r_limb_lag": float(np.mean(list(r_lag.values()))),
        "rmse_mv_lag": after[main].rmse_mv,
        "rmse_z_lag": after[main].rmse_z,
        "rmse_pm1_lag": after[main].rmse_pm1,
        **_paper_figures(truth[main], late[main], windows),
    }


def _paper_figures(true: np.ndarray, late: np.ndarray, windows: np.ndarray) -> dict:
    """MSE of all windows and DTW of some, both sides scaled to [-1, 1]."""
    squares, paths = [], []
    asked = (
        set(windows[np.unique(np.linspace(0, len(windows) - 1, _DTW_WINDOWS).astype(int))]) if len(windows) else set()
    )
    for w in windows:
        x, y = true[w * _WINDOW : (w + 1) * _WINDOW], late[w * _WINDOW : (w + 1) * _WINDOW]
        both = np.isfinite(x) & np.isfinite(y)
        if both.mean() < 0.5 or x[both].std() < 1e-6:
            continue
        x, y = to_unit(x[both]), y[both]
        y = to_unit(y) if y.std() > 1e-6 else np.full(len(y), x.mean())
        squares.append(np.mean((x - y) ** 2))
        if w in asked:
            paths.append(dtw(x[::2], y[::2], _DTW_BAND))
    return {
        "mse_pm1_lag": float(np.mean(squares)) if squares else np.nan,
        "dtw_pm1_lag": float(np.mean(paths)) if paths else np.nan,
    }


def _shape_figures(
    record: PreparedRecord,
    true: np.ndarray,
    lead: np.ndarray,
    found: np.ndarray,
    both: np.ndarray,
    usable: np.ndarray,
) -> dict:
    known = both & np.isfinite(true) & np.isfinite(lead)
    spread = true[known].std() if known.any() else 0.0
    true_here, found_here = np.where(usable, true, np.nan), np.where(usable, lead, np.nan)
    own, estimated = mean_beat(true_here, record.beats_s), mean_beat(found_here, found)
    return {
        "sd_ratio": float(lead[known].std() / spread) if spread > 0 else np.nan,
        "qrs_error_ms": abs(qrs_width_ms(estimated) - qrs_width_ms(own)),
        "beat_spread": beat_spread(found_here, found),
        "beat_spread_true": beat_spread(true_here, record.beats_s),
    }


def beat_spread(lead: np.ndarray, beats_s: np.ndarray) -> float:
    """How much single beats differ from their mean beat, from 0.1 s before to 0.3 s after R: the mean over that stretch
    of the SD between beats, over the SD of the mean beat. NaN with fewer than 5 beats."""
    offsets = np.arange(-13, 39)
    at = np.round(beats_s * GRID_FS_HZ).astype(int)
    at = at[(at >= 13) & (at < len(lead) - 39)]
    cut = lead[at[:, None] + offsets]
    cut = cut[np.isfinite(cut).all(1)]
    if len(cut) < 5 or cut.mean(0).std() < 1e-6:
        return float("nan")
    return float(cut.std(0).mean() / cut.mean(0).std())

"""From recordings on disk to prepared records: read, condition as live, find beats, align PPG to ECG."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from tqdm import tqdm

from inference.datasets.manifest import Entry
from inference.datasets.prepared import PreparedRecord, load, save
from inference.datasets.reference import Reference, filter_lead, matched, reference
from stream.conditioning import Stretch, condition, pulse_onsets
from stream.messages import GRID_FS_HZ

__all__ = ["align", "load_records", "prepare", "pulse_times", "read_ppg"]

log = logging.getLogger(__name__)

_VERSION = 2  # raise when the preparation changes: old caches are then ignored
_MAX_LAG_S = 1.6
_USUAL_LAGS_S = (0.57, 1.16)  # bedside monitors delay the pulse by one of the two (data README, model.md)
_WINDOW = 10 * GRID_FS_HZ


def load_records(entries: Iterable[Entry], cache: Path, jobs: int = 2) -> list[PreparedRecord]:
    """Prepared records of a manifest, from the cache where it has them; recordings without a usable ECG are left out.

    A recording that cannot be read is logged by name and skipped: the caller sees it missing in the counts."""
    wanted = [(entry, cache / f"{_key(entry)}.npz") for entry in entries]
    todo = [(entry, path) for entry, path in wanted if not path.exists() and not _refused(path).exists()]
    if todo:
        with ProcessPoolExecutor(jobs) as pool:
            list(tqdm(pool.map(_prepare_one, *zip(*todo, strict=True), chunksize=4), total=len(todo), desc="prepare"))
    return [load(path) for _, path in wanted if path.exists()]


def _key(entry: Entry) -> str:
    digest = hashlib.sha256(f"{_VERSION} {entry}".encode()).hexdigest()[:12]
    return f"{entry.dataset}-{entry.name}-{digest}"


def _refused(path: Path) -> Path:
    return path.with_suffix(".refused")


def _prepare_one(entry: Entry, path: Path) -> None:
    try:
        record = prepare(entry)
    except (OSError, ValueError) as error:
        log.warning("%s: not usable: %s", entry.name, error)
        path.parent.mkdir(parents=True, exist_ok=True)
        _refused(path).write_text(str(error))
        return
    save(record, path)


def prepare(entry: Entry) -> PreparedRecord:
    """Prepare one recording. Raises ValueError when it has no ECG whose beats two leads agree on."""
    signals, names, gains, fs = _read(entry.path)
    leads = {
        ours: filter_lead(signals[:, names.index(theirs)], fs)
        for theirs, ours in entry.leads.items()
        if theirs in names
    }
    truth = reference(leads)
    if truth is None or not truth.usable.any():
        raise ValueError("no two ECG leads agree on the beats")
    n = truth.leads_mv.shape[1]
    if entry.ppg is None:
        return _without_ppg(entry, truth)
    index = names.index(entry.ppg)
    stretch = _stretch(signals[:, index], fs, gains[index])
    return _with_ppg(entry, truth, stretch, n)


def read_ppg(entry: Entry) -> tuple[np.ndarray, float]:
    """PPG (m,) as the recording has it, NaN where missing, and its rate in Hz."""
    signals, names, _, fs = _read(entry.path)
    return signals[:, names.index(entry.ppg or "")], fs


def _read(path: Path) -> tuple[np.ndarray, list[str], list[float], float]:
    """Physical signals (m, channels), ECG in mV, channel names, gains per unit, rate in Hz."""
    source: Any = wfdb.rdrecord(str(path))
    names = [name.strip().strip(",") for name in source.sig_name]
    signals = source.p_signal.astype(float)
    for i, unit in enumerate(source.units):
        if (unit or "").strip().strip(",").lower() in ("uv", "µv"):
            signals[:, i] /= 1000
    return signals, names, [float(gain) for gain in source.adc_gain], float(source.fs)


def _stretch(values: np.ndarray, fs: float, gain: float) -> Stretch:
    times = np.rint(np.arange(len(values)) / fs * 1e9).astype(np.int64)
    finite = np.isfinite(values)
    if finite.mean() < 0.5:
        raise ValueError("more than half of the PPG is missing")
    # long holes become straight lines here: flat, so of no quality, and no beat is asked for inside
    return Stretch(times, np.interp(times, times[finite], values[finite]), fs, 1 / gain, 0)


def _with_ppg(entry: Entry, truth: Reference, stretch: Stretch, n: int) -> PreparedRecord:
    whole = condition(stretch, 0, -(-n // GRID_FS_HZ) * GRID_FS_HZ)
    quality = [condition(stretch, w * _WINDOW, _WINDOW).quality for w in range(n // _WINDOW)]
    pulses = pulse_times(whole.ppg[:n])
    lag, f1 = align(truth.beats_s, pulses, truth.usable)
    return PreparedRecord(
        dataset=entry.dataset,
        name=entry.name,
        subject=entry.subject,
        part=entry.part,
        demographics=entry.demographics,
        ppg=whole.ppg[:n],
        valid=whole.valid[:n],
        scale=whole.scale,
        shape=whole.shape,
        quality=np.array(quality, np.float32),
        leads_mv=truth.leads_mv,
        beats_s=truth.beats_s,
        usable=truth.usable,
        pulses_s=pulses,
        lag_s=lag,
        lag_f1=f1,
    )


def _without_ppg(entry: Entry, truth: Reference) -> PreparedRecord:
    none = np.zeros(0, np.float32)
    return PreparedRecord(
        dataset=entry.dataset,
        name=entry.name,
        subject=entry.subject,
        part=entry.part,
        demographics=entry.demographics,
        ppg=none,
        valid=np.zeros(0, np.uint8),
        scale=none,
        shape=np.zeros((0, 16), np.float32),
        quality=none,
        leads_mv=truth.leads_mv,
        beats_s=truth.beats_s,
        usable=truth.usable,
        pulses_s=np.zeros(0),
        lag_s=0.0,
        lag_f1=0.0,
    )


def pulse_times(ppg: np.ndarray) -> np.ndarray:
    """Steepest upstrokes (p,) in s of a conditioned PPG (n,), found in 10-s windows: the simple pulse detector."""
    starts = range(0, len(ppg) - GRID_FS_HZ, _WINDOW)
    onsets = np.concatenate([at + pulse_onsets(ppg[at : at + _WINDOW]) for at in starts] or [np.zeros(0)]).astype(int)
    return _sub_sample(np.diff(ppg), np.unique(onsets)) / GRID_FS_HZ


def _sub_sample(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    at = at[(at > 0) & (at < len(values) - 1)]
    left, mid, right = values[at - 1], values[at], values[at + 1]
    bend = left - 2 * mid + right
    return at + 0.5 + np.clip(np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1), 0), -0.5, 0.5)


def align(beats_s: np.ndarray, pulses_s: np.ndarray, usable: np.ndarray) -> tuple[float, float]:
    """The constant delay from R peak to upstroke, and F1 at 50 ms with it, over usable 10-s windows.

    A regular rhythm explains itself just as well one beat later; the small price for being far from the two delays of
    bedside monitors decides between such aliases."""
    inside = beats_s[usable[np.minimum((beats_s // 10).astype(int), len(usable) - 1)]]
    if len(inside) < 10 or len(pulses_s) < 10:
        return 0.0, 0.0

    def f1(lag: float) -> float:
        times = pulses_s - lag
        window = (times // 10).astype(int)
        seen = times[(window >= 0) & (window < len(usable)) & usable[np.clip(window, 0, len(usable) - 1)]]
        return 2 * len(matched(inside, seen, 0.05)[0]) / (len(inside) + len(seen))

    def price(lag: float) -> float:
        return 0.008 * min(abs(lag - usual) for usual in _USUAL_LAGS_S)

    best = max(np.arange(0, _MAX_LAG_S, 0.01), key=lambda lag: f1(lag) - price(lag))
    for _ in range(2):
        i, j = matched(inside, pulses_s - best, 0.1)
        if len(i) < 5:
            return float(best), 0.0
        best += np.median(pulses_s[j] - best - inside[i])
    return float(best), float(f1(best))

"""From recordings on disk to prepared records: read, condition as live, find beats, align PPG to ECG."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from inference.datasets.entry import Entry
from inference.datasets.prepared import PreparedRecord, load, save
from inference.datasets.records import Channel, read_channels
from inference.datasets.reference import Reference, filter_lead, matched, reference
from stream.conditioning import Stretch, condition, pulse_onsets
from stream.messages import GRID_FS_HZ

__all__ = ["Loaded", "align", "load_all", "load_records", "prepare", "pulse_times"]

log = logging.getLogger(__name__)

_VERSION = 2  # raise when the preparation changes: old caches are then ignored
_MAX_LAG_S = 1.6
_USUAL_LAGS_S = (0.57, 1.16)  # bedside monitors delay the pulse by one of the two (data README, model.md)
_SHORTEST_S = 10  # a window
_WINDOW = _SHORTEST_S * GRID_FS_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """pairs: entries beside their prepared records. left_out: the other entries, and why."""

    pairs: Sequence[tuple[Entry, PreparedRecord]]
    left_out: Sequence[tuple[Entry, str]]

    def counts(self) -> str:
        """How many of how many, and the others by reason, the most frequent first, with a few names each."""
        total = len(self.pairs) + len(self.left_out)
        names: dict[str, list[str]] = {}
        for entry, reason in self.left_out:
            names.setdefault(reason.split(":")[0], []).append(entry.name)
        often = sorted(names.items(), key=lambda item: -len(item[1]))
        why = "; ".join(f"{len(each)} {reason} ({_few(each)})" for reason, each in often)
        return f"{len(self.pairs)} of {total} recordings can be used" + (f"; left out: {why}" if why else "")


def _few(names: Sequence[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


def load_records(entries: Iterable[Entry], cache: Path, jobs: int = 2) -> list[PreparedRecord]:
    """The usable ones alone, as `load_all` prepares them."""
    return [record for _, record in load_all(entries, cache, jobs).pairs]


def load_all(entries: Iterable[Entry], cache: Path, jobs: int = 2) -> Loaded:
    """Prepare recordings, or take them from the cache where it has them.

    A recording that is not usable is logged by name with the reason, and left out. The cache remembers that too, until
    the recording's header changes."""
    wanted = [(entry, cache / f"{_key(entry)}.npz") for entry in entries]
    todo = [(entry, path) for entry, path in wanted if not path.exists() and _reason(entry, path) is None]
    if todo:
        with ProcessPoolExecutor(jobs) as pool:
            reasons = pool.map(_prepare_one, *zip(*todo, strict=True), chunksize=4)
            for (entry, _), reason in zip(todo, tqdm(reasons, total=len(todo), desc="prepare"), strict=True):
                if reason:
                    log.warning("%s is left out: %s", entry.name, reason)
    pairs, left_out = [], []
    for entry, path in wanted:
        if path.exists():
            pairs.append((entry, load(path)))
        else:
            left_out.append((entry, _reason(entry, path) or "cannot be read"))
    return Loaded(pairs, left_out)


def _key(entry: Entry) -> str:
    """Of what preparation depends on, written as the first caches had it, so that they stay valid."""
    names = ("path", "dataset", "subject", "part", "ppg", "leads", "demographics")
    facts = ", ".join(f"{name}={getattr(entry, name)!r}" for name in names)
    span = "" if entry.span_s is None else f" {entry.span_s}"
    digest = hashlib.sha256(f"{_VERSION} Entry({facts}){span}".encode()).hexdigest()[:12]
    return f"{entry.dataset}-{entry.name}-{digest}"


def _refused(path: Path) -> Path:
    return path.with_suffix(".refused")


def _reason(entry: Entry, path: Path) -> str | None:
    """Why an earlier run left the recording out; None when none did, or the recording was mended since."""
    refused, header = _refused(path), Path(f"{entry.path}.hea")
    if not refused.exists() or (header.exists() and header.stat().st_mtime > refused.stat().st_mtime):
        return None
    return refused.read_text()


def _prepare_one(entry: Entry, path: Path) -> str | None:
    try:
        record = prepare(entry)
    except OSError as error:
        reason = f"cannot be read: {error}"
    except ValueError as error:
        reason = str(error)
    else:
        save(record, path)
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    _refused(path).write_text(reason)
    return reason


def prepare(entry: Entry) -> PreparedRecord:
    """Prepare one recording. Raises OSError, or ValueError with the reason when it is of no use: no 10 s long, no two
    ECG leads that have a signal and agree on the beats, half of the PPG missing."""
    channels = read_channels(entry.path, {*entry.leads, *([entry.ppg] if entry.ppg else [])}, entry.span_s)
    if any(len(one.values) < _SHORTEST_S * one.fs_hz for one in channels.values()):
        raise ValueError(f"shorter than {_SHORTEST_S} s")
    leads = {
        ours: filter_lead(_in_mv(channels[theirs]), channels[theirs].fs_hz) for theirs, ours in entry.leads.items()
    }
    n = min((len(lead) for lead in leads.values()), default=0)
    leads = {name: lead[:n] for name, lead in leads.items() if _has_signal(lead)}
    if len(leads) < 2:
        raise ValueError("fewer than two ECG leads have a signal")
    truth = reference(leads)
    if truth is None or not truth.usable.any():
        raise ValueError("no two ECG leads agree on the beats")
    if entry.ppg is None:
        return _without_ppg(entry, truth)
    return _with_ppg(entry, truth, _stretch(channels[entry.ppg]), n)


def _in_mv(channel: Channel) -> np.ndarray:
    return channel.values / 1000 if channel.unit.lower() in ("uv", "µv") else channel.values


def _has_signal(lead: np.ndarray) -> bool:
    """False for a lead that is missing or flat throughout: two limb leads with one of them would give false others."""
    known = lead[np.isfinite(lead)]
    return len(known) > 0 and float(known.std()) > 1e-4


def _stretch(channel: Channel) -> Stretch:
    values, fs = channel.values, channel.fs_hz
    times = np.rint(np.arange(len(values)) / fs * 1e9).astype(np.int64)
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("all of the PPG is missing")
    if finite.mean() < 0.5:
        raise ValueError("more than half of the PPG is missing")
    # long holes become straight lines here: flat, so of no quality, and no beat is asked for inside
    return Stretch(times, np.interp(times, times[finite], values[finite]), fs, channel.step, 0)


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

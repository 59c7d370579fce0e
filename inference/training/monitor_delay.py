"""Which of two kinds of monitor made a recording: logistic regression on the spectrum of its PPG."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
from scipy.optimize import minimize

from inference.datasets.entry import Entry
from inference.datasets.prepared import PreparedRecord
from inference.datasets.records import read_channels
from stream.monitor_delay import BANDS_HZ, MonitorDelay, spectrum

__all__ = ["accuracy", "fit", "fit_monitor_delay", "spectra"]

log = logging.getLogger(__name__)

_BORDER_S = 0.85  # between the two kinds; no recording of the train part lies within 0.05 s of it
_EXPLAINED = 0.8  # F1 of the pulses after the lag, so that the lag is known
_PENALTY = 0.003


def fit_monitor_delay(pairs: Iterable[tuple[Entry, PreparedRecord]]) -> MonitorDelay | None:
    """Fit on recordings whose lag is known. None, with a warning, when they show one kind of monitor only."""
    bands, lags = spectra(pairs)
    late = lags > _BORDER_S
    if min(late.sum(), (~late).sum()) < 5:
        log.warning("monitor delay: %d recordings of the late kind of %d, so it is not fitted", late.sum(), len(late))
        return None
    model = fit(bands, lags)
    told = 100 * accuracy(model, bands, lags)
    log.info("monitor delay: %.1f %% of %d recordings told right (fitted on them)", told, len(lags))
    return model


def spectra(pairs: Iterable[tuple[Entry, PreparedRecord]]) -> tuple[np.ndarray, np.ndarray]:
    """(k, 8) spectra and (k,) lags in s of the recordings that can be learnt from."""
    bands, lags = [], []
    for entry, record in pairs:
        if entry.ppg is None or record.lag_f1 <= _EXPLAINED:
            continue
        channel = read_channels(entry.path, {entry.ppg}, entry.span_s)[entry.ppg]
        found = spectrum(channel.values, channel.fs_hz)
        if found is not None:
            bands.append(found)
            lags.append(record.lag_s)
    return np.array(bands).reshape(-1, len(BANDS_HZ) - 1), np.array(lags)


def fit(bands: np.ndarray, lags: np.ndarray) -> MonitorDelay:
    """bands: (k, 8). lags: (k,) s, of both kinds."""
    late = lags > _BORDER_S
    centre, spread = bands.mean(0), bands.std(0) + 1e-6
    inputs = np.column_stack([(bands - centre) / spread, np.ones(len(bands))])
    sign = np.where(late, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (inputs @ weights)
        free = np.append(weights[:-1], 0.0)
        slope = -(inputs * (sign / (1 + np.exp(margin)))[:, None]).mean(0)
        return float(np.logaddexp(0, -margin).mean() + _PENALTY * free @ free), slope + 2 * _PENALTY * free

    found = minimize(loss, np.zeros(inputs.shape[1]), jac=True).x
    return MonitorDelay(
        centre=tuple(centre.tolist()),
        spread=tuple(spread.tolist()),
        weights=tuple(found[:-1].tolist()),
        bias=float(found[-1]),
        short_s=float(np.median(lags[~late])),
        long_s=float(np.median(lags[late])),
    )


def accuracy(model: MonitorDelay, bands: np.ndarray, lags: np.ndarray) -> float:
    """Share of recordings whose kind is told right."""
    told = np.array([model.delay_s(one) for one in bands])
    return float(((told > _BORDER_S) == (lags > _BORDER_S)).mean())

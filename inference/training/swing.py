"""Fit of inference/swing.py: windows of real pulses, and of light that only a limb made, that the model answers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from inference.beats_only import BeatsOnly
from inference.datasets.entry import Entry
from inference.datasets.prepared import PreparedRecord
from inference.datasets.windows import blank_chunk, windows_from, windows_of
from inference.settings import EngineSettings
from inference.swing import FAR, FEATURES, Swing, described
from inference.training.wearing import only_a_limb, paused, rounded
from stream.messages import GRID_FS_HZ, PpgSegment

__all__ = ["fit", "fit_swing"]

log = logging.getLogger(__name__)

_STRETCH_S, _APART_S = 40, 120  # what is looked at of a recording
_ROUNDER_S = (0.02, 0.07)  # green light at a wrist beside red at a finger, as wearing.distort has it
_TRIALS, _SECONDS, _COUNTS = 18_000, 14, 1000.0
_LEAST = 50  # windows of either kind
_STARTS, _UNITS, _PENALTY, _STEPS = 5, 16, 3e-3, 300


def fit_swing(pairs: Iterable[tuple[Entry, PreparedRecord]], weights: Path, seed: int) -> Swing | None:
    """Fit on what the model in folder `weights` answers. None, with a warning, where that is next to nothing."""
    engine = BeatsOnly.load(EngineSettings(weights=weights, batch=32, max_swing=1.0))
    with_ppg = [pair for pair in pairs if pair[0].ppg is not None]
    hearts, owners = _answered(engine, _hearts(with_ppg, np.random.default_rng([seed, 0])))
    limbs, _ = _answered(engine, _limbs(np.random.default_rng([seed, 1])))
    if min(len(hearts), len(limbs)) < _LEAST:
        log.warning("swing: %d windows of hearts, %d of limbs, so it is not fitted", len(hearts), len(limbs))
        return None
    model = fit(hearts, owners, limbs, seed)
    wrong = 100 * np.mean([model.probability(one) > 0.5 for one in hearts])
    right = 100 * np.mean([model.probability(one) > 0.5 for one in limbs])
    log.info(
        "swing: of limbs %.1f %% of %d windows told, of hearts %.1f %% of %d taken for limbs (fitted on them)",
        *(right, len(limbs), wrong, len(hearts)),
    )
    return model


def _hearts(pairs: Sequence[tuple[Entry, PreparedRecord]], rng: np.random.Generator) -> Iterator[PpgSegment]:
    """Windows of real pulses, each as it is, as green light at a wrist would show it, and with a pause: bursts of
    movement have such too, and a heart that stops must not be taken for an arm that rests."""
    for entry, record in tqdm(pairs, desc="hearts"):
        for start_s in range(0, record.n // GRID_FS_HZ, _APART_S):
            for window in windows_of(entry, span_s=(start_s, start_s + _STRETCH_S)):
                rounder = rounded(window.ppg, rng.uniform(*_ROUNDER_S)).astype(np.float32)
                yield window
                yield replace(window, ppg=rounder)
                yield replace(window, ppg=paused(rounder if rng.random() < 0.5 else window.ppg, rng))


def _limbs(rng: np.random.Generator) -> Iterator[PpgSegment]:
    """Windows of light that only a limb made."""
    for number in tqdm(range(_TRIALS), desc="limbs"):
        light = _COUNTS * only_a_limb(_SECONDS * GRID_FS_HZ, rng)
        yield from windows_from(blank_chunk(str(number), float(GRID_FS_HZ), 1.0), light)


def _answered(engine: BeatsOnly, windows: Iterable[PpgSegment]) -> tuple[np.ndarray, np.ndarray]:
    """(k, FEATURES) of those of the windows that are given beats, and (k,) the number of their recording or trial."""
    worth = (one for one in windows if one.quality >= engine.settings.min_quality)
    found, names = [], []
    for window, estimate, beats in engine.with_beats(worth):
        features = described(window, beats) if len(estimate.beats_ns) else None
        if features is not None:
            found.append(features)
            names.append(window.patient)
    return np.array(found).reshape(-1, FEATURES), np.unique(names, return_inverse=True)[1]


def fit(hearts: np.ndarray, owners: np.ndarray, limbs: np.ndarray, seed: int) -> Swing:
    """hearts, limbs: (k, FEATURES), either kind weighing half. owners: (k,) number of each heart's person, from 0 on;
    one with four times as many windows weighs twice as much.

    The mean of networks from several starts: each errs in its own way on a kind of movement that it has not seen."""
    inputs = np.concatenate([hearts, limbs])
    centre, spread = inputs.mean(0), inputs.std(0) + 1e-6
    inputs = np.clip((inputs - centre) / spread, -FAR, FAR)
    sign = np.concatenate([np.full(len(hearts), -1.0), np.ones(len(limbs))])
    share = 1 / np.sqrt(np.bincount(owners)[owners])
    weight = np.concatenate([share / share.sum(), np.full(len(limbs), 1 / len(limbs))]) / 2
    rng = np.random.default_rng(seed)
    hidden, hidden_bias, output, bias = zip(*(_network(inputs, sign, weight, rng) for _ in range(_STARTS)), strict=True)
    mean = np.concatenate(output) / _STARTS
    return Swing(centre, spread, np.concatenate(hidden), np.concatenate(hidden_bias), mean, np.array(np.mean(bias)))


def _network(inputs: np.ndarray, sign: np.ndarray, weight: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Hidden weights (units, f) and biases (units,), output weights (units,) and bias () of one network."""
    features = inputs.shape[1]
    borders = np.cumsum([_UNITS * features, _UNITS, _UNITS])

    def parts(values: np.ndarray) -> list[np.ndarray]:
        hidden, hidden_bias, output, bias = np.split(values, borders)
        return [hidden.reshape(_UNITS, features), hidden_bias, output, bias[0]]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        hidden, hidden_bias, output, bias = parts(values)
        units = np.tanh(inputs @ hidden.T + hidden_bias)
        margin = sign * (units @ output + bias)
        penalty = _PENALTY * ((hidden**2).sum() / features + output @ output)
        slope = -weight * sign / (1 + np.exp(margin))
        inner = slope[:, None] * output * (1 - units**2)
        by_hidden = inner.T @ inputs + 2 * _PENALTY / features * hidden
        by_output = units.T @ slope + 2 * _PENALTY * output
        gradient = np.concatenate([by_hidden.ravel(), inner.sum(0), by_output, [slope.sum()]])
        return float(weight @ np.logaddexp(0, -margin) + penalty), gradient

    start = rng.normal(0, 0.1, borders[-1] + 1)
    return parts(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x)

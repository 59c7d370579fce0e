"""Whether what was read as a pulse can be told from the wearer's movement. Pure.

Light follows a moving arm, as blood and skin are pushed about under the sensor: near enough a short linear filter of
the acceleration. What such a filter, fitted to the window, explains of the light may be the arm's; what it leaves is
not. Only the part of the light that keeps time with the announced beats is asked after: a pulse at a rate of its own is
believed however much the arm swings, and one at the arm's rate is not, since nothing here tells the two apart. Of a
device that has an accelerometer of which nothing came, nobody knows whether its wearer moves."""

from __future__ import annotations

import numpy as np

from inference.beat_head import Beats
from stream.messages import GRID_FS_HZ, MOTION_FS_HZ, UNKNOWN_MG, PpgSegment

__all__ = ["MOVING", "UNWATCHED", "is_watched", "movement_mg", "moves", "share_of_movement"]

MOVING, UNWATCHED = "moving", "no acceleration"
_STEP = GRID_FS_HZ // MOTION_FS_HZ
_STILL_MG = 30.0  # a sensor on an arm at rest shows 4 to 10, the heart's own push among it; who walks, 100 and more
_NOISE_MG = 10.0  # no filter may make a pulse of what a sensor at rest shows
_LAGS = (-8, -4, 0, 4, 8)  # a quarter of a second either way, in eighths: enough up to 4 Hz
_WATCHED = 0.6  # of the light has to have acceleration beside it
_LEAST_S = 5  # of both at once, and lagged, for a filter to be fitted
_LEAST_BEATS = 3
_OVERTONES = 2


def movement_mg(segment: PpgSegment) -> float:
    """RMS of the acceleration in the pulse band, all axes together; 0 without an accelerometer."""
    known = segment.motion_mg[_known(segment)].astype(float)
    return float(np.sqrt((known**2).sum(1).mean())) if len(known) else 0.0


def moves(segment: PpgSegment) -> bool:
    """Whether an accelerometer says that the wearer is not still."""
    return movement_mg(segment) >= _STILL_MG


def is_watched(segment: PpgSegment) -> bool:
    """Whether enough is known of the wearer's movement; yes for a device without an accelerometer, which has only the
    light."""
    known, light = _known(segment), segment.valid[::_STEP] > 0
    return not len(known) or bool((known & light).sum() >= _WATCHED * light.sum())


def share_of_movement(segment: PpgSegment, beats: Beats) -> float:
    """0..1: how much of the light that keeps time with the beats the movement explains; with fewer than three beats, of
    all the light. 0 when the wearer is still or too little is known."""
    if not moves(segment):
        return 0.0
    moved, usable = _lagged(segment)
    if usable.sum() < _LEAST_S * MOTION_FS_HZ:
        return 0.0
    light = segment.ppg[::_STEP].astype(float)
    left = light - moved @ _filter(moved[usable], light[usable])
    inside, comb = _in_time(beats, segment.delay_samples, usable)
    before, after = (_power(one[inside], comb) for one in (light, left))
    return max(0.0, 1.0 - after / before) if before > 0 else 0.0


def _known(segment: PpgSegment) -> np.ndarray:
    return (segment.motion_mg != UNKNOWN_MG).all(1)


def _lagged(segment: PpgSegment) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3 * lags) acceleration at each lag, and (n,) where all of it and the light are known."""
    known, usable = _known(segment), segment.valid[::_STEP] > 0
    moved = np.where(known[:, None], segment.motion_mg, 0).astype(float)
    columns = []
    for lag in _LAGS:
        there = np.roll(known, lag)
        there[: max(0, lag)] = False
        there[len(there) + min(0, lag) :] = False
        usable = usable & there
        columns.append(np.roll(moved, lag, axis=0))
    return np.concatenate(columns, 1), usable


def _filter(moved: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The taps that explain the light best, held back by the sensor's noise."""
    ridge = len(light) * _NOISE_MG**2 * np.eye(moved.shape[1])
    return np.linalg.solve(moved.T @ moved + ridge, moved.T @ light)


def _in_time(beats: Beats, delay: int, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows between the first and the last beat's pulse, and what keeps time with the beats there: (rows,
    2 * overtones), None for anything at all."""
    if len(beats.index) < _LEAST_BEATS:
        return np.flatnonzero(usable), None
    pulses = (beats.index + delay) / _STEP
    rows = np.arange(len(usable))
    inside = np.flatnonzero(usable & (rows >= pulses[0]) & (rows <= pulses[-1]))
    phase = 2 * np.pi * np.interp(inside, pulses, np.arange(len(pulses)))
    waves = [wave(k * phase) for k in range(1, _OVERTONES + 1) for wave in (np.sin, np.cos)]
    return inside, np.stack(waves, 1)


def _power(values: np.ndarray, comb: np.ndarray | None) -> float:
    """Of values (rows,) less their mean, or of the part of them that the comb's columns make up."""
    values = values - values.mean() if len(values) else values
    if comb is None or len(values) <= comb.shape[1]:
        return float(values @ values)
    basis = np.linalg.qr(comb - comb.mean(0))[0]
    part = basis.T @ values
    return float(part @ part)

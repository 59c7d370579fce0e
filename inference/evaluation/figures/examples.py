"""Which recordings are shown: the best, the median and the worst by r, never hand-picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.evaluation.aligned import Aligned
from inference.evaluation.streamed import Streamed
from inference.evaluation.waveform import delayed
from stream.messages import GRID_FS_HZ

__all__ = ["SHOWN_S", "Example", "chosen", "example"]

SHOWN_S = 6
_WINDOW = 10 * GRID_FS_HZ


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """Lead II in mV, both 0.5-40 Hz: true, estimate (m,), the estimate after the recording's lag, and its band (2, m).
    from_s: of the recording. r: of the 10-s window that it begins."""

    true: np.ndarray
    estimate: np.ndarray
    band: np.ndarray
    from_s: int
    r: float


def example(record: PreparedRecord, streamed: Streamed, at: Aligned) -> Example | None:
    """The first SHOWN_S seconds of the judged window of median r (of two, the lower) among those without a gap."""
    if at.main != "II":
        return None
    true, late = at.truth["II"], delayed(at.leads["II"], at.moved)
    whole = []
    for w in np.flatnonzero(record.usable):
        x, y = true[w * _WINDOW : (w + 1) * _WINDOW], late[w * _WINDOW : (w + 1) * _WINDOW]
        if len(x) == _WINDOW and np.isfinite(x).all() and np.isfinite(y).all() and min(x.std(), y.std()) > 0:
            whole.append((float(np.corrcoef(x, y)[0, 1]), int(w)))
    if not whole:
        return None
    r, window = sorted(whole)[(len(whole) - 1) // 2]
    part = slice(window * _WINDOW, window * _WINDOW + SHOWN_S * GRID_FS_HZ)
    band = np.stack([delayed(limit, at.moved)[part] for limit in streamed.band_mv])
    return Example(true[part], late[part], band, 10 * window, r)


def chosen(r: Sequence[float]) -> list[int]:
    """Places of the highest, the median (of two, the lower) and the lowest; of equal ones the first. Fewer when there
    are fewer, none twice."""
    order = sorted((place for place, value in enumerate(r) if np.isfinite(value)), key=lambda place: (-r[place], place))
    if not order:
        return []
    return list(dict.fromkeys([order[0], order[len(order) // 2], order[-1]]))

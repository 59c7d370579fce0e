"""The beat of a typical person, from the people of the train part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from inference.datasets.prepared import PreparedRecord
from inference.personal.own_beat import cut_beats, mean_beat
from stream.messages import GRID_FS_HZ

__all__ = ["typical_beat"]


def typical_beat(records: Iterable[PreparedRecord]) -> np.ndarray:
    """(8, SIZE) mV: of each lead the mean shape over people, every beat scaled to the same SD first, at the median
    person's SD. A mean in mV would have the shape of those with large leads, and be too small for most."""
    beats = np.stack([_own(one) for one in records])
    spread = beats.std(2)  # (people, 8)
    shape = np.nanmean(beats / spread[:, :, None], 0)
    return shape * (np.nanmedian(spread, 0) / shape.std(1))[:, None]


def _own(record: PreparedRecord) -> np.ndarray:
    """(8, SIZE) mean beat, NaN for leads without one."""
    beats = cut_beats(record.leads_mv, record.beats_s * GRID_FS_HZ)
    out = []
    for lead in range(len(record.leads_mv)):
        beat, averaged = mean_beat(beats[:, lead])
        out.append(beat if averaged >= 3 else np.full(beat.shape, np.nan))
    return np.stack(out)

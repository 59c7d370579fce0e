"""The accelerometer beside the PPG of one stretch, conditioned as the PPG is, so that the two can be compared.

Pure. Only what came with the stretch's own chunks counts, so that it is rebuilt from the log as the stretch is. It
looks back less far than the PPG does: the chunks that are read again after a crash are enough."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import signal

from stream.conditioning import KERNEL_HALF_S, MAX_BRIDGE_S, Stretch, resample
from stream.messages import GRID_FS_HZ, GRID_STEP_NS, MOTION_FS_HZ, UNKNOWN_MG, PpgChunk

__all__ = ["HISTORY_S", "MotionTrack"]

HISTORY_S = 8  # before the window; the high-pass forgets in about 3 s
_STEP = GRID_FS_HZ // MOTION_FS_HZ
_STEP_NS = _STEP * GRID_STEP_NS
_HIGHPASS = signal.butter(2, 0.5, "highpass", fs=MOTION_FS_HZ, output="sos")  # that of the PPG
_LARGEST_MG = 32_767
_ROUNDING_NS = 1000


@dataclass(slots=True)
class MotionTrack:
    """from_ns: time of the stretch's first sample; nothing before it is taken."""

    from_ns: int
    _fs_hz: float = 0.0
    _times_ns: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _values: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    def take(self, chunk: PpgChunk) -> None:
        """The chunk's acceleration: what is newer than all before it and no later than the chunk's own PPG."""
        if chunk.motion_fs_hz is None:
            return
        self._fs_hz = chunk.motion_fs_hz
        if chunk.motion_t0_ns is None or not len(chunk.motion_mg):
            return
        times = chunk.motion_t0_ns + np.rint(np.arange(len(chunk.motion_mg)) * (1e9 / chunk.motion_fs_hz))
        times = times.astype(np.int64)
        after_ns = self._times_ns[-1] if len(self._times_ns) else self.from_ns - 1
        until_ns = chunk.t0_ns + (len(chunk.samples) - 1) * 1e9 / chunk.fs_hz + _ROUNDING_NS
        kept = (times > after_ns) & (times <= until_ns)
        self._times_ns = np.concatenate([self._times_ns, times[kept]])
        self._values = np.concatenate([self._values, chunk.motion_mg[kept]])

    def window(self, start: int, n: int) -> np.ndarray:
        """(n / 4, 3) int16: the acceleration in the pulse band at every fourth of n grid samples from `start` on,
        UNKNOWN_MG where it was not measured or not here yet; no rows without an accelerometer."""
        out = np.full((n // _STEP if self._fs_hz else 0, 3), UNKNOWN_MG, np.int16)
        if not len(self._times_ns):
            return out
        start //= _STEP
        begin = max(start - HISTORY_S * MOTION_FS_HZ, -(-int(self._times_ns[0]) // _STEP_NS))
        stop = min(start + len(out), int(self._times_ns[-1]) // _STEP_NS + 1)
        if stop <= max(begin, start):
            return out
        for axis in range(3):
            track = Stretch(self._times_ns, self._values[:, axis], self._fs_hz, 1.0, begin * _STEP)
            raw, known = resample(track, begin * _STEP, stop - begin, _STEP)
            band = signal.sosfilt(_HIGHPASS, raw, zi=signal.sosfilt_zi(_HIGHPASS) * raw[0])[0]
            band = np.where(known > 0, np.clip(np.rint(band), -_LARGEST_MG, _LARGEST_MG), UNKNOWN_MG)
            at = max(begin, start)
            out[at - start : stop - start, axis] = band[at - begin :]
        return out

    def drop_before(self, grid_index: int) -> None:
        """Forget what no window starting at or after `grid_index` can need."""
        keep_ns = (grid_index - HISTORY_S * GRID_FS_HZ) * GRID_STEP_NS - round((KERNEL_HALF_S + MAX_BRIDGE_S) * 1e9)
        at = int(np.searchsorted(self._times_ns, keep_ns))
        self._times_ns, self._values = self._times_ns[at:], self._values[at:]

"""When a block's first sample was taken, in the device's epoch, where its frames are stamped. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.devices.driver import Block

__all__ = ["FirstSampleTime"]

_ADJACENT = 1.5  # frame periods between two stamps above which a frame was lost


class FirstSampleTime:
    """Of one connection, fed with its blocks in the order they came.

    A stamp of the last sample is turned into one of the first: the samples of a frame that follows on another lie
    evenly between both stamps, the earlier one not included; those of a first frame, or of one after a gap, lie at the
    nominal rate before the stamp. Each (stream, number of channels) is a series of its own.
    Source: Polar BLE SDK, documentation of the time system."""

    def __init__(self, fs_hz: Mapping[str, float]) -> None:
        """fs_hz: nominal or announced rate by stream."""
        self._fs_hz = fs_hz
        self._last_ns: dict[tuple[str, int], int] = {}

    def of(self, block: Block) -> int | None:
        """Device time of the first sample, ns; None for a block without samples or stamp."""
        n = len(block.values)
        if block.first_ns is not None or block.last_ns is None or n == 0:
            return block.first_ns if n else None
        series = block.stream, len(block.channels)
        before_ns = self._last_ns.get(series, block.last_ns)
        self._last_ns[series] = block.last_ns
        period_ns = block.period_ns or 1e9 / self._fs_hz[block.stream]
        since_ns = block.last_ns - before_ns
        if 0 < since_ns <= _ADJACENT * n * period_ns:
            return before_ns + round(since_ns / n)
        return block.last_ns - round((n - 1) * period_ns)

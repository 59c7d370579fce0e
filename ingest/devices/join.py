"""Channels that come in notifications of their own, put side by side again. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.devices.driver import Block, StreamFormat

__all__ = ["ChannelJoin"]

_PATIENCE = 3  # counts that may come before the last channel of a count
_LATE = 64  # counts behind the newest: farther back is no late block but a device that counts anew


class ChannelJoin:
    """One-channel Blocks with a counter in, Blocks with all channels of the format out, in the order of their counts.

    A count whose channels are not all there when the count `patience` after it comes is given up whole, so that it
    shows as a gap: nothing is filled in. Duplicates and blocks of counts that are done with are dropped."""

    def __init__(self, form: StreamFormat, patience: int = _PATIENCE) -> None:
        self._form = form
        self._patience = patience
        self._waiting: dict[int, dict[str, Block]] = {}  # by count, not wrapped, ascending once sorted
        self._newest: int | None = None
        self._done: int | None = None  # the newest count that was given out or given up

    def push(self, block: Block) -> list[Block]:
        """Take one block; what is complete now. A block that has all channels (and perhaps more, which are left out)
        passes through, and so does one that cannot be joined: of several channels, unknown ones, or no counter."""
        channels = self._form.channels
        if block.channels == channels:
            return [block]
        if set(channels) <= set(block.channels):
            columns = [block.channels.index(name) for name in channels]
            return [replace(block, channels=channels, values=block.values[:, columns])]
        if len(block.channels) != 1 or block.channels[0] not in channels or block.counter is None:
            return [block]
        out: list[Block] = []
        count = self._unwrapped(block.counter)
        if self._newest is not None and count < self._newest - _LATE:
            out = self.flush()
            count = block.counter
        if self._done is None or count > self._done:
            self._newest = count if self._newest is None else max(count, self._newest)
            self._waiting.setdefault(count, {}).setdefault(block.channels[0], block)
        return out + self._ready(self._newest - self._patience if self._newest is not None else 0)

    def flush(self) -> list[Block]:
        """Whatever is complete: nothing more will come. The next block begins a new count."""
        out = self._ready(None)
        self._waiting, self._newest, self._done = {}, None, None
        return out

    def _unwrapped(self, counter: int) -> int:
        modulus = self._form.counter_modulus
        if self._newest is None or modulus is None:
            return counter
        half = modulus // 2
        return self._newest + (counter - self._newest + half) % modulus - half

    def _ready(self, given_up: int | None) -> list[Block]:
        """Complete counts up to the first that still may be completed. given_up: incomplete ones up to it are dropped;
        None: all are."""
        out = []
        for count in sorted(self._waiting):
            found = self._waiting[count]
            if len(found) == len(self._form.channels):
                joined = self._joined(found)
                out += [] if joined is None else [joined]
            elif given_up is not None and count > given_up:
                break
            del self._waiting[count]
            self._done = count
        return out

    def _joined(self, found: dict[str, Block]) -> Block | None:
        blocks = [found[name] for name in self._form.channels]
        if len({len(one.values) for one in blocks}) > 1:
            return None  # which sample belongs to which is not known
        masks = [one.valid for one in blocks if one.valid is not None]
        values = np.concatenate([one.values for one in blocks], axis=1)
        valid = np.logical_and.reduce(masks) if masks else None
        return replace(blocks[0], channels=self._form.channels, values=values, valid=valid)

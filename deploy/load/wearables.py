"""Virtual wearables: real recordings sent at the pace of life, and what must come of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.recordings import Recording, first_seconds, repeated
from ingest.replay import ReplaySettings, Sender, replay
from ingest.session import ppg_chunks, start_ns
from stream.messages import GRID_STEP_NS
from stream.windows import DeviceWindows

__all__ = ["Tape", "Wearable", "make_tape", "make_wearables"]

_HOP_NS = 2_000_000_000
_SPREAD_S = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """A recording made as long as the run, and what each of its windows owns: first sample (ns) -> samples."""

    recording: Recording
    owned: Mapping[int, int]


@dataclass(slots=True, eq=False)
class Wearable:
    """One patient. shift_ns: added to the tape's times. wait_s: before it begins. begun_ns: wall clock, when it did."""

    patient: str
    tape: Tape
    shift_ns: int
    wait_s: float
    begun_ns: int = 0

    def expected(self) -> dict[int, int]:
        """Windows that must be found, as in the tape."""
        return {at + self.shift_ns: samples for at, samples in self.tape.owned.items()}

    def measured_ns(self, event_ns: int) -> int:
        """Wall clock at which the sample of an event time was taken."""
        return self.begun_ns + event_ns - start_ns(self.tape.recording, self.shift_ns)

    async def run(self, sender: Sender, stop: asyncio.Event) -> None:
        """Send the tape, each chunk when its last sample has been taken."""
        await asyncio.sleep(self.wait_s)
        self.begun_ns = time.time_ns()
        settings = ReplaySettings(self.patient, f"wearable-{self.patient}")
        await replay(self.tape.recording, settings, self.shift_ns, sender, stop)


def make_tape(recording: Recording, seconds: float) -> Tape:
    """The windows come from the pure path that `p2es generate` uses, not from what is tested."""
    cut = first_seconds(repeated(recording, seconds), seconds)
    windows = DeviceWindows(lambda: 0)
    owned = {
        one.start_ns + one.owned_start * GRID_STEP_NS: one.owned_stop - one.owned_start
        for chunk in ppg_chunks(cut, "tape", "tape")
        for one in windows.push(chunk).segments
    }
    return Tape(cut, owned)


def make_wearables(tapes: Sequence[Tape], patients: int, prefix: str, now_ns: int, seed: int = 0) -> list[Wearable]:
    """Tapes in turn, all of now, each begun at its own moment: people do not come all at once."""
    rng = random.Random(seed)
    made = []
    for number in range(patients):
        tape = tapes[number % len(tapes)]
        shift_ns = (now_ns - start_ns(tape.recording)) // _HOP_NS * _HOP_NS
        made.append(Wearable(f"{prefix}{number:03d}", tape, shift_ns, rng.uniform(0, _SPREAD_S)))
    return made

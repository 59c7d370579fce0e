"""One recording to train on or to judge: where it lies, whose it is, what its channels are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from stream.messages import LEADS, Demographics

__all__ = ["LEAD_NAMES", "PPG_NAMES", "Entry", "lead_name", "ppg_channel"]

# V, MCL and MCL1 do not say where they were: they help to find beats, and are no target
LEAD_NAMES = (*LEADS, "V", "MCL", "MCL1")
PPG_NAMES = ("PLETH", "PPG")
_OURS = {name.upper(): name for name in LEAD_NAMES} | {"MLII": "II"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One recording. path: without extension. ppg: channel name or None. leads: their channel name -> ours.
    span_s: the stretch that is meant, (start, stop) in s after its first sample; None for all of it."""

    path: Path
    dataset: str
    subject: str
    part: str
    ppg: str | None
    leads: dict[str, str]
    demographics: Demographics = field(default_factory=Demographics)
    span_s: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """Record name."""
        return self.path.name


def lead_name(channel: str) -> str | None:
    """Our name of an ECG channel ("ECG lead avr," -> "aVR"), None when it is no ECG."""
    cleaned = re.sub(r"^(ECG[ _]?)?(LEAD )?", "", channel.strip().strip(",").upper())
    return _OURS.get(cleaned)


def ppg_channel(channels: tuple[str, ...]) -> str | None:
    """The first channel that is called as PPG is."""
    return next((name for name in channels if name.upper() in PPG_NAMES), None)

"""Settings of the sinks. Light to import."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MonitorSettings", "RecordSettings"]


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """folder: PATIENT/SESSION folders are made in it."""

    folder: Path = Path("recordings")


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """host, port: where the page is served; 127.0.0.1 means this machine only. The page has no log-in of its own:
    beyond this machine put it behind a proxy that has. minutes: of signal kept in memory for a page that opens late."""

    host: str = "127.0.0.1"
    port: int = 8300
    minutes: float = 2.0

"""Settings of the collector. Light to import: who only reads settings must not wait for bleak."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["CollectSettings", "DeviceSettings"]


@dataclass(frozen=True, slots=True)
class CollectSettings:
    """folder: where PATIENT/SESSION/raw.jsonl is kept, the recorder's folder when both run here; keep_raw: whether at
    all; raw_mb: at most so much of each device, over all its sessions, the oldest deleted first; 0 keeps all.
    spool_folder, spool_mb: what waits for a broker that is away; the oldest is given up beyond. adapter: such as hci1,
    the system's when left out (BlueZ only). connect_s: how long one try to connect may take."""

    folder: Path = Path("recordings")
    keep_raw: bool = True
    raw_mb: float = 1000.0
    spool_folder: Path = Path("spool")
    spool_mb: float = 256.0
    adapter: str | None = None
    connect_s: float = 8.0


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One wearable; ID is its Bluetooth address, its name, or the end of its name. driver: recognised when left out.
    channel: of the PPG to use, by its name; polarity: 1 when a beat raises the value, -1 when it lowers it;
    pulse_delay_s: from R peak to pulse; all as is usual for the device when left out. fs_hz: wished rate. sdk_mode:
    Polar's, for other rates without heart rate. motion: the accelerometer too."""

    patient: str | None = None
    driver: str | None = None
    channel: str | None = None
    polarity: int | None = None
    pulse_delay_s: float | None = None
    fs_hz: float | None = None
    motion: bool = True
    sdk_mode: bool = False

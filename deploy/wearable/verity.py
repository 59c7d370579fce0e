"""A simulated Polar Verity Sense: raw light, motion, heart rate and battery as the real one sends them.

Sources: Polar BLE SDK, technical_documentation/online_measurement.pdf 1.0; Heart Rate Service 1.0; frames of 42 samples
each 762 ms and 54.75 Hz where 55 are told, polar-ble-sdk issues 318 and 166."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from deploy.wearable.pmd import ACC, PPG, RATE, PmdControl
from deploy.wearable.polar_encode import encode_delta, encode_raw0
from deploy.wearable.simulator import DeviceClock, Frame, Grid, Services, Simulator, base_uuid

__all__ = ["BATTERY_LEVEL", "EPOCH_NS", "HEART_RATE", "PMD_CONTROL", "PMD_DATA", "PMD_SERVICE", "Verity"]

PMD_SERVICE = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
PMD_CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
PMD_DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"
HEART_SERVICE, HEART_RATE = base_uuid(0x180D), base_uuid(0x2A37)
BATTERY_SERVICE, BATTERY_LEVEL = base_uuid(0x180F), base_uuid(0x2A19)
EPOCH_NS = 946_684_800_000_000_000  # 2000-01-01, UTC
_TOLD_HZ = 55
_FRAME, _RAW_FRAME = {PPG: 42, ACC: 36}, 18  # samples
_FRAME_BYTES = 229  # the longest frames seen of a real one
_ADAPTS_FROM = 64  # bytes; into smaller links it sends frames that do not fit
_AFTER_RESET_NS = 599_616_000_000_000_000  # 2019-01-01, since 2000: where its clock begins without a battery


class Verity(Simulator):
    """samples: (n, 4) light, three green channels and ambient, counts, repeated; fs_hz: their rate by the device's own
    quartz. start_ns: UTC of the first sample; the device measures on from there whether or not it is connected.
    epoch_offset_s: how far its clock was off at the start. ppm: of its quartz.
    motion_mg: (n, 3) at 52 Hz, repeated. keeps_streaming: streams go on when the link breaks, and answer a new start
    with ALREADY_IN_STATE. settings_parts: answers in which settings are told. block: differences of one width in a
    frame of light; None sends it uncompressed, as an OH1 does."""

    advertised = (HEART_SERVICE,)
    services: ClassVar[Services] = {
        HEART_SERVICE: {HEART_RATE: ("notify",)},
        BATTERY_SERVICE: {BATTERY_LEVEL: ("read", "notify")},
        PMD_SERVICE: {PMD_CONTROL: ("read", "write", "indicate"), PMD_DATA: ("notify",)},
    }

    def __init__(
        self,
        samples: np.ndarray,
        start_ns: int,
        *,
        fs_hz: float = 54.75,
        epoch_offset_s: float = 0.0,
        ppm: float = 0.0,
        name: str = "Polar Sense 0A1B2C3D",
        battery_percent: int = 80,
        heart_bpm: float = 72.0,
        motion_mg: np.ndarray | None = None,
        keeps_streaming: bool = False,
        settings_parts: int = 1,
        block: int | None = 10,
    ) -> None:
        self.name, self.battery_percent, self.heart_bpm = name, battery_percent, heart_bpm
        self.control = PmdControl(parts=settings_parts)
        self._samples = np.asarray(samples, np.int64)
        self._motion = _breathing() if motion_mg is None else np.asarray(motion_mg, np.int64)
        self._start_ns, self._fs_hz, self._keeps_streaming = start_ns, fs_hz, keeps_streaming
        self.clock = DeviceClock(start_ns, start_ns - EPOCH_NS + round(epoch_offset_s * 1e9), ppm)
        self._grids: dict[int, Grid] = {}
        self._next: dict[int, int] = {}
        self._beat_due_ns = start_ns
        self._block = block

    def disconnected(self) -> None:
        """See Simulator: streams end, unless they are kept."""
        if not self._keeps_streaming:
            self.control.reset()
            self._keep_running()

    def read(self, characteristic: str) -> bytes:
        """See Simulator: features, battery."""
        if characteristic == PMD_CONTROL:
            return self.control.features()
        return bytes([self.battery_percent]) if characteristic == BATTERY_LEVEL else b""

    def on_write(self, characteristic: str, data: bytes, now_ns: int) -> list[Frame]:
        """See Simulator: commands to the control point, answered by indications."""
        if characteristic != PMD_CONTROL:
            return []
        answers = self.control.answer(data)
        self._keep_running()
        for kind, settings in self.control.running.items():
            if kind not in self._grids:
                grid = Grid(self._start_ns, self._true_hz(kind, settings[RATE]))
                self._grids[kind], self._next[kind] = grid, grid.taken(now_ns)
        return [Frame(PMD_CONTROL, one) for one in answers]

    def stop_by_itself(self) -> list[Frame]:
        """It ends its streams unasked, as on the charger; the link stands. Returns what to send."""
        told = self.control.stop_by_itself()
        self._keep_running()
        return [Frame(PMD_CONTROL, told)]

    def due_frames(self, now_ns: int) -> list[Frame]:
        """See Simulator."""
        frames = []
        for kind, grid in self._grids.items():
            while grid.taken(now_ns) - self._next[kind] >= self._frame_samples(kind):
                frames.append(self._measured(kind, grid))
        if now_ns >= self._beat_due_ns:
            self._beat_due_ns = max(self._beat_due_ns + 1_000_000_000, now_ns)
            if not self.control.sdk_mode:  # it has no heart rate there
                frames.append(Frame(HEART_RATE, self._heart_rate()))
        return frames

    def reboot(self, now_ns: int) -> None:
        """See Simulator: streams and SDK mode end, the clock begins in 2019."""
        self.control.reset()
        self._keep_running()
        self.clock = DeviceClock(now_ns, _AFTER_RESET_NS, self.clock.ppm)

    def _frame_samples(self, kind: int) -> int:
        return _RAW_FRAME if kind == PPG and self._block is None else _FRAME[kind]

    def _true_hz(self, kind: int, told_hz: int) -> float:
        device_hz = told_hz * self._fs_hz / _TOLD_HZ if kind == PPG else float(told_hz)
        return self.clock.true_hz(device_hz)

    def _keep_running(self) -> None:
        """Streams whose measurement has ended are forgotten."""
        for kind in [kind for kind in self._grids if kind not in self.control.running]:
            del self._grids[kind], self._next[kind]

    def _measured(self, kind: int, grid: Grid) -> Frame:
        """The next frame of a stream: as many samples as fit, as the firmware does it."""
        count, first = self._frame_samples(kind), self._next[kind]
        limit = min(self.payload, _FRAME_BYTES)
        values, times = self._values(kind, grid, first, count), grid.times(first, count)
        while True:
            data = self._encode(kind, values[:count], self.clock.read(int(times[count - 1])))
            if len(data) <= limit or count == 1 or limit < _ADAPTS_FROM:
                break
            count = max(1, min(count - 1, count * limit // len(data)))
        self._next[kind] += count
        return Frame(PMD_DATA, data, "ppg" if kind == PPG else "motion", values[:count], times[:count])

    def _values(self, kind: int, grid: Grid, first: int, count: int) -> np.ndarray:
        """What was before the sensor at these samples, whatever the rate."""
        source, source_hz = (self._samples, self._fs_hz) if kind == PPG else (self._motion, 52.0)
        steps = np.arange(first, first + count) * (self.clock.true_hz(source_hz) / grid.fs_hz)
        return source[np.rint(steps).astype(np.int64) % len(source)]

    def _encode(self, kind: int, values: np.ndarray, last_ns: int) -> bytes:
        if kind == PPG and self._block is None:
            return encode_raw0(values, last_ns)
        size = self._block or 10
        full, rest = divmod(len(values) - 1, size)
        blocks = [size] * full + [rest] * (rest > 0)
        if kind == PPG:
            return encode_delta(0, values, last_ns, blocks)
        return encode_delta(1, values, last_ns, blocks, kind=ACC, size=2)

    def _heart_rate(self) -> bytes:
        """Rate, contact known and there, one RR interval in 1/1024 s."""
        return bytes([0x16, round(self.heart_bpm)]) + round(60 * 1024 / self.heart_bpm).to_bytes(2, "little")


def _breathing() -> np.ndarray:
    """An arm at rest, 20 s at 52 Hz, in mg."""
    time_s = np.arange(20 * 52) / 52
    sway = 15 * np.sin(2 * np.pi * 0.25 * time_s)
    return np.rint(np.stack([sway, 80 - sway, 990 + 0 * sway], 1)).astype(np.int64)

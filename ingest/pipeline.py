"""From one device's notifications to the messages of its session. Pure: the same notifications with the same arrival
times give the same messages, live and from the raw log (`p2es redecode`)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ingest.align import Aligner, Timed
from ingest.beside import Beside
from ingest.chunker import Chunker, Gap, Piece
from ingest.devices.driver import MOTION, PPG, Block, Decoder, Driver, Item, Numbers, Started, Stopped
from ingest.devices.join import ChannelJoin
from ingest.errors import FrameError
from ingest.metrics import BAD_FRAMES, SAMPLES
from stream.kafka import MOTION as MOTION_TOPIC
from stream.kafka import NUMERICS, PPG_CHUNKS
from stream.messages import Motion, Numerics, PpgChunk

__all__ = ["Frame", "Identity", "Out", "Pipeline"]

_TRACE_S = 8.0
_INT32 = np.iinfo(np.int32)

Out = tuple[str, Any, str]  # topic, message, key


@dataclass(frozen=True, slots=True)
class Frame:
    """One notification. arrived_ns: UTC, from a clock that does not jump; generation: of the connection."""

    arrived_ns: int
    generation: int
    characteristic: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose data it is. device, patient: ids on every message. channel: index of the PPG channel to use and polarity,
    None for the driver's own. pulse_delay_s: None for the driver's prior."""

    device: str
    patient: str
    session: str
    channel: int | None = None
    polarity: int | None = None
    pulse_delay_s: float | None = None


@dataclass(slots=True)
class _Stream:
    chunker: Chunker = field(default_factory=Chunker)
    seq: int = 0
    aligner: Aligner | None = None
    join: ChannelJoin | None = None
    channels: tuple[str, ...] = ()


@dataclass(slots=True)
class Pipeline:
    """One session of one device, over any number of connections."""

    identity: Identity
    driver: Driver
    frames: int = 0
    bad_frames: int = 0
    last_error: str = ""
    numbers: Numbers = field(default_factory=Numbers)
    battery_percent: float | None = None
    trace: deque[float] = field(default_factory=deque)  # the newest pulse, for eyes
    stopped: Stopped | None = None  # the device ended its stream; cleared by `begin`
    _streams: dict[str, _Stream] = field(default_factory=dict)
    _beside: Beside = field(default_factory=Beside)
    _decoder: Decoder | None = None
    _numbers_ns: int | None = None

    def begin(self, started: Started) -> None:
        """A new connection streams. started: what the device agreed to."""
        self._decoder, self.stopped = self.driver.decoder(), None
        self._beside.expect(started.fs_hz.get(MOTION))  # None where it was refused
        for name, form in self.driver.streams.items():
            stream = self._streams.setdefault(name, _Stream())
            stream.aligner = Aligner(form, started.fs_hz.get(name) or form.fs_hz)
            stream.join = ChannelJoin(form)

    def take(self, frame: Frame) -> list[Out]:
        """What one notification gives. A frame that cannot be read is counted and gives nothing."""
        if self._decoder is None:
            return []
        self.frames += 1
        try:
            items = self._decoder.feed(frame.characteristic, frame.data)
        except FrameError as error:
            self.bad_frames, self.last_error = self.bad_frames + 1, str(error)
            BAD_FRAMES.labels(self.driver.name).inc()
            return []
        out: list[Out] = []
        for item in items:
            out += self._item(item, frame.arrived_ns)
        return out

    def break_off(self) -> list[Out]:
        """The connection is over: what was held back for its clock, and the last short pieces."""
        out: list[Out] = []
        for name, stream in self._streams.items():
            if stream.aligner is not None:
                for timed in stream.aligner.flush():
                    out += self._timed(name, stream, timed)
            out += self._messages(name, stream, stream.chunker.flush())
        self._decoder = None
        return out

    def end(self, now_ns: int) -> list[Out]:
        """The session is over: `break_off`, and the marker that flushes the last window."""
        out = self.break_off()
        stream = self._streams.get(PPG)
        if stream is not None and stream.chunker.last_ns is not None:
            empty = np.zeros((0, len(stream.channels)), np.int64)
            fs_hz = self.fs_hz or self.driver.streams[PPG].fs_hz
            out.append(self._ppg(stream, Piece(stream.chunker.last_ns, fs_hz, empty, None, None, 0, now_ns), end=True))
        return out

    @property
    def gaps(self) -> list[Gap]:
        """Of the PPG, in the order of time; of very many the newest."""
        return list(self._streams[PPG].chunker.gaps) if PPG in self._streams else []

    @property
    def gap_count(self) -> int:
        """Of the PPG, all."""
        return self._streams[PPG].chunker.gap_count if PPG in self._streams else 0

    @property
    def last_sample_ns(self) -> int | None:
        """UTC of the newest PPG sample, of the newest beat of a device that gives only numbers."""
        if PPG in self._streams:
            return self._streams[PPG].chunker.last_ns
        return self._numbers_ns

    @property
    def fs_hz(self) -> float | None:
        """Measured rate of the PPG, None before it is known."""
        aligner = self._streams[PPG].aligner if PPG in self._streams else None
        return None if aligner is None else aligner.measured_hz

    @property
    def drift_ppm(self) -> float:
        """Of the device's clock against ours."""
        aligner = self._streams[PPG].aligner if PPG in self._streams else None
        return 0.0 if aligner is None else aligner.drift_ppm

    def _item(self, item: Item, arrived_ns: int) -> list[Out]:
        if isinstance(item, Block):
            stream = self._streams.get(item.stream)
            if stream is None or stream.aligner is None or stream.join is None:
                return []
            out: list[Out] = []
            for block in stream.join.push(item):
                stream.channels = block.channels  # some devices of a kind have fewer, or more
                for timed in stream.aligner.push(block, arrived_ns):
                    out += self._timed(item.stream, stream, timed)
            return out
        if isinstance(item, Numbers):
            return self._heard(item, arrived_ns)
        if isinstance(item, Stopped):
            self.stopped = item
        return []

    def _timed(self, name: str, stream: _Stream, timed: Timed) -> list[Out]:
        SAMPLES.labels(name).inc(len(timed.values))
        if name == PPG:
            column = self._primary(stream)
            self.trace.extend((self._polarity() * timed.values[:, column]).tolist())
            while len(self.trace) > _TRACE_S * timed.fs_hz:
                self.trace.popleft()
        return self._messages(name, stream, stream.chunker.push(timed))

    def _messages(self, name: str, stream: _Stream, pieces: list[Piece]) -> list[Out]:
        if name == PPG:
            return [self._ppg(stream, one, end=False) for one in pieces]
        return [self._motion(stream, one) for one in pieces]

    def _ppg(self, stream: _Stream, piece: Piece, end: bool) -> Out:
        form, who = self.driver.streams[PPG], self.identity
        delay = who.pulse_delay_s if who.pulse_delay_s is not None else self.driver.pulse_delay_s
        chunk = PpgChunk(
            device=who.device,
            patient=who.patient,
            session=who.session,
            seq=stream.seq,
            t0_ns=piece.t0_ns,
            fs_hz=piece.fs_hz,
            channels=stream.channels,
            primary=self._primary(stream),
            unit=form.unit,
            scale=1.0,
            offset=0.0,
            polarity=self._polarity(),
            pulse_delay_s=delay,
            demographics=None,
            device_clock_offset_ns=piece.offset_ns,
            clock_residual_ns=piece.residual_ns,
            received_ns=piece.arrived_ns,
            shift_ns=0,
            end=end,
            clock_drift_ppm=piece.drift_ppm,
            # no converter of these devices has more than 24 bits: only garbage would be cut off here
            samples=np.clip(piece.values, _INT32.min, _INT32.max).astype(np.int32),
        )
        stream.seq += 1
        return PPG_CHUNKS, self._beside.on(chunk), who.device

    def _motion(self, stream: _Stream, piece: Piece) -> Out:
        who = self.identity
        self._beside.push(piece.t0_ns, piece.fs_hz, self.driver.streams[MOTION].unit, piece.values)
        message = Motion(
            device=who.device,
            patient=who.patient,
            session=who.session,
            seq=stream.seq,
            t0_ns=piece.t0_ns,
            fs_hz=piece.fs_hz,
            unit=self.driver.streams[MOTION].unit,
            shift_ns=0,
            samples=piece.values.astype(np.float32),
        )
        stream.seq += 1
        return MOTION_TOPIC, message, who.device

    def _heard(self, numbers: Numbers, arrived_ns: int) -> list[Out]:
        if numbers.battery_percent is not None:
            self.battery_percent = numbers.battery_percent
        if numbers.heart_rate_bpm == 0:
            numbers = replace(numbers, heart_rate_bpm=None)  # devices say so while they look for a pulse
        if numbers.heart_rate_bpm is None and numbers.spo2_percent is None and not numbers.rr_ms:
            return []
        self.numbers, self._numbers_ns = numbers, arrived_ns
        who = self.identity
        message = Numerics(
            device=who.device,
            patient=who.patient,
            session=who.session,
            at_ns=arrived_ns,
            heart_rate_bpm=numbers.heart_rate_bpm,
            spo2_percent=numbers.spo2_percent,
            shift_ns=0,
            rr_ms=np.array(numbers.rr_ms, np.float32),
        )
        return [(NUMERICS, message, who.device)]

    def _primary(self, stream: _Stream) -> int:
        """The channel that was chosen, or the driver's; the first where the device has none such."""
        wanted = self.driver.streams[PPG].primary if self.identity.channel is None else self.identity.channel
        return wanted if wanted < len(stream.channels) else 0

    def _polarity(self) -> int:
        return self.driver.streams[PPG].polarity if self.identity.polarity is None else self.identity.polarity

"""One window in, its owned ECG out: a pure function of the segment, the weights and the settings.

Networks always run on full, zero-padded batches of one size: results are bit-equal whatever else is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from inference.abstain import LIMB_LIKE, MOVED, NOT_WATCHED, abstentions, known_span
from inference.band import CLEAR, widened
from inference.beat_head import Beats, beat_features, decode_beats, normalise
from inference.conditions import CHANNELS, beat_channels, person_vector
from inference.confidence import scaled
from inference.crop import BEAT_BEFORE, BEAT_SAMPLES, CROP, HALO, HOP, KNOTS
from inference.leads import twelve_leads_uv
from inference.motion import MOVING, UNWATCHED
from inference.noise import field
from inference.personal.calibration import BEFORE, Calibration, read_calibration
from inference.personal.own_leads import OwnLeads
from inference.rest import is_pause
from inference.rhythm import PAUSE, RULES, in_view, longest_silence
from inference.runtimes import Networks, load_networks
from inference.samplers import FRESH, SAMPLERS
from inference.settings import EngineSettings
from stream.messages import ABSTAINED_UV, GRID_FS_HZ, GRID_STEP_NS, Abstention, EcgSegment, PpgSegment

__all__ = ["Engine"]

_PHASE = HOP // 2  # owned pieces start half a hop after a knot, so that crops start on one


@dataclass(frozen=True, slots=True, eq=False)
class _Crop:
    """segment: which one. first: of the crop in the window; [start, stop): the piece it gives."""

    segment: int
    first: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A segment with the pulse shifted to ECG time (n,), what of it is valid, and its beats."""

    segment: PpgSegment
    pulse: np.ndarray
    valid: np.ndarray
    beats: Beats


class Engine:
    """Load once, call `infer` for ever. Not thread-safe: one engine a thread."""

    def __init__(
        self, networks: Networks, settings: EngineSettings, calibrations: Mapping[str, Calibration] | None = None
    ) -> None:
        self.networks, self.settings = networks, settings
        self.model_id, self.device = networks.model_id, networks.device
        self._times = networks.process.grid(settings.calls)
        self._sampler = SAMPLERS[settings.sampler]
        self._draws = settings.calls if settings.sampler in FRESH else 1
        self._own = {patient: OwnLeads(one) for patient, one in (calibrations or {}).items()}
        self._codes = {patient: self._code(one) for patient, one in self._own.items() if one.known.any()}

    @classmethod
    def load(cls, settings: EngineSettings, calibrations: Mapping[str, Path] | None = None) -> Self:
        """Read the model and the calibration files by patient.

        Raises RuntimeMissing, WeightsMissing, WeightsCorrupt, WeightsUnfit or CalibrationUnusable."""
        networks = load_networks(settings)
        files = calibrations or {}
        return cls(networks, settings, {one: read_calibration(files[one], networks.weights_id, one) for one in files})

    def calibrated(self, calibrations: Mapping[str, Calibration]) -> Engine:
        """The same engine for these patients' own delay and beats."""
        return Engine(self.networks, self.settings, calibrations)

    def model_of(self, patient: str) -> str:
        """The id that a patient's estimates bear: it tells which calibration, if any."""
        own = self._own.get(patient)
        return self.model_id + (own.suffix if own else "")

    def infer(self, segments: Sequence[PpgSegment]) -> list[EcgSegment]:
        """Estimate the owned part of each window, in their order."""
        windows = self._beats([self._at_own_delay(one) for one in segments])
        crops = [crop for i, one in enumerate(windows) for crop in _crops(i, one.segment)]
        leads = [
            np.full((one.segment.owned_stop - one.segment.owned_start, 12), ABSTAINED_UV, np.int16) for one in windows
        ]
        bands = [np.full((len(each), 2), ABSTAINED_UV, np.int16) for each in leads]
        for at in range(0, len(crops), self.settings.batch):
            part = crops[at : at + self.settings.batch]
            generated, band = self._generate(windows, part)
            for crop, *made in zip(part, generated, band, strict=False):
                window = windows[crop.segment]
                inside = slice(crop.start - crop.first, crop.stop - crop.first)
                mv, limits = self._with_known_beats(window, crop.start, *(one[:, inside] for one in made))
                begin = window.segment.owned_start
                where = slice(crop.start - begin, crop.stop - begin)
                if np.isfinite(mv).all():
                    leads[crop.segment][where] = twelve_leads_uv(mv)
                    bands[crop.segment][where] = np.clip(np.rint(1000 * limits.T), -32_767, 32_767)
        return [self._result(one, *both) for one, *both in zip(windows, leads, bands, strict=True)]

    def _beats(self, segments: Sequence[PpgSegment]) -> list[_Window]:
        size, out = self.settings.batch, []
        for at in range(0, len(segments), size):
            part = segments[at : at + size]
            shifted = [_shifted(one) for one in part]
            features = np.zeros((size, 3, len(part[0].ppg)), np.float32)
            for row, (pulse, valid) in enumerate(shifted):
                features[row] = beat_features(pulse, valid)
            probability = self.networks.beat_probability(features)
            for row, one in enumerate(part):
                pulse, valid = shifted[row]
                known = probability[row] * (valid > 0)  # no beat is read off what was not measured
                found = decode_beats(known, self.settings.beat_threshold)
                sure = scaled(found.confidence, self.settings.confidence_slope, self.settings.confidence_shift)
                out.append(_Window(one, pulse, valid, Beats(found.index, sure)))
        return out

    def _generate(self, windows: Sequence[_Window], crops: Sequence[_Crop]) -> tuple[np.ndarray, np.ndarray]:
        """Leads (batch, 8, CROP) and band (batch, 2, CROP) in mV for up to `batch` crops."""
        size = self.settings.batch
        channels = np.zeros((size, CHANNELS, CROP), np.float32)
        noise = np.zeros((self._draws, size, 8, CROP), np.float32)
        vectors, shapes = np.zeros((size, 8), np.float32), np.zeros((size, KNOTS, 16), np.float32)
        for row, crop in enumerate(crops):
            window = windows[crop.segment]
            segment = window.segment
            channels[row] = _channels(window, crop.first)
            grid = (segment.start_ns - segment.shift_ns) // GRID_STEP_NS + crop.first
            for draw in range(self._draws):
                values = field(self.settings.seed, segment.patient, grid, CROP, draw=draw)
                noise[draw, row] = self.settings.temperature * values
            vectors[row] = person_vector(segment.demographics)
            # the pulse of a sample lies up to a delay ahead; the nearest hop is near enough for its shape
            knots = np.clip(crop.first // HOP + np.arange(KNOTS), 0, len(segment.shape) - 1)
            shapes[row] = segment.shape[knots]
        networks, scale = self.networks, self.networks.lead_scale
        given = networks.array(channels)
        person = networks.person(networks.array(vectors), networks.array(shapes))
        for row, crop in enumerate(crops):
            code = self._codes.get(windows[crop.segment].segment.patient)
            if code is not None:
                person.code[row] = code
        told = networks.tell(given, person)
        drawn = [networks.array(one) for one in noise]
        sample = self._sampler(lambda z, t: networks.denoise(z, t, told), networks.process, drawn, self._times)
        band = networks.band(given, person)
        return networks.values(sample) * scale[:, None], networks.values(band) * scale[1]

    def _code(self, own: OwnLeads) -> Any:
        """(16,) person code of an own beat, for the leads that it does not know."""
        part = slice(BEFORE - BEAT_BEFORE, BEFORE - BEAT_BEFORE + BEAT_SAMPLES)
        beat = np.where(own.known[:, None], own.beats_mv[:, part] / self.networks.lead_scale[:, None], 0.0)
        return self.networks.own_code(beat.astype(np.float32), own.known.astype(np.float32))

    def _at_own_delay(self, segment: PpgSegment) -> PpgSegment:
        own = self._own.get(segment.patient)
        return replace(segment, delay_samples=own.delay_samples) if own else segment

    def _with_known_beats(
        self, window: _Window, first: int, mv: np.ndarray, band: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        patient, peaks = window.segment.patient, window.beats.index
        if patient not in self._codes:  # nobody's own beat
            drawn = self.networks.typical.draw(mv, self.settings.typical_share, peaks, first)
            band, mv = band + drawn[1] - mv[1], drawn
        own = self._own.get(patient)
        if own is None:
            return mv, widened(band, mv[1], self.settings.band_wider)
        leads = own.leads(mv, peaks, first)
        limits = own.band(band, leads[1] - mv[1], peaks, first)
        return leads, widened(limits, leads[1], self._wider(own, window.segment.quality))

    def _wider(self, own: OwnLeads, quality: float) -> float:
        if not own.has_band:
            return self.settings.band_wider
        return self.settings.own_band_wider if quality >= CLEAR else self.settings.own_band_wider_poor

    def _result(self, window: _Window, leads_uv: np.ndarray, band_uv: np.ndarray) -> EcgSegment:
        segment, beats = window.segment, window.beats
        start_ns = segment.start_ns + segment.owned_start * GRID_STEP_NS
        failed = leads_uv[:, 0] == ABSTAINED_UV
        silent = abstentions(segment, window.pulse, window.valid, beats, failed, self.settings)
        for gap in silent:
            where = slice((gap.start_ns - start_ns) // GRID_STEP_NS, (gap.stop_ns - start_ns) // GRID_STEP_NS)
            leads_uv[where], band_uv[where] = ABSTAINED_UV, ABSTAINED_UV
        places = np.clip(np.floor(beats.index).astype(int) - segment.owned_start, -1, len(leads_uv))
        owned = (beats.index >= segment.owned_start) & (beats.index < segment.owned_stop)
        owned[owned] = leads_uv[places[owned], 0] != ABSTAINED_UV
        confidence = beats.confidence[owned]
        said = {gap.reason for gap in silent}
        marks = ((MOVED, MOVING), (LIMB_LIKE, MOVING), (NOT_WATCHED, UNWATCHED))
        moved = tuple(mark for why, mark in marks if why in said)
        return EcgSegment(
            patient=segment.patient,
            device=segment.device,
            session=segment.session,
            start_ns=start_ns,
            fs_hz=segment.fs_hz,
            heart_rate_bpm=_heart_rate(beats, segment.owned_stop) if owned.any() else None,
            confidence=float(confidence.mean()) if len(confidence) else 0.0,
            findings=_findings(window, silent),
            quality=segment.quality,
            reasons=(*segment.reasons, *moved),
            abstained=tuple(silent),
            model_id=self.model_of(segment.patient),
            steps=self.settings.calls,
            source="estimated",
            shift_ns=segment.shift_ns,
            last=segment.last,
            stages_ns={"closed": segment.closed_ns},
            leads_uv=leads_uv,
            band_uv=band_uv,
            beats_ns=segment.start_ns + np.rint(beats.index[owned] * GRID_STEP_NS).astype(np.int64),
            beat_confidence=confidence,
            rr_ms=_intervals_ms(beats)[owned],
        )


def _shifted(segment: PpgSegment) -> tuple[np.ndarray, np.ndarray]:
    """Normalised pulse and validity at ECG time: read `delay_samples` ahead, nothing beyond the window."""
    ahead = segment.delay_samples
    pulse = normalise(segment.ppg, segment.scale) * (segment.valid > 0)
    pad = np.zeros(ahead, np.float32)
    return np.concatenate([pulse[ahead:], pad]), np.concatenate([segment.valid[ahead:].astype(np.float32), pad])


def _crops(number: int, segment: PpgSegment) -> list[_Crop]:
    """Pieces of the owned part between half-hop marks, each with HALO on either side."""
    marks = np.arange(_PHASE - HOP, segment.owned_stop + HOP, HOP)
    return [
        _Crop(number, int(mark) - HALO, max(int(mark), segment.owned_start), min(int(mark) + HOP, segment.owned_stop))
        for mark in marks
        if mark < segment.owned_stop and mark + HOP > segment.owned_start
    ]


def _channels(window: _Window, first: int) -> np.ndarray:
    out = np.zeros((CHANNELS, CROP), np.float32)
    out[:-3] = beat_channels(window.beats.index, first, CROP)
    a, b = max(0, first), min(len(window.pulse), first + CROP)
    slope = np.clip(8 * np.gradient(window.pulse), -6, 6)
    for row, values in zip((-3, -2, -1), (window.pulse, slope, window.valid), strict=True):
        out[row, a - first : b - first] = values[a:b]
    return out


def _findings(window: _Window, silent: Sequence[Abstention]) -> tuple[str, ...]:
    """Rhythm of all beats the window sees; nothing when what it sees is not believed."""
    if any(one.reason not in ("no beats found", "no pulse yet") for one in silent):
        return ()
    view = known_span(window.segment)
    places = window.beats.index
    seen_s = (view[0] / GRID_FS_HZ, view[1] / GRID_FS_HZ)
    found = in_view(places / GRID_FS_HZ, *seen_s, confidence=window.beats.confidence)
    live = not {"flat", "missing"} & set(window.segment.reasons)
    silence = longest_silence(places, *view)
    paused = live and PAUSE in found and is_pause(window.pulse, window.beats, view, silence)
    return tuple(name for name in found if RULES[name].live and (name != PAUSE or paused))


def _intervals_ms(beats: Beats, longest_s: float = 3.0) -> np.ndarray:
    """(b,) float32: from the beat before to each; NaN at the first, and where beats are missing."""
    intervals = np.diff(beats.index, prepend=np.nan) * 1000 / 128
    return np.where(intervals <= 1000 * longest_s, intervals, np.nan).astype(np.float32)


def _heart_rate(beats: Beats, stop: int, seconds: float = 6.0) -> float | None:
    """Beats per minute over the last `seconds` before `stop`; None with fewer than three beats."""
    recent = beats.index[(beats.index < stop) & (beats.index >= stop - seconds * 128)]
    return float(60 * 128 / np.diff(recent).mean()) if len(recent) >= 3 else None

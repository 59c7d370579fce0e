"""Settings of the engine and its worker. Light to import: who only reads settings must not wait for torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["EngineSettings", "WorkerSettings"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """runtime: torch, or onnx (onnxruntime, on the CPU, from a folder of p2es export-onnx). weights: folder, None for
    the shipped ones. device: auto, cpu or cuda. denoiser: teacher, or student, which was distilled from it to answer in
    1 or 2 calls, at the temperature below. calls: network calls of the sampler. temperature: factor on the
    sampler's noise; at 1 beats of one person differ more than in a real ECG. typical_share: how far the leads are
    drawn towards the typical person's beat where nobody's own is known, 0 to 1. batch: fixed batch size. threads: of
    the runtime, one beside other processes. confidence_slope, confidence_shift: of a beat's confidence on the network's
    probability, both as logits. min_quality, min_confidence: below, the model abstains; min_confidence_moving: so does
    it below this while an accelerometer tells movement, and where that explains more of the pulse than max_movement (1:
    never). band_wider: the band of lead II by this
    share of its width on either side, own_band_wider: of a calibrated person, own_band_wider_poor: of one where quality
    is below band.CLEAR. These, temperature and typical_share were chosen on the calibration part (docs/model-card.md,
    docs/wrist.md), of the shipped weights."""

    runtime: str = "torch"
    weights: Path | None = None
    device: str = "auto"
    denoiser: str = "teacher"
    sampler: str = "dpmpp_2m"
    calls: int = 2
    temperature: float = 0.4
    typical_share: float = 0.7
    batch: int = 8
    threads: int = 1
    seed: int = 0
    beat_threshold: float = 0.5
    # the share of true beats, as p2es evaluate --choose confidence --data DIR printed them
    confidence_slope: float = 2.512
    confidence_shift: float = -1.456
    min_quality: float = 0.5
    min_confidence: float = 0.6
    min_confidence_moving: float = 0.8
    max_movement: float = 0.5
    # 90 % of the next person's samples, as p2es evaluate --choose band --data DIR printed them
    band_wider: float = 0.442
    own_band_wider: float = 0.087
    own_band_wider_poor: float = 0.413


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """backlog: keep (every window, for archives and checks) or freshest (a live page: windows closed more than
    max_age_s ago are skipped, and the data say so)."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    backlog: str = "keep"
    max_age_s: float = 6.0

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
    probability, both as logits.

    The model abstains in windows of a quality below min_quality, where the mean confidence of the beats is below
    min_confidence, or the light less alike at them (inference/alike.py; -1 to 1) than min_likeness, than
    min_likeness_poor in windows of a quality below 0.65. While an accelerometer tells movement, min_confidence_moving
    and min_likeness_moving are asked as well, and that it explains no more of the pulse than max_movement (1: never
    abstains).

    Without an accelerometer it abstains where a limb rather than a heart shaped the light with a probability above
    max_swing (inference/swing.py; 1: never).

    band_wider: the band of lead II by this share of its width on either side, own_band_wider: of a calibrated person,
    own_band_wider_poor: of one where quality is below band.CLEAR. These, the limits, temperature and typical_share were
    chosen on the calibration part (docs/model-card.md, docs/wrist.md), of the shipped weights."""

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
    # chosen on 18,000 trials of 1/f noise and wandering baselines, none of which is left with beats (of 18,000 others
    # one is), for 1.3 % of BIDMC's and 2.1 % of CinC 2015's calibration part
    min_likeness: float = 0.1
    min_likeness_poor: float = 0.36
    # beside a made arm, four in ten of the rates that these leave unsaid, or more, are wrong
    min_confidence_moving: float = 0.8
    min_likeness_moving: float = 0.5
    max_movement: float = 0.5
    max_swing: float = 0.8  # the last step of 0.05 of which more than half was wrong
    # 90 % of the next person's samples, as p2es evaluate --choose band --data DIR printed them
    band_wider: float = 0.440
    own_band_wider: float = 0.091
    own_band_wider_poor: float = 0.411


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """backlog: keep (every window, for archives and checks) or freshest (a live page: windows closed more than
    max_age_s ago are skipped, and the data say so)."""

    engine: EngineSettings = field(default_factory=EngineSettings)
    backlog: str = "keep"
    max_age_s: float = 6.0

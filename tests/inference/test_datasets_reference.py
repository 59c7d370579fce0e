"""The true ECG: filter against scipy and closed forms, beats against known times."""

import numpy as np
import pytest
from scipy import signal

from inference.datasets.reference import GENERATED, LIMB, detect_beats, filter_lead, limb_leads, matched, reference
from tests.inference.recordings import ecg, heartbeats

GRID = np.arange(60 * 128) / 128


@pytest.mark.parametrize("fs", [100, 125, 250, 500])
def test_filter_keeps_the_band_and_its_phase(fs: int):
    times = np.arange(60 * fs) / fs
    out = filter_lead(np.sin(2 * np.pi * 12 * times) + 0.7, fs)
    inside = slice(640, len(out) - 640)
    expected = np.sin(2 * np.pi * 12 * np.arange(len(out)) / 128)
    assert len(out) == int((len(times) - 1) / fs * 128) + 1
    assert np.abs(out - expected)[inside].max() < 0.03


def test_filter_removes_drift_and_marks_what_is_missing():
    values = np.sin(2 * np.pi * 0.05 * np.arange(7500) / 125)
    values[3000:3500] = np.nan
    out = filter_lead(values, 125)
    missing = np.isnan(out)
    assert np.abs(out[~missing]).max() < 0.15
    assert missing[(24 * 128) + 1 : (28 * 128) - 1].all()
    assert not missing[: int(23.9 * 128)].any()


def test_filter_agrees_with_scipy_resampling():
    times = np.arange(60 * 125) / 125
    raw = ecg(heartbeats(60), times)
    sos = signal.butter(2, [0.5, 40], "bandpass", fs=125, output="sos")
    oracle = signal.resample_poly(signal.sosfiltfilt(sos, raw), 128, 125)
    out = filter_lead(raw, 125)
    n = min(len(out), len(oracle))
    assert np.sqrt(np.mean((out[:n] - oracle[:n])[256:-256] ** 2)) < 0.02 * oracle.std() + 0.01


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("mean_s", [0.45, 0.8, 1.3])
def test_beats_are_found_to_a_few_milliseconds(sign: int, mean_s: float):
    true = heartbeats(60, 3, mean_s)
    rng = np.random.default_rng(0)
    found = detect_beats(filter_lead(sign * ecg(true, GRID) + rng.normal(0, 0.02, len(GRID)), 128))
    true = true[(true > 0.3) & (true < 59.5)]
    i, j = matched(true, found, 0.03)
    assert len(i) >= 0.98 * len(true)
    assert len(found) <= len(true) + 2
    # one constant offset (which deflection) is allowed, a spread is not
    assert np.subtract(*np.percentile(found[j] - true[i], [95, 5])) < 0.006


def test_no_beats_in_nothing():
    assert len(detect_beats(np.zeros(2560))) == 0
    assert len(detect_beats(np.full(2560, np.nan))) == 0
    assert len(detect_beats(np.ones(10))) == 0


def test_two_limb_leads_give_all():
    rng = np.random.default_rng(1)
    lead_i, lead_ii = rng.normal(size=(2, 50))
    values = {name: a * lead_i + b * lead_ii for name, (a, b) in LIMB.items()}
    np.testing.assert_allclose(values["III"], lead_ii - lead_i)
    np.testing.assert_allclose(values["aVR"] + values["aVL"] + values["aVF"], 0, atol=1e-12)
    for pair in (("II", "aVR"), ("II", "III"), ("aVL", "aVF"), ("I", "II", "III", "aVF")):
        both = limb_leads({name: values[name] for name in pair})
        assert both is not None
        np.testing.assert_allclose(both, [lead_i, lead_ii], atol=1e-9)
    assert limb_leads({"II": lead_ii, "V1": lead_i}) is None


def test_matching_is_mutual():
    i, j = matched(np.array([1.0, 2.0, 3.0]), np.array([1.04, 1.97, 2.02, 9.0]), 0.05)
    assert (list(i), list(j)) == ([0, 1], [0, 2])
    assert len(matched(np.zeros(0), np.ones(2), 1)[0]) == 0


def test_windows_where_leads_disagree_are_not_used():
    beats = heartbeats(60)
    lead = filter_lead(ecg(beats, GRID), 128)
    other = filter_lead(ecg(beats[(beats < 20) | (beats > 30)], GRID), 128)
    truth = reference({"II": lead, "aVR": -other, "V": other})
    assert truth is not None
    assert list(truth.usable) == [True, True, False, True, True, True]
    assert np.isfinite(truth.leads_mv[GENERATED.index("I")]).all()
    assert np.isnan(truth.leads_mv[GENERATED.index("V1")]).all()  # an unnamed V is no V1
    assert reference({"II": lead}) is None
    assert reference({}) is None

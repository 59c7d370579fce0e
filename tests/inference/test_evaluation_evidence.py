"""What a recording gives to the figures: on an estimate that is the truth, late and changed in a known way."""

import dataclasses

import numpy as np
import pytest

from inference.datasets.prepared import PreparedRecord
from inference.datasets.reference import filter_lead
from inference.evaluation.aligned import align
from inference.evaluation.estimate import Estimate, from_generated
from inference.evaluation.figures.band import BandCounts, band_counts, band_rows
from inference.evaluation.figures.evidence import evidence
from inference.evaluation.figures.examples import SHOWN_S, example
from inference.evaluation.streamed import Streamed
from stream.messages import Demographics
from tests.inference.recordings import ecg, heartbeats

SECONDS = 120
N = SECONDS * 128
LATE = 32  # samples


def record(lead_ii: bool = True) -> PreparedRecord:
    beats = heartbeats(SECONDS)
    beats = beats[beats < SECONDS - 1]
    lead = filter_lead(ecg(beats, np.arange(N) / 128), 128.0)
    leads = np.full((8, N), np.nan, np.float32)
    leads[0] = 0.4 * lead
    if lead_ii:
        leads[1] = lead
    none = np.zeros(0)
    return PreparedRecord(
        "bidmc", "one", "one", "calibration", Demographics(None, None, None, None), none, none, none, none, none, leads,
        beats, np.ones(SECONDS // 10, bool), none, 0.0, 0.0,
    )  # fmt: skip


def streamed(one: PreparedRecord, factor: float = 1.0, reach_mv: float = 0.2) -> Streamed:
    """The true lead, LATE samples late and `factor` as high, in a band of +-reach_mv about the truth."""
    lead = np.roll(ecg(one.beats_s, np.arange(N) / 128), LATE)
    made = from_generated(np.stack([0.4 * lead, lead, *[lead] * 6]) * factor, one.beats_s + LATE / 128)
    true = np.roll(one.leads_mv[1].astype(float), LATE)
    band = np.stack([true - reach_mv, true + reach_mv])
    return Streamed(made, np.zeros(0, int), np.full(N, 0.95), np.full(N, 0.8), band)


@pytest.fixture(scope="module")
def one():
    return record()


def test_the_truth_late_is_right_in_every_figure(one):
    seen = evidence(one, streamed(one), None)
    assert seen.beats.sum(0)[:2].tolist() == [len(one.beats_s)] * 2
    assert seen.windows == 12
    assert seen.f1_error == pytest.approx(0, abs=0.03)  # the filter rings at both ends
    assert np.all(np.abs(seen.rate_error) < 2)  # a beat falls on the other side of a window's end
    assert (len(seen.true_bpm), len(seen.confidence)) == (12, 12)
    assert seen.confidence == pytest.approx(1)
    assert set(seen.amplitudes) == {"I", "II", "III", "aVR", "aVL", "aVF"}
    for true_sd, sd, true_r, r in seen.amplitudes.values():
        assert sd == pytest.approx(true_sd, rel=0.02)
        assert r == pytest.approx(true_r, rel=0.02)
    assert seen.own_band is None


def test_a_smaller_estimate_has_a_smaller_amplitude_and_a_made_up_beat_is_no_hit(one):
    small = streamed(one, 0.6)
    told = np.sort(np.r_[small.estimate.beats_s, small.estimate.beats_s[:20] + 0.3])
    small = dataclasses.replace(small, estimate=Estimate(small.estimate.leads_mv, told, np.full(len(told), 0.9)))
    seen = evidence(one, small, small)
    true_sd, sd, true_r, r = seen.amplitudes["II"]
    assert sd / true_sd == pytest.approx(0.6, rel=0.02)
    assert r / true_r == pytest.approx(0.6, rel=0.02)
    beats, hits, probability = seen.beats.sum(0)
    assert (beats, hits) == (len(told), len(one.beats_s))
    assert probability == pytest.approx(0.9 * beats)
    assert seen.own_band is not None


def test_what_was_abstained_is_not_answered(one):
    made = streamed(one)
    leads, band = made.estimate.leads_mv.copy(), made.band_mv.copy()
    leads[:, : 30 * 128], band[:, : 30 * 128] = np.nan, np.nan
    gone = made.estimate.beats_s < 30
    kept = Estimate(leads, made.estimate.beats_s[~gone], made.estimate.confidence[~gone])
    seen = evidence(one, dataclasses.replace(made, estimate=kept, band_mv=band), None)
    assert (seen.windows, len(seen.confidence), len(seen.true_bpm)) == (12, 9, 9)
    leads[:, 44 * 128 : 47 * 128] = np.nan
    holed = evidence(one, dataclasses.replace(made, estimate=dataclasses.replace(kept, leads_mv=leads)), None)
    assert len(holed.rate_error) == 9
    assert np.all(np.abs(holed.rate_error) < 6)  # no interval is as long as nothing was said
    assert seen.band is not None
    assert seen.band.asked.sum() == pytest.approx(90 * 128, abs=2 * LATE)


def test_coverage_is_counted_after_the_lag_by_quality(one):
    made = streamed(one)
    made.band_mv[:, : N // 2] += 1.0  # off by more than its width
    made.quality[: N // 2] = 0.6
    counts = band_counts(one, made, align(one, made.estimate))
    assert counts is not None
    rows = {row.name.split(" (")[0]: row for row in band_rows([counts, counts], ["a", "b"])}
    assert rows["all"].coverage == pytest.approx(0.5, abs=0.01)
    assert rows["quality below 0.7"].coverage == 0
    assert rows["quality above 0.9"].coverage == 1
    assert rows["quality 0.7 to 0.9"].recordings == 0
    assert rows["all"].width_mv == pytest.approx(0.4)
    assert rows["all"].recordings == 2


def test_a_band_that_misses_the_r_peaks_shows_it(one):
    made = streamed(one)
    flat = np.stack([np.full(N, -0.35), np.full(N, 0.35)])
    counts = band_counts(one, dataclasses.replace(made, band_mv=flat), align(one, made.estimate))
    (row, *_) = band_rows([counts], ["a"])
    assert row.coverage > 0.9
    assert row.near_r < row.coverage - 0.1


def strata(values: list[tuple[float, float, int, int]]) -> BandCounts:
    quality, confidence, asked, inside = (np.array(each, float) for each in zip(*values, strict=True))
    return BandCounts(quality, confidence, asked, inside, asked, inside, 0.3 * asked)


def test_recordings_weigh_the_same_and_subjects_make_the_interval():
    long, short = strata([(0.95, 0.9, 100_000, 100_000)]), strata([(0.95, 0.6, 2_000, 1_000)])
    rows = band_rows([long, short, None], ["a", "b", "c"])
    assert rows[0].coverage == pytest.approx(0.75)
    assert (rows[0].low, rows[0].high) == (0.5, 1.0)
    assert rows[0].tenth == pytest.approx(0.55)
    assert [row.coverage for row in rows if "lowest" in row.name] == [pytest.approx(0.75)]  # most samples are of one
    assert band_rows([None], ["a"]) == []


def test_thirds_of_confidence_hold_a_third_of_the_samples_each():
    counts = [strata([(0.8, 0.5 + step / 100, 2000, 2000 if step > 20 else 1000) for step in range(1, 31)])]
    lowest, middle, highest = band_rows(counts, ["a"])[-3:]
    assert lowest.name.endswith("(to 0.60)")
    assert (lowest.coverage, middle.coverage, highest.coverage) == (0.5, 0.5, 1.0)


def test_too_little_of_a_stratum_is_not_counted():
    counts = [strata([(0.5, 0.9, 1000, 0), (0.95, 0.9, 5000, 5000)])]
    rows = band_rows(counts, ["a"])
    assert rows[1].recordings == 0
    assert np.isnan(rows[1].coverage)


def test_the_example_is_of_the_median_window_without_a_gap(one):
    made = streamed(one)
    rng = np.random.default_rng(0)
    noise = np.repeat(np.arange(12) / 10, 1280)  # each window worse than the one before
    made.estimate.leads_mv[:] += np.roll(noise * rng.normal(size=N), LATE).astype(np.float32)
    made.estimate.leads_mv[:, 1300] = np.nan  # the second window has a gap
    shown = example(one, made, align(one, made.estimate))
    assert shown is not None
    assert shown.from_s == 60  # of 11 the sixth
    assert shown.true.shape == shown.estimate.shape == (SHOWN_S * 128,)
    assert shown.band.shape == (2, SHOWN_S * 128)
    assert np.corrcoef(shown.true, shown.estimate)[0, 1] == pytest.approx(shown.r, abs=0.1)


def test_without_a_true_lead_ii_there_is_no_band_and_no_example():
    no_two = record(lead_ii=False)
    made = streamed(record())
    at = align(no_two, made.estimate)
    assert at.main == "I"
    assert band_counts(no_two, made, at) is None
    assert example(no_two, made, at) is None

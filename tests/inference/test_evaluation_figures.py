"""The figures beside the tables, on cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.evaluation.figures.bland_altman import rate_agreement
from inference.evaluation.figures.examples import chosen
from inference.evaluation.figures.reliability import BINS, counted, reliability
from inference.evaluation.figures.selective import selective
from inference.evaluation.figures.shrinkage import shrinkage
from inference.evaluation.intervals import resamples
from inference.evaluation.waveform import r_amplitude

PEOPLE = [f"p{number}" for number in range(20)]


def test_a_resample_draws_as_many_people_with_all_their_recordings():
    times = resamples(["a", "b", "a", "c"])
    assert times.shape == (1000, 4)
    assert np.array_equal(times[:, 0], times[:, 2])
    assert np.all(times[:, [0, 1, 3]].sum(1) == 3)
    assert len(np.unique(times, axis=0)) == 10  # ways to draw three of three


def test_a_true_probability_has_no_calibration_error_and_a_boastful_one_its_surplus():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, (20, 4000))
    true = [counted(one, rng.uniform(size=4000) < one) for one in sure]
    found = reliability(true, PEOPLE)
    assert found.beats == 80_000
    assert found.error < 0.01
    assert found.error_low <= found.error <= found.error_high
    assert len(found.told) == 10  # bins of 0.05 from 0.5 on
    np.testing.assert_allclose(found.share, found.told, atol=0.02)
    boastful = reliability([counted(one, rng.uniform(size=4000) < one - 0.2) for one in sure], PEOPLE)
    assert boastful.error == pytest.approx(0.2, abs=0.01)
    assert boastful.surplus == pytest.approx(0.2, abs=0.01)


def test_calibration_error_weighs_bins_by_their_beats():
    one = counted(np.array([0.6, 0.6, 0.6, 0.92]), np.array([True, False, False, True]))
    found = reliability([one], ["p"])
    assert found.error == pytest.approx((3 * abs(1 / 3 - 0.6) + abs(1 - 0.92)) / 4)
    assert found.count == [3, 1]
    certain = counted(np.array([1.0]), np.array([True]))
    assert certain.shape == (BINS, 3)
    assert certain[-1].tolist() == [1, 1, 1]


def test_a_bin_tells_what_was_said_and_what_came_true_also_when_nothing_did():
    first = counted(np.array([0.61, 0.63, 0.92, 0.33]), np.array([True, False, True, False]))
    second = counted(np.array([0.62, 0.64, 0.94]), np.array([False, False, True]))
    found = reliability([first, second], ["a", "b"])
    assert found.count == [1, 4, 2]
    assert found.told == pytest.approx([0.33, 0.625, 0.93])
    assert found.share == [0, 0.25, 1]
    assert (found.low, found.high) == ([0, 0, 1], [0, 0.5, 1])  # b alone, and a alone


def test_errors_fall_when_the_confidence_knows_them():
    rng = np.random.default_rng(1)
    error = [rng.uniform(0, 1, 30) for _ in PEOPLE]
    knows = selective([1 - one for one in error], error, 800, PEOPLE)
    assert knows.answered == 600
    assert knows.kept[-1] == pytest.approx(0.75)
    assert knows.whole == pytest.approx(np.concatenate(error).mean())
    assert knows.area == pytest.approx(knows.ideal_area)
    assert knows.risk[9] == pytest.approx(np.sort(np.concatenate(error))[:300].mean())  # the surer half
    assert knows.gain == pytest.approx(knows.whole - knows.risk[9])
    assert all(low < risk < high for low, risk, high in zip(knows.low, knows.risk, knows.high, strict=True))
    assert knows.falls
    assert knows.never_rises
    wrong = selective(error, error, 600, PEOPLE)
    assert not wrong.falls
    assert not wrong.never_rises
    assert wrong.area > wrong.whole > wrong.ideal_area
    blind = selective([rng.uniform(size=30) for _ in PEOPLE], error, 600, PEOPLE)
    assert not blind.falls
    assert blind.gain_low < 0 < blind.gain_high


def test_risk_that_falls_only_at_first_or_stays_as_it_is():
    # the surest fifth is as wrong as the least sure one
    some = selective([np.linspace(1, 0, 100)], [np.repeat([1.0, 0.0, 0.0, 0.0, 1.0], 20)], 100, ["p"])
    assert (some.risk[3], some.risk[15], some.risk[-1]) == (1, 0.25, pytest.approx(0.4))
    assert not some.never_rises
    # it rises from two fifths to one and nowhere else
    first = selective([np.linspace(1, 0, 100)], [np.repeat([0.4, 0.0, 0.3, 0.5, 0.7], 20)], 100, ["p"])
    assert not first.never_rises
    even = selective([np.linspace(1, 0, 100)], [np.full(100, 0.5)], 100, ["p"])
    assert even.never_rises
    assert not even.falls


def test_the_area_of_a_resample_is_that_of_those_who_were_drawn():
    # a, who is surest and most wrong, is drawn twice in a quarter of the resamples, and b in another
    rng = np.random.default_rng(3)
    sure, error = [1 + rng.uniform(size=30), rng.uniform(size=10)], [2 + rng.uniform(size=30), rng.uniform(size=10)]
    both = selective(sure, error, 60, ["a", "b"])
    assert both.area_high == pytest.approx(selective(sure[:1], error[:1], 30, ["a"]).area)
    assert both.area_low == pytest.approx(selective(sure[1:], error[1:], 30, ["b"]).area)


def test_of_one_person_alone_no_interval_is_known():
    """A resample of people is a person's recordings together, however many they are."""
    rng = np.random.default_rng(4)
    one = ["p"] * 20
    sure = rng.uniform(0.5, 1, (20, 50))
    told = reliability([counted(each, rng.uniform(size=50) < each) for each in sure], one)
    risk = selective(list(sure), list(rng.uniform(size=(20, 50))), 1000, one)
    true = np.r_[np.nan, rng.uniform(0.3, 1.2, 19)]  # of the first, who is somebody else, it is not known
    size = shrinkage(true, true + rng.normal(0, 0.1, 20), ["q", *one[1:]])
    for low, value, high in (
        (told.low, told.share, told.high),
        (told.error_low, told.error, told.error_high),
        (risk.low, risk.risk, risk.high),
        (risk.gain_low, risk.gain, risk.gain_high),
        (size.slope_low, size.slope, size.slope_high),
        (size.ratio_low, size.ratio, size.ratio_high),
    ):
        assert (low, high) == (pytest.approx(value), pytest.approx(value))


def test_a_surer_half_of_one_person_shows_nothing():
    # one person is both surer and better: of other people it may be the other way round
    error = [np.full(30, 0.0 if person == "p0" else 0.5) for person in PEOPLE]
    sure = [np.full(30, 0.9 if person == "p0" else 0.5) for person in PEOPLE]
    assert not selective(sure, error, 600, PEOPLE).falls


def test_limits_of_agreement_keep_a_persons_windows_together():
    rng = np.random.default_rng(2)
    people = [f"p{number}" for number in range(300)]
    true = [rng.uniform(50, 100, 20) for _ in people]
    found = [one + 1.5 + rng.normal(0, 3) + rng.normal(0, 4, 20) for one in true]
    result = rate_agreement(true, found, people)
    assert (result.between_sd, result.within_sd) == (pytest.approx(3, rel=0.1), pytest.approx(4, rel=0.05))
    assert result.bias == pytest.approx(1.5, abs=0.4)
    assert result.upper - result.lower == pytest.approx(2 * 1.96 * 5, rel=0.06)
    # the bias is as uncertain as 300 people make it, not as 6,000 windows would
    assert (result.bias_high - result.bias_low) / 3.92 == pytest.approx(np.hypot(3, 4 / 20**0.5) / 300**0.5, rel=0.15)
    assert result.upper_low < result.upper < result.upper_high
    assert result.close == pytest.approx(np.mean(np.abs(np.concatenate(found) - np.concatenate(true)) <= 5))


def test_components_of_variance_of_unequal_people_are_those_done_by_hand():
    errors = ([1.0, 3.0, 2.0], [9.0, 8.0], [5.0])
    true = [np.full(len(one), 60.0) for one in errors]
    result = rate_agreement(true, [60 + np.array(one) for one in errors], ["a", "b", "c"])
    within = (1 + 0 + 1 + 0.25 + 0.25) / (6 - 3)
    among = (3 * (2 - 14 / 3) ** 2 + 2 * (8.5 - 14 / 3) ** 2 + (5 - 14 / 3) ** 2) / (3 - 1)
    between = (among - within) / ((6 - (9 + 4 + 1) / 6) / (3 - 1))
    assert (result.windows, result.bias) == (6, pytest.approx(14 / 3))
    assert result.within_sd == pytest.approx(within**0.5)
    assert result.between_sd == pytest.approx(between**0.5)
    assert result.upper == pytest.approx(14 / 3 + 1.96 * (within + between) ** 0.5)
    assert result.close == pytest.approx(4 / 6)  # 5 bpm is close


def test_two_recordings_of_a_person_are_one_person():
    first, second = (np.array([60.0, 61.0]), np.array([70.0, 72.0]))
    apart = rate_agreement([first, second, first], [first + 1, second + 1, first + 9], ["a", "b", "a"])
    joined = np.concatenate([first, first])
    together = rate_agreement([joined, second], [joined + np.array([1, 1, 9, 9]), second + 1], ["a", "b"])
    assert apart == together


def test_a_rate_that_shrinks_towards_the_mean_has_a_slope_below_0():
    true = [np.linspace(50, 150, 11)] * 3
    result = rate_agreement(true, [100 + 0.5 * (one - 100) for one in true], ["a", "b", "c"])
    assert result.bias == pytest.approx(0, abs=1e-9)
    assert result.slope == pytest.approx(-0.5 / 0.75)
    assert result.between_sd == 0  # people differ less than their windows would make them


@given(st.floats(0.1, 1.5), st.floats(-0.2, 0.5))
def test_shrinkage_reads_slope_and_ratio_of_a_line(slope, floor):
    true = np.linspace(0.3, 1.2, 20)
    found = shrinkage(true, floor + slope * true, PEOPLE)
    assert found.slope == pytest.approx(slope)
    assert (found.slope_low, found.slope_high) == (pytest.approx(slope), pytest.approx(slope))
    assert found.spread == pytest.approx(slope)
    assert found.ratio == pytest.approx((floor + slope * true.mean()) / true.mean())
    assert found.r == pytest.approx(1)


def test_one_amplitude_for_everybody_is_a_slope_of_0_and_little_is_no_figure():
    true = np.r_[np.linspace(0.3, 1.2, 19), np.nan]
    found = shrinkage(true, np.r_[np.nan, np.full(19, 0.7)], PEOPLE)
    assert (found.recordings, found.slope, found.spread) == (18, pytest.approx(0), pytest.approx(0))
    assert np.isnan(shrinkage(true[:2], true[:2], PEOPLE[:2]).slope)
    assert shrinkage(true[:3], true[:3], PEOPLE[:3]).slope == pytest.approx(1)
    assert np.isnan(shrinkage(np.full(3, 0.7), true[:3], PEOPLE[:3]).slope)


def test_the_recordings_shown_are_the_best_the_median_and_the_worst():
    assert chosen([0.2, 0.9, np.nan, 0.5, 0.4]) == [1, 4, 0]
    assert chosen([0.5, 0.5, 0.5]) == [0, 1, 2]
    assert chosen([0.3, 0.8]) == [1, 0]
    assert chosen([np.nan]) == []


def test_r_is_read_near_the_r_peak_and_avr_upside_down():
    beat = np.zeros(91)
    beat[32 + 8], beat[32 + 9], beat[36] = 1.2, 3.0, -0.9  # 60 ms, and more
    assert r_amplitude(beat, "II") == 1.2
    assert r_amplitude(beat, "aVR") == 0.9
    assert np.isnan(r_amplitude(np.zeros(0), "II"))

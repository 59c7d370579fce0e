"""The judgement itself: counts, lags, warping, seams."""

import numpy as np
import pytest

from inference.evaluation.beats import best_lag, core, count, heart_rates, intervals
from inference.evaluation.estimate import from_generated, moved_to
from inference.evaluation.seams import border_steps
from inference.evaluation.waveform import agreement, delayed, dtw, to_unit

N = 128 * 60
TRUE = np.cumsum(np.random.default_rng(0).uniform(0.7, 1.0, 60))
TRUE = TRUE[TRUE < 59]
ALL = np.ones(N, bool)


def test_beats_are_counted_by_mutual_nearest_matching():
    found = np.r_[TRUE[:10] + 0.01, TRUE[10:20] + 0.08, TRUE[20:], TRUE[30] + 0.3]
    counts = count(TRUE, np.sort(found), 0.05, ALL, ALL)
    assert (counts.hit, counts.missed, counts.extra, counts.abstained) == (len(TRUE) - 10, 10, 11, 0)
    assert counts.f1 == pytest.approx(2 * counts.hit / (2 * counts.hit + 21))


def test_an_abstained_beat_is_no_miss_but_counts_in_all():
    covered = ALL.copy()
    covered[: N // 2] = False
    found = TRUE[TRUE > 30]
    counts = count(TRUE, found, 0.05, ALL, core(covered))
    assert counts.f1 == 1.0
    assert counts.abstained > 25
    assert counts.f1_all < 0.75


@pytest.mark.parametrize("lag", [-0.6, -0.05, 0.0, 0.33, 0.9])
def test_the_best_lag_is_found(lag):
    assert best_lag(TRUE, TRUE + lag, ALL, ALL) == pytest.approx(lag, abs=0.01)


def test_intervals_and_rates():
    jitter = np.where(np.arange(len(TRUE)) % 2, 0.01, -0.01)
    errors, residuals = intervals(TRUE, TRUE + jitter, ALL)
    assert errors == pytest.approx(20, abs=1e-6)
    assert np.abs(residuals) == pytest.approx(10, abs=1e-6)
    covered = ALL.copy()
    covered[:1280] = False
    rates = heart_rates(TRUE, TRUE[TRUE > 20], np.arange(6), covered)
    assert rates.abstained == 1
    assert len(rates.failed_bpm) == 1
    assert rates.errors_bpm == pytest.approx(0)
    part = ALL.copy()
    part[25 * 128 : 28 * 128] = False  # no interval is as long as nothing was said
    rates = heart_rates(TRUE, TRUE[(TRUE < 25) | (TRUE > 28)], np.array([2]), part)
    assert rates.errors_bpm == pytest.approx(0, abs=4)


def test_a_flat_estimate_has_no_correlation_and_the_true_one_has_all():
    true = np.sin(np.arange(N) / 9)
    windows = np.arange(6)
    assert agreement(true, true, windows).r == pytest.approx(1)
    flat = agreement(true, np.zeros(N), windows)
    assert (flat.r, flat.rmse_z) == (0.0, 1.0)
    part = np.where(np.arange(N) < 1280, np.nan, true)
    assert (agreement(true, part, windows).windows, agreement(true, part, windows).abstained) == (5, 1)


def test_delayed_moves_by_half_samples():
    true = np.sin(np.arange(N) / 9)
    np.testing.assert_allclose(delayed(true, 6)[:-3], true[3:])
    half = delayed(true, 1)
    np.testing.assert_allclose(half[10:-10], np.sin((np.arange(N) + 0.5) / 9)[10:-10], atol=1e-4)


def brute_dtw(x, y, band):
    n = len(x)
    best = {(-1, -1): (0.0, 0)}
    for i in range(n):
        for j in range(max(0, i - band), min(n, i + band + 1)):
            before = [best[p] for p in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if p in best]
            cost, length = min(before, key=lambda one: one[0])
            best[i, j] = (cost + abs(x[i] - y[j]), length + 1)
    return best[n - 1, n - 1][0] / best[n - 1, n - 1][1]


def test_dtw_is_the_textbooks():
    rng = np.random.default_rng(1)
    for _ in range(5):
        x, y = to_unit(rng.normal(size=40)), to_unit(rng.normal(size=40))
        assert dtw(x, y, 8) == pytest.approx(brute_dtw(x, y, 8))
    same = np.linspace(-1, 1, 40)
    assert dtw(same, same, 8) == 0


def test_a_step_at_a_border_is_seen_and_none_is_invented():
    smooth = np.cumsum(np.random.default_rng(2).normal(size=(2, 4000)), 1)
    borders = np.arange(256, 4000, 256)
    counted, large = border_steps(smooth, borders)
    assert counted == 2 * len(borders)
    assert large <= 2
    torn = smooth.copy()
    for border in borders:
        torn[:, border:] += 50
    assert border_steps(torn, borders)[1] == counted


def test_another_persons_output_is_laid_over_without_an_edge_effect():
    own = from_generated(np.ones((8, N)) * np.arange(N), TRUE)
    moved = moved_to(own, N, N // 2)
    assert moved.leads_mv.shape == (12, N)
    assert moved.leads_mv[0, 0] == N // 2
    assert len(moved.beats_s) == pytest.approx(len(TRUE), abs=1)
    assert moved_to(own, 2 * N).leads_mv.shape == (12, 2 * N)
    leads = from_generated(np.random.default_rng(0).normal(size=(8, 9)), TRUE).leads_mv
    np.testing.assert_allclose(leads[2], leads[1] - leads[0], atol=1e-6)

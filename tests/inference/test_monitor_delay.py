"""The logistic model of the monitors' two kinds learns what differs, and says when there is nothing to learn."""

import logging

import numpy as np
import pytest

from inference.training.monitor_delay import accuracy, fit, fit_monitor_delay


def two_kinds(k=120, apart=3.0, seed=0):
    """Spectra that differ in one band, and lags round 0.56 and 1.14 s."""
    rng = np.random.default_rng(seed)
    late = rng.random(k) < 0.5
    bands = rng.normal(-3, 0.5, (k, 8))
    bands[late, 4] -= 0.5 * apart
    return bands, np.where(late, 1.14, 0.56) + rng.normal(0, 0.03, k)


def test_learns_on_some_and_tells_others():
    bands, lags = two_kinds()
    model = fit(bands[:60], lags[:60])
    assert accuracy(model, bands[60:], lags[60:]) > 0.85
    assert model.short_s == pytest.approx(0.56, abs=0.02)
    assert model.long_s == pytest.approx(1.14, abs=0.02)


def test_tells_nothing_where_nothing_differs():
    bands, lags = two_kinds(k=400, apart=0.0)
    model = fit(bands[:200], lags[:200])
    assert 0.35 < accuracy(model, bands[200:], lags[200:]) < 0.65


def test_one_kind_alone_is_not_fitted(caplog):
    with caplog.at_level(logging.WARNING):
        assert fit_monitor_delay([]) is None
    assert "not fitted" in caplog.text

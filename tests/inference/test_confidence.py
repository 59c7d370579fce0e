"""What a beat's confidence is worth: scaled from the network's probability, and learned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.confidence import scaled
from inference.evaluation.believing import fitted

UNIT = st.floats(0, 1)


@given(st.lists(UNIT, min_size=2, max_size=20), st.floats(0.1, 5), st.floats(-3, 3))
def test_confidence_keeps_the_order_and_stays_a_share(values, slope, shift):
    told = scaled(np.sort(np.array(values)), slope, shift)
    assert np.all(np.diff(told) >= 0)
    assert np.all((told >= 0) & (told <= 1))
    assert told.dtype == np.float32


@given(st.floats(0.001, 0.999))
def test_without_slope_and_shift_it_is_the_probability(value):
    assert scaled(np.array([value]), 1.0, 0.0)[0] == pytest.approx(value, abs=1e-6)


def made(rng: np.random.Generator, beats: int, slope: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    told = rng.uniform(0.5, 0.99, beats)
    return told, rng.random(beats) < scaled(told, slope, shift)


def test_slope_and_shift_are_found_again():
    rng = np.random.default_rng(1)
    slope, shift = fitted([made(rng, 4000, 1.6, 0.5) for _ in range(20)])
    assert (slope, shift) == (pytest.approx(1.6, abs=0.1), pytest.approx(0.5, abs=0.1))


def test_a_long_recording_weighs_no_more_than_a_short_one():
    rng = np.random.default_rng(2)
    few, many = (made(rng, beats, 1.0, shift) for beats, shift in ((500, 1.5), (50_000, -1.5)))
    _, together = fitted([few, many])
    assert abs(together) < 0.5


def test_beats_that_are_all_true_give_no_wild_answer():
    told, _ = made(np.random.default_rng(3), 200, 1, 0)
    slope, shift = fitted([(told, np.ones(200, bool))])
    assert scaled(told, slope, shift).min() > 0.98

"""The 90 % band: how it is widened, and how much is learned from the calibration part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.band import needed, widened
from inference.errors import DataMissing
from inference.evaluation.widening import Beside, _where, learned

MV = st.floats(-3, 3)


@given(st.lists(st.tuples(MV, MV, MV), min_size=1, max_size=20), st.floats(0, 3))
def test_the_estimate_lies_in_its_band_whatever_the_network_says(rows, by):
    one, other, lead = np.array(rows).T
    band = np.stack([np.minimum(one, other), np.maximum(one, other)])
    low, high = widened(band, lead, by)
    assert np.all((low <= lead) & (lead <= high))
    assert np.all((low <= band[0]) & (band[1] <= high))


def test_it_is_widened_on_both_sides_by_a_share_of_its_width():
    band, lead = np.array([[-0.1, 0.0], [0.3, 0.2]]), np.array([0.0, 0.5])
    np.testing.assert_allclose(widened(band, lead, 0.0), [[-0.1, 0.0], [0.3, 0.5]])
    np.testing.assert_allclose(widened(band, lead, 0.5), [[-0.3, -0.25], [0.5, 0.75]])


@given(st.tuples(MV, MV, MV, MV))
def test_what_is_needed_is_just_enough(values):
    one, other, lead, true = (np.array([value]) for value in values)
    band = np.stack([np.minimum(one, other), np.maximum(one, other)])
    by = needed(band, lead, true)
    for more, inside in ((1e-6, True), (-1e-6, False)):
        low, high = widened(band, lead, float(by[0]) + more)
        assert ((low <= true) & (true <= high)) == inside


def test_people_weigh_the_same_however_long_they_were_recorded():
    # 18 of 19 people and a share of .9 of 20: 18 whole people
    scores = [np.full(10 * (1 + number), float(number)) for number in range(19)]
    assert learned(scores, [f"p{number}" for number in range(19)]) == 17
    # a person's second recording does not count as another person
    scores.append(np.full(5, 100.0))
    assert learned(scores, [*(f"p{number}" for number in range(19)), "p18"]) == 17


def test_too_few_people_are_refused():
    nine = [np.arange(4.0)] * 9
    assert learned(nine, list("abcdefghi")) == 3
    with pytest.raises(DataMissing, match="8 people are too few for a band of 90%: it takes 9"):
        learned(nine[:8], list("abcdefgh"))


def test_the_next_person_is_covered_as_promised():
    # errors have a scale of each person's own; learned from 19 and tried on a 20th, many times
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        scale = rng.lognormal(0, 0.7, 20)
        scores = scale[:, None] * np.abs(rng.normal(size=(20, 200)))
        inside.append(np.mean(scores[-1] <= learned(list(scores[:-1]), [str(one) for one in range(19)])))
    assert 0.9 <= np.mean(inside) < 0.95  # the person at infinity makes it wide


def test_a_recording_counts_where_it_has_ten_seconds_of_that_quality():
    n = 20 * 128
    samples = np.arange(float(n))
    quality = np.where(samples < 12 * 128, 0.95, 0.85)
    one = Beside("p", samples, samples + 1, np.stack([samples - 1, samples + 2]), quality)
    (clear,) = _where([one], lambda quality: quality >= 0.9)
    assert np.array_equal(clear.true, samples[: 12 * 128])
    assert np.array_equal(clear.lead, clear.true + 1)
    assert np.array_equal(clear.band, np.stack([clear.true - 1, clear.true + 2]))
    assert (clear.quality == 0.95).all()
    assert _where([one], lambda quality: quality < 0.9) == []  # 8 s

"""Figures of a classifier: against definitions written out, and weights as repetitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.diagnosis.scores import auroc, average_precision, best_threshold, figures, limits, patient_weights

LEVELS = st.integers(0, 4).map(lambda level: level / 4)


@st.composite
def cases(draw, least=4, most=24):
    n = draw(st.integers(least, most))
    true = np.array([True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))])
    probability = np.array(draw(st.lists(LEVELS, min_size=n, max_size=n)))
    return true, probability, np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))


def ones(n):
    return np.ones((1, n))


@given(cases())
def test_auroc_is_the_share_of_pairs_of_a_fold_in_the_right_order(case):
    true, probability, folds = case
    pairs = [
        (probability[i] > probability[j]) + 0.5 * (probability[i] == probability[j])
        for i in np.flatnonzero(true)
        for j in np.flatnonzero(~true)
        if folds[i] == folds[j]
    ]
    found = auroc(true, probability, folds, ones(len(true)))[0]
    assert found == pytest.approx(np.mean(pairs)) if pairs else np.isnan(found)


def test_average_precision_by_hand():
    true = np.array([True, False, True, False])
    assert average_precision(true, np.array([0.9, 0.8, 0.7, 0.1]), ones(4))[0] == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(true, np.full(4, 0.3), ones(4))[0] == pytest.approx(0.5)


@settings(max_examples=50)
@given(cases(), st.data())
def test_a_weight_is_a_repetition(case, data):
    true, probability, folds = case
    called = probability >= 0.5
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(true), max_size=len(true))))
    again = np.repeat(np.arange(len(true)), weights)
    if not true[again].any() or true[again].all():
        return
    weighted = figures(true, probability, called, folds, weights[None].astype(float))
    repeated = figures(true[again], probability[again], called[again], folds[again], ones(len(again)))
    for name, value in repeated.items():
        assert weighted[name][0] == pytest.approx(value[0], nan_ok=True), name


@given(cases())
def test_no_threshold_does_better_than_the_best(case):
    true, probability, _ = case

    def gain(threshold):
        return (probability[true] >= threshold).mean() + (probability[~true] < threshold).mean()

    best = gain(best_threshold(true, probability))
    assert all(best >= gain(threshold) - 1e-12 for threshold in probability)


def test_a_threshold_needs_both_kinds():
    assert best_threshold(np.array([True, True]), np.array([0.1, 0.2])) == 0.5


def test_a_perfect_and_calibrated_answer():
    true = np.array([True, False, False, True])
    found = figures(true, true.astype(float), true, np.zeros(4), ones(4))
    assert {name: float(value[0]) for name, value in found.items()} == {
        "auroc": 1,
        "average_precision": 1,
        "sensitivity": 1,
        "specificity": 1,
        "precision": 1,
        "brier": 0,
        "ece": 0,
    }


def test_calibration_error_is_the_distance_of_said_and_found():
    true = np.array([True, False, False, False])
    assert figures(true, np.full(4, 0.65), true, np.zeros(4), ones(4))["ece"][0] == pytest.approx(0.4)


def test_patients_are_drawn_with_all_their_recordings():
    weights = patient_weights(["a", "b", "a", "c"], resamples=200)
    assert weights[0].tolist() == [1, 1, 1, 1]
    assert (weights[:, 0] == weights[:, 2]).all()
    people = weights[1:, [0, 1, 3]]
    assert (people.sum(1) == 3).all()
    assert len(np.unique(people, axis=0)) == 10


def test_limits_leave_the_value_and_unknown_resamples_out():
    assert limits(np.array([99.0, 1.0, np.nan, 1.0])) == (1.0, 1.0)
    assert np.isnan(limits(np.array([0.5, np.nan]))).all()

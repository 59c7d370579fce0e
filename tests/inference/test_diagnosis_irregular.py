"""Measures of fibrillation on rhythms made for them."""

import numpy as np
import pytest

from inference.diagnosis.features import person_columns, plain_columns, rhythm_columns
from inference.diagnosis.irregular import (
    MEASURES,
    change_share,
    coefficient_of_entropy,
    in_ten_seconds,
    in_use,
    roundness,
)
from inference.evaluation.diagnosis_rules import rule_rows
from stream.messages import Demographics

REGULAR = np.arange(0.2, 10, 0.8)
BIGEMINY = np.cumsum(np.tile([0.5, 1.0], 6))
CHAOS = np.cumsum([0.5, 1.1, 0.7, 0.4, 0.9, 0.6, 1.3, 0.5, 0.8, 1.0, 0.45, 0.75])


def test_a_regular_rhythm_changes_nothing():
    assert change_share(REGULAR) == pytest.approx(0, abs=1e-9)
    assert in_ten_seconds(REGULAR) == pytest.approx(0, abs=1e-9)
    assert coefficient_of_entropy(REGULAR) < -2


def test_each_measure_by_hand():
    beats = np.cumsum([0.0, 0.8, 1.0, 0.8, 1.0, 0.8])
    assert change_share(beats) == pytest.approx(0.2 / 0.88)
    assert in_ten_seconds(np.append(beats, beats[-1] + 1.0)) == pytest.approx(0, abs=1e-9)  # long and short in turn
    assert roundness(CHAOS) == pytest.approx(
        np.std(np.diff(np.diff(CHAOS))) / np.std(np.diff(CHAOS)[1:] + np.diff(CHAOS)[:-1])
    )


def test_entropy_is_that_of_pairs_counted_one_by_one():
    intervals = np.diff(CHAOS)
    apart = [
        (abs(intervals[i] - intervals[j]), abs(intervals[i + 1] - intervals[j + 1]))
        for i in range(len(intervals) - 1)
        for j in range(i)
    ]
    tolerance = sorted(max(pair) for pair in apart)[4]
    one, both = (sum(key(pair) <= tolerance for pair in apart) for key in (lambda pair: pair[0], max))
    expected = -np.log(both / one) + np.log(2 * tolerance) - np.log(intervals.mean())
    assert coefficient_of_entropy(CHAOS) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [in_ten_seconds, coefficient_of_entropy])
def test_chaos_is_told_from_bigeminy(measure):
    assert measure(CHAOS) > measure(BIGEMINY) + 0.1


def test_the_rule_in_use_wants_half_a_minute_of_beats():
    assert np.isnan(in_use(CHAOS))
    assert np.isfinite(in_ten_seconds(CHAOS))
    fast = np.cumsum(0.45 + 0.1 * np.array([0, 1, 3, 1, 0, 2, 0, 3, 2, 0, 1, 3, 0, 2, 3, 1, 2, 0, 3, 0]))
    assert in_use(fast) == in_ten_seconds(fast) > 0.06


def test_too_few_beats_have_no_measure():
    for measure in MEASURES.values():
        assert np.isnan(measure(REGULAR[:5]))
        assert np.isnan(measure(np.zeros(0)))


def test_a_hole_is_no_interval():
    holed = np.concatenate([REGULAR, REGULAR + 30])
    assert change_share(holed) == pytest.approx(0, abs=1e-9)
    assert in_ten_seconds(holed) == pytest.approx(0, abs=1e-9)
    assert rhythm_columns(holed)[:2] == pytest.approx([75, 0], abs=1e-9)


def test_plain_columns():
    beat = np.zeros((8, 5))
    beat[1, 2], beat[1, 3] = 1.0, -0.5
    found = plain_columns(Demographics(50.0, "F"), rhythm_columns(np.zeros(0)), beat)
    assert found[:3] == pytest.approx([50, 2500, 1])
    assert np.isnan(found[3:7]).all()
    assert found[7:].tolist() == [0, 1.5, 0, 0, 0, 0, 0, 0]
    assert np.isnan(person_columns(Demographics())).all()


def test_flutter_is_neither_and_limits_come_from_the_other_folds():
    rng = np.random.default_rng(0)
    beats, labels = [], []
    for i in range(60):
        spread = 0.3 if i % 3 == 0 else 0.01
        beats.append(np.cumsum(0.8 + spread * rng.uniform(-1, 1, 12)))
        labels.append(["AFIB"] if i % 3 == 0 else ["AFLT"] if i % 10 == 1 else ["SR"])
    beats[1] = CHAOS  # a flutter that looks like fibrillation
    rows = rule_rows("ECG", beats, labels, np.arange(60) % 5, np.ones((3, 60)))
    fixed, _, shares = rows[1], rows[2], rows[3]
    assert rows[0].tally.unanswered == 20 + 36
    assert (fixed.limit, fixed.tally.hit + fixed.tally.missed, fixed.tally.false + fixed.tally.right_no) == (
        "0.06",
        20,
        36,
    )
    assert fixed.flutter == (1, 4)
    assert (shares.measure, shares.auroc[0], shares.tally.hit, shares.tally.false) == (
        "RMS of changes over the mean",
        1,
        20,
        0,
    )

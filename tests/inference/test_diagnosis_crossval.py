"""Labels, folds, cross-validation and what a network has to beat."""

import numpy as np
import pytest

from inference.diagnosis.crossval import FOLDS, cross_validate, fold_of
from inference.diagnosis.labels import CLASSES, classes_of, unused
from inference.diagnosis.regression import fit_logistic, prior, regression

FOLD = np.arange(60) % FOLDS


def test_codes_become_classes():
    def names(*codes):
        return [name for name, there in zip(CLASSES, classes_of(codes), strict=True) if there]

    assert names("IMI", "LAFB", "SR") == ["MI", "CD"]
    assert names("AFIB", "LVH", "INJAS") == ["MI", "HYP", "AF"]
    assert names("MI", "AF") == ["MI", "AF"]
    assert names("SR", "PVC", "AFLT") == []
    assert unused(["SR", "IMI", "mine"]) == ["SR", "mine"]


def test_a_person_stays_in_a_fold():
    folds = [fold_of("ptbxl", str(person)) for person in range(1000)]
    assert folds == [fold_of("ptbxl", str(person)) for person in range(1000)]
    assert folds[0] == 3  # by the documented hash: it must not move with a version
    assert min(np.bincount(folds, minlength=FOLDS)) > 150


def test_nobody_is_told_by_who_saw_them():
    seen = []

    def fit(train, name):
        def predict(asked):
            seen.append((set(FOLD[train]), set(FOLD[asked]), name))
            return np.full((len(asked), 1), len(seen) / 10)

        return predict

    told = cross_validate(fit, (np.arange(60) % 7 < 3)[:, None], FOLD)
    assert len(seen) == 10
    assert all(not learnt & asked and len(learnt) == 3 and len(asked) == 2 for learnt, asked, _ in seen)
    assert sorted(name for _, _, name in seen) == [f"{a}{b}" for a in range(5) for b in range(a + 1, 5)]
    of_first = np.mean([number / 10 for number, (_, asked, _) in enumerate(seen, 1) if 0 in asked])
    assert told.probability[FOLD == 0] == pytest.approx(of_first)


@pytest.mark.parametrize("fold", range(FOLDS))
def test_a_threshold_never_sees_its_own_fold(fold):
    rng = np.random.default_rng(fold)
    truth, said = rng.random((60, 2)) < 0.4, rng.random((60, 2))

    def fit(train, name):
        return lambda asked: said[asked]

    before = cross_validate(fit, truth, FOLD)
    changed = truth.copy()
    changed[fold == FOLD] ^= True
    after = cross_validate(fit, changed, FOLD)
    assert (before.called[fold == FOLD] == after.called[fold == FOLD]).all()
    assert (before.called != after.called).any()


def test_the_prior_is_the_share_of_those_learnt_from():
    truth = np.array([[True, False], [True, False], [False, False], [False, True]])
    told = prior(truth)(np.array([0, 1, 2]), "")(np.array([3]))
    assert told == pytest.approx(np.array([[2 / 3, 0.0]]))


def test_logistic_regression_is_where_the_slope_is_zero():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(400, 2))
    true = rng.random(400) < 1 / (1 + np.exp(-(2 * columns[:, 0] - 1)))
    weights = fit_logistic(columns, true)
    told = 1 / (1 + np.exp(-(columns @ weights[:2] + weights[2])))
    assert columns.T @ (told - true) + weights[:2] == pytest.approx(0, abs=1e-6)
    assert told.sum() == pytest.approx(true.sum(), abs=1e-3)
    assert weights == pytest.approx([2, 0, -1], abs=0.4)


def test_a_regression_takes_what_is_unknown_as_the_mean():
    rng = np.random.default_rng(1)
    age = rng.uniform(20, 90, 300)
    truth = (age + rng.normal(0, 10, 300) > 55)[:, None]
    columns = np.stack([age, np.full(300, np.nan)], 1)
    columns[0, 0] = np.nan
    told = regression(columns, truth)(np.arange(1, 200), "")(np.arange(300))
    assert np.isfinite(told).all()
    nearest = np.argmin(np.abs(age[1:200] - age[1:200].mean())) + 1
    assert told[0] == pytest.approx(told[nearest], abs=0.05)
    assert told[age > 80].min() > 0.8 > 0.2 > told[1:][age[1:] < 30].max()

"""What a network is shown, and that a training is exact, resumable and no other's."""

import numpy as np
import pytest
import torch

from inference.diagnosis.examples import BEAT, STRIP, Example, example_of, limbs_of
from inference.diagnosis.learning import Design, Shown, network, together
from inference.diagnosis.network import BeatNetwork, StripNetwork
from tests.inference.recordings import ecg, heartbeats


def recording(seconds=10, seed=0, r_mv=1.0):
    beats = heartbeats(seconds, seed)
    beats = beats[beats < seconds]
    lead = ecg(beats, np.arange(seconds * 128) / 128, r_mv)
    return np.stack([lead * (k + 1) for k in range(8)]), beats


def test_a_beat_is_cut_with_its_r_peak_in_place():
    leads, beats = recording()
    example = example_of(leads, beats, [True])
    assert example.beat_mv.shape == (8, BEAT)
    assert (example.beat_mv.argmax(1) == 45).all()
    assert example.beat_mv[:, 45] == pytest.approx(np.arange(1, 9), rel=0.1)
    assert example.rhythm[0] == pytest.approx(60 / np.diff(beats).mean())
    assert example.strips_mv == pytest.approx(leads[None], abs=1e-6)


def test_what_is_unknown_is_zero_and_what_is_not_usable_not_shown():
    leads, beats = recording(30)
    leads[3] = np.nan
    leads[:, 20 * 128 :] = np.nan
    example = example_of(leads, beats, [True, False, True])
    assert len(example.strips_mv) == 1
    assert not example.strips_mv[0, 3].any()
    assert np.isfinite(example.strips_mv).all()
    assert len(example.cuts_mv) == ((beats >= 45 / 128) & (beats < 10)).sum()
    assert (np.ptp(example.beat_mv, axis=1) > 0.5).tolist() == [True] * 3 + [False] + [True] * 4


def test_of_a_long_recording_some_and_of_none_zeros():
    leads, beats = recording(200)
    example = example_of(leads, beats, np.ones(20, bool))
    assert (len(example.cuts_mv), len(example.strips_mv)) == (60, 6)
    empty = example_of(np.full((8, STRIP), np.nan), np.zeros(0), [True])
    assert not empty.cuts_mv.any()
    assert not empty.strips_mv.any()
    assert np.isnan(empty.rhythm).all()
    assert limbs_of(example).cuts_mv.shape[1:] == (2, BEAT)
    short = example_of(leads[:, :1279], beats[:3], [True])
    assert short.strips_mv.shape == (1, 8, STRIP)


@pytest.mark.parametrize(("kind", "length"), [(BeatNetwork, BEAT), (StripNetwork, STRIP)])
def test_networks_are_small(kind, length):
    made = kind(8, 4, 6)
    assert sum(part.numel() for part in made.parameters()) < 300_000
    assert made(torch.zeros(2, 8, length), torch.zeros(2, 4)).shape == (2, 6)


@pytest.fixture(scope="module")
def shown():
    examples = [example_of(*recording(seed=i, r_mv=1.0 if i % 2 else 0.5), [True]) for i in range(24)]
    return Shown(examples, np.array([one.rhythm for one in examples]))


TRUTH = (np.arange(24) % 2 == 1)[:, None]
TRAIN, ASKED = np.arange(16), np.arange(16, 24)


@pytest.mark.parametrize("strip", [False, True])
def test_a_training_is_exact_and_not_repeated_when_finished(shown, tmp_path, monkeypatch, strip):
    design = Design(strip=strip, steps=2)
    told = network(shown, TRUTH, design, tmp_path / "a")(TRAIN, "01")(ASKED)
    assert told.shape == (8, 1)
    assert (told == network(shown, TRUTH, design, tmp_path / "b")(TRAIN, "01")(ASKED)).all()

    def refuse(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr("inference.diagnosis.learning._loss", refuse)
    assert (told == network(shown, TRUTH, design, tmp_path / "a")(TRAIN, "01")(ASKED)).all()
    with pytest.raises(AssertionError):
        network(shown, ~TRUTH, design, tmp_path / "a")(TRAIN, "01")


def test_what_is_asked_about_may_come_by_another_way(shown, tmp_path):
    flat = Shown([Example(0 * one.cuts_mv, 0 * one.strips_mv, one.rhythm) for one in shown.examples], shown.columns)
    design = Design(steps=3)
    own = network(shown, TRUTH, design, tmp_path)(TRAIN, "01")
    other = network(shown, TRUTH, design, tmp_path, asked=flat)(TRAIN, "01")
    assert (own(ASKED) != other(ASKED)).all()
    assert len(list(tmp_path.rglob("*.ckpt"))) == 1


def test_a_network_learns_what_is_there(shown, tmp_path):
    told = network(shown, TRUTH, Design(steps=30), tmp_path)(TRAIN, "01")(ASKED)
    assert told[TRUTH[ASKED]].min() > told[~TRUTH[ASKED]].max()


def test_more_networks_are_averaged(shown, tmp_path):
    first = network(shown, TRUTH, Design(steps=3), tmp_path)(TRAIN, "01")(ASKED)
    both = network(shown, TRUTH, Design(steps=3, networks=2), tmp_path)(TRAIN, "01")(ASKED)
    assert (both != first).all()
    assert len(list(tmp_path.rglob("*.ckpt"))) == 2

    def half(train, name):
        return lambda wanted: np.full((len(wanted), 1), 0.5)

    mean = together([half, network(shown, TRUTH, Design(steps=3), tmp_path)])(TRAIN, "01")(ASKED)
    assert mean == pytest.approx((0.5 + first) / 2)

"""The mean beat of one person, cut out and placed again; the leads that follow from it."""

import numpy as np
import pytest
from scipy import ndimage

from inference.datasets.reference import LIMB
from inference.personal.calibration import BEFORE, SIZE
from inference.personal.own_beat import cut_beats, mean_beat, place, spline
from inference.personal.own_leads import OwnLeads
from tests.inference.personal_cases import calibration, own_beat_uv
from tests.inference.recordings import ecg, heartbeats

N = 40 * 128
BEATS = heartbeats(40, 3)
GRID = np.arange(N) / 128


def lead(r_mv=1.0, beats=BEATS):
    return ecg(beats, GRID, r_mv)


def test_the_own_beat_is_found_again():
    made, count = mean_beat(cut_beats(lead()[None], BEATS * 128)[:, 0])
    assert count > 40
    between = slice(BEFORE - 32, BEFORE + 58)  # beyond, the neighbours' waves are in the mean
    assert np.abs(made - own_beat_uv(1.0) / 1000)[between].max() < 0.03
    assert made[0] == made[-1] == 0


def test_ectopic_beats_and_bursts_of_noise_are_left_out():
    rng, spoilt = np.random.default_rng(0), lead()
    for at in (5, 17, 29):
        near = np.abs(GRID - BEATS[at]) < 0.3
        spoilt[near] = -2.5 * np.exp(-0.5 * ((GRID[near] - BEATS[at]) / 0.06) ** 2)
    near = np.abs(GRID - BEATS[23]) < 0.3
    spoilt[near] += rng.normal(0, 1.5, near.sum())
    made, count = mean_beat(cut_beats(spoilt[None], BEATS * 128)[:, 0])
    clean, clean_count = mean_beat(cut_beats(lead()[None], BEATS * 128)[:, 0])
    assert clean_count - 8 <= count <= clean_count - 4
    assert np.abs(made - clean).max() < 0.05


def test_an_inverted_beat_of_the_same_height_is_left_out():
    turned = np.where(np.abs(GRID - BEATS[11]) < 0.3, -lead(), lead())
    assert (
        mean_beat(cut_beats(turned[None], BEATS * 128)[:, 0])[1]
        == mean_beat(cut_beats(lead()[None], BEATS * 128)[:, 0])[1] - 1
    )


def test_a_lead_without_values_has_no_beat():
    beats = cut_beats(np.stack([lead(), np.full(N, np.nan)]), BEATS * 128)
    assert mean_beat(beats[:, 1])[1] == 0
    assert mean_beat(beats[:, 0])[1] > 40


def test_placed_beats_give_the_ecg_back():
    beat = spline(own_beat_uv(1.0)[None] / 1000)
    made = place(beat, BEATS * 128, 0, N)[0]
    inside = slice(256, N - 256)
    assert np.corrcoef(made[inside], lead()[inside])[0, 1] > 0.995
    assert np.abs(made - lead())[inside].max() < 0.12


@pytest.mark.parametrize("first", [0, 700, 701, 3000])
def test_a_piece_is_part_of_the_whole_and_needs_no_far_beat(first):
    beat, places = spline(own_beat_uv(1.0)[None] / 1000), BEATS * 128
    whole = place(beat, places, 0, N)[0]
    np.testing.assert_array_equal(place(beat, places, first, 512)[0], whole[first : first + 512])
    near = places[(places > first - 200) & (places < first + 512 + BEFORE + 6)]
    np.testing.assert_allclose(place(beat, near, first, 512)[0], whole[first : first + 512], atol=1e-9)


def test_beats_are_read_between_samples_as_scipy_reads_a_cubic_spline():
    beats = np.random.default_rng(3).normal(size=(2, SIZE))
    made = place(spline(beats), np.array([0.3]), 0, SIZE)
    since = np.clip(BEFORE + np.arange(SIZE) - 0.3, 0, SIZE - 1)
    for one, row in zip(beats, made, strict=True):
        np.testing.assert_allclose(row, ndimage.map_coordinates(one, [since], order=3, mode="mirror"), atol=1e-12)


def test_beats_go_over_into_each_other_without_a_step():
    slope = np.linspace(0.3, -0.3, SIZE)[None]
    made = place(spline(slope), np.array([100.0, 150.0, 330.0]), 0, 512)[0]
    assert np.abs(np.diff(made)).max() < 0.1
    assert made[-1] == pytest.approx(-0.3)  # after the last beat its end stays


def generated(n=512):
    return np.random.default_rng(1).normal(0, 0.3, (8, n))


def limbs(leads):
    return {name: a * leads[0] + b * leads[1] for name, (a, b) in LIMB.items()}


@pytest.mark.parametrize("names", [("I", "II"), ("II", "aVR"), ("III", "aVF"), ("I", "II", "III")])
def test_two_limb_leads_give_all_six(names):
    heights = {name: a * 0.4 + b * 1.0 for name, (a, b) in LIMB.items()}
    own = OwnLeads(calibration({name: heights[name] for name in names}))
    places = np.array([60.0, 170.0, 290.0, 400.5])
    made = own.leads(generated(), places, 0)
    for name, height in heights.items():
        expected = place(spline(own_beat_uv(height)[None] / 1000), places, 0, 512)[0]
        assert np.abs(limbs(made)[name] - expected).max() < 0.004, name  # whole uV of two leads
    np.testing.assert_array_equal(made[2:], generated()[2:])


@pytest.mark.parametrize("name", ["II", "III", "aVL"])
def test_one_limb_lead_is_right_and_the_others_move_least(name):
    own = OwnLeads(calibration({name: 0.9}))
    places, before = np.array([100.0, 220.0, 350.0]), generated()
    made = own.leads(before, places, 0)
    expected = place(spline(own_beat_uv(0.9)[None] / 1000), places, 0, 512)[0]
    np.testing.assert_allclose(limbs(made)[name], expected, atol=1e-9)
    moved, along = made[:2] - before[:2], np.array(LIMB[name])
    np.testing.assert_allclose(moved[0] * along[1], moved[1] * along[0], atol=1e-9)  # along the lead's own axis


def test_chest_leads_take_their_own_beat_and_nothing_else_moves():
    own = OwnLeads(calibration({"V2": -1.1, "V5": 1.4}))
    made = own.leads(generated(), np.array([200.0]), 0)
    assert made[3].min() == pytest.approx(-1.1, abs=0.01)
    assert made[6].max() == pytest.approx(1.4, abs=0.01)
    kept = [0, 1, 2, 4, 5, 7]
    np.testing.assert_array_equal(made[kept], generated()[kept])


def test_the_band_holds_the_generated_one_moved_and_the_persons_own():
    places, band = np.array([200.0]), np.stack([np.full(512, -0.05), np.full(512, 0.05)])
    own = OwnLeads(calibration({"II": 1.0}))
    low, high = own.band(band, np.full(512, 0.1), places, 0)
    assert high[200] == pytest.approx(1.2, abs=0.01)
    assert low[200] == pytest.approx(0.05)
    assert (low[-50:], high[-50:]) == (pytest.approx(0.0), pytest.approx(0.15))
    moved = OwnLeads(calibration({"V1": 1.0}, band=None)).band(band, np.full(512, 0.1), places, 0)
    np.testing.assert_allclose(moved, band + 0.1)


def test_sizes():
    assert SIZE == 129
    assert own_beat_uv(1.0).argmax() == BEFORE

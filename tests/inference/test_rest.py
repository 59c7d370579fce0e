"""A pause is told from missed beats by the light between them."""

import numpy as np
import pytest

from inference.beat_head import Beats
from inference.rest import at_rest, is_pause
from inference.rhythm import longest_silence
from tests.inference.recordings import pleth

N = 10 * 128
TIMES = np.arange(N) / 128


def light(beats_s: np.ndarray) -> np.ndarray:
    return 2.5 * pleth(beats_s, TIMES, 0.0)


EVERY = np.arange(0.5, 10, 0.8)
PAUSED = EVERY[(EVERY < 3) | (EVERY > 8.4)]


@pytest.mark.parametrize(
    ("pulsing", "announced", "rests"),
    [
        (PAUSED, PAUSED, True),
        (EVERY, PAUSED, False),  # beats were missed
        (EVERY[EVERY < 3], EVERY[EVERY < 3], True),  # to the end of what is seen
        (EVERY[EVERY > 6.5], EVERY[EVERY > 6.5], True),  # from its start
        (EVERY, EVERY[EVERY > 6.5], False),
    ],
)
def test_light_rests_in_a_pause_and_not_where_beats_were_missed(pulsing, announced, rests):
    assert at_rest(light(pulsing), *longest_silence(announced * 128, 128, 1130)) is rests


def test_a_small_wave_is_rest_and_a_large_one_is_not():
    for height, rests in ((0.3, True), (1.0, False)):
        wave = light(PAUSED) + height * np.sin(2 * np.pi * 1.2 * TIMES)
        assert at_rest(wave, *longest_silence(PAUSED * 128, 128, 1130)) is rests


def test_the_longest_silence_is_between_two_beats_or_at_an_edge_of_the_view():
    places = np.array([100.0, 300.0, 900.0, 1000.0])
    assert longest_silence(places, 0, 1100) == (300, 900)
    assert longest_silence(places, 0, 2000) == (1000, 2000)
    assert longest_silence(places, 350, 950) == (350, 900)
    assert longest_silence(places[:0], 5, 50) == (5, 50)


def test_a_silence_among_unsure_beats_is_no_pause():
    view = (128, 1130)
    silence = longest_silence(PAUSED * 128, *view)

    def with_confidence(values):
        return is_pause(light(PAUSED), Beats(PAUSED * 128, np.array(values)), view, silence)

    places = np.round(PAUSED, 1).tolist()
    assert places == [0.5, 1.3, 2.1, 2.9, 8.5, 9.3]  # all but the ends are in view
    assert with_confidence([0.1, 0.9, 0.9, 0.3, 0.1, 0.1])
    assert not with_confidence([0.9, 0.9, 0.7, 0.7, 0.7, 0.9])


def test_without_a_beat_in_view_the_light_alone_tells():
    none = Beats(np.zeros(0), np.zeros(0))
    assert is_pause(np.zeros(N), none, (128, 1130), (128, 1130))
    assert not is_pause(light(EVERY), none, (128, 1130), (128, 1130))


def test_nothing_between_two_places_is_no_rest():
    assert not at_rest(light(EVERY), 500, 500)

"""p2es evaluate --choose: each setting is chosen without those that are chosen after it, and printed as it is set."""

import pytest

from deploy.commands.evaluate import _CHOICES
from inference.evaluation import believing, thresholds, widening
from inference.evaluation.believing import Believing
from inference.evaluation.thresholds import Thresholds
from inference.evaluation.widening import Widening
from inference.settings import EngineSettings

NEVER = {"min_likeness": -1.0, "min_likeness_poor": -1.0, "max_swing": 1.0}
SET = {name: getattr(EngineSettings(), name) for name in NEVER}


@pytest.fixture
def chosen(monkeypatch):
    """Settings with which each choice was made."""
    seen = {}

    def stand_in(module, function, answer):
        def choose(cases, engine):
            assert cases == []
            seen[module] = engine.settings
            return answer

        monkeypatch.setattr(module, function, choose)

    tried = Thresholds(0.5, 0.6, {"bidmc": 0.97}, {"bidmc": 0.996})
    stand_in(thresholds, "choose_thresholds", (tried, [tried]))
    stand_in(believing, "choose_confidence", Believing(2.5, -1.4, 21839, 54, (0.077, 0.012)))
    stand_in(widening, "choose_widening", {"band_wider": Widening(0.44, 51, (0.752, 0.918), (0.35, 0.65))})
    return seen


def run(name, capsys):
    _CHOICES[name](EngineSettings(batch=4), [])
    return capsys.readouterr().out


def test_thresholds(chosen, capsys):
    line = "min_quality 0.50 min_confidence 0.60: bidmc F1 0.996 coverage 0.970\n"
    assert run("thresholds", capsys) == 2 * line  # as tried, and as the best
    used = chosen[thresholds]
    assert (used.min_quality, used.min_confidence) == (0.0, 0.0)
    assert {name: getattr(used, name) for name in NEVER} == NEVER


def test_confidence(chosen, capsys):
    wanted = (
        "confidence_slope 2.500 confidence_shift -1.400: 21839 beats of 54 recordings, calibration error 0.077 to 0.012"
    )
    assert run("confidence", capsys) == wanted + "\n"
    used = chosen[believing]
    assert (used.confidence_slope, used.confidence_shift, used.min_confidence) == (1.0, 0.0, 0.0)
    assert {name: getattr(used, name) for name in NEVER} == NEVER


def test_band(chosen, capsys):
    wanted = "band_wider 0.440: 51 recordings, coverage 0.752 to 0.918, width 0.35 to 0.65 mV\n"
    assert run("band", capsys) == wanted
    used = chosen[widening]
    assert (used.band_wider, used.own_band_wider, used.own_band_wider_poor) == (0.0, 0.0, 0.0)
    assert {name: getattr(used, name) for name in NEVER} == SET

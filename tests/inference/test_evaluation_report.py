"""The figures on paper: every picture is drawn, linked and small, and what is said follows the numbers."""

import json
import sys

import numpy as np
import pytest

from inference.datasets.reference import LIMB
from inference.errors import RuntimeMissing
from inference.evaluation.chest import ChestRow
from inference.evaluation.figures.band import BandCounts
from inference.evaluation.figures.evidence import Evidence
from inference.evaluation.figures.examples import SHOWN_S, Example
from inference.evaluation.figures.plots import NAMES, require_plots, write_plots
from inference.evaluation.figures.reliability import counted
from inference.evaluation.figures.section import sections
from inference.evaluation.figures.summary import Judged, chest_amplitudes, set_figures
from inference.evaluation.plain import known

WINDOWS = 30


def seen(rng: np.random.Generator, knows: bool) -> Evidence:
    """A recording whose confidence knows its errors, or knows nothing."""
    wrong, sure = rng.uniform(0, 1, WINDOWS), rng.uniform(0.5, 1, 300)
    true = rng.uniform(50, 120, WINDOWS)
    each = np.full(5, 2560.0)
    band = BandCounts(np.linspace(0.6, 1, 5), np.linspace(0.6, 1, 5), each, 0.9 * each, each, 0.7 * each, 0.5 * each)
    trace = np.cumsum(rng.normal(size=SHOWN_S * 128)) / 50
    shown = Example(trace, trace + 0.1, np.stack([trace - 0.2, trace + 0.3]), 20, 0.5)
    return Evidence(
        beats=counted(sure, rng.uniform(size=300) < sure),
        confidence=1 - wrong if knows else rng.uniform(size=WINDOWS),
        f1_error=wrong,
        rate_error=10 * wrong,
        true_bpm=true,
        found_bpm=true + rng.normal(0, 3, WINDOWS),
        windows=WINDOWS + 10,
        amplitudes={lead: (a := rng.uniform(0.1, 0.4), 0.2 + 0.3 * a, 2 * a, 1.0) for lead in LIMB},
        band=band,
        own_band=None,
        example=shown,
    )


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    return {
        name: set_figures([Judged(f"{name}-{i}", f"{name}-{i}", i / 10, seen(rng, name == "knows")) for i in range(9)])
        for name in ("knows", "blind")
    }


@pytest.fixture(scope="module")
def chest():
    values = np.random.default_rng(1).uniform(0.1, 1, (9, 8, 4))
    return chest_amplitudes(ChestRow("p2es", values[..., 0], values[..., 0], values[..., 0], values, list("abcdefghi")))


def test_what_is_said_follows_the_numbers(sets, chest):
    text = sections(sets, chest)
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines() if line.startswith("| ")}
    assert lines["knows, 1 - F1@50 lag"].endswith("| yes | yes |")
    assert "| not shown |" in lines["blind, 1 - F1@50 lag"]
    assert "| 0.750 |" in lines["knows, heart rate bpm"]  # 30 of 40 windows answered
    assert "| 9 | 0.900 |" in lines["all"]
    assert "| 0.700 | 0.50 |" in lines["all"]
    assert "knows-8 (best, r 0.80, from 20 s), knows-4 (median" in text
    assert "knows-0 (worst" in text
    assert "0.30 (0.30 to 0.30)" in lines["knows aVF"]
    assert "ptbxl V6" in lines
    assert "ptbxl" not in sections(sets, {}).replace("ptbxl: at true", "")


def test_every_picture_is_linked(sets, chest):
    text = sections(sets, chest)
    for name in NAMES.values():
        assert f"](figures/{name})" in text
    assert "PICTURE" not in text


def test_every_picture_is_drawn_and_small(sets, chest, tmp_path):
    write_plots({"knows": sets["knows"]}, chest, tmp_path)
    drawn = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(drawn) == set(NAMES.values())
    assert sum(drawn.values()) < 200_000


def test_the_json_has_no_nan_and_every_amplitude(sets, chest):
    plain = {name: known(one.plain()) for name, one in sets.items()}
    again = json.loads(json.dumps(plain, allow_nan=False))
    assert again["knows"]["risk_f1"]["falls"] is True
    assert again["blind"]["risk_f1"]["falls"] is False
    assert len(again["knows"]["amplitudes"]["aVL"]["sd_mv"][0]) == 9
    assert again["knows"]["band_calibrated"] == []
    assert [one["which"] for one in again["blind"]["shown"]] == ["best", "median", "worst"]


def test_without_matplotlib_it_says_so_before_judging(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RuntimeMissing, match=r"install p2es\[figures\]"):
        require_plots()

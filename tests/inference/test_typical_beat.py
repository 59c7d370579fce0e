"""The typical person's beat: what it is made of, where it stands, and that damage is seen."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.datasets.prepared import PreparedRecord
from inference.engine import Engine
from inference.errors import WeightsCorrupt
from inference.personal.calibration import BEFORE, SIZE
from inference.settings import EngineSettings
from inference.training.typical import typical_beat
from inference.typical_beat import TypicalBeat, typical_beat_bytes
from stream.messages import Demographics
from tests.inference.recordings import ecg, heartbeats
from tests.inference.test_engine import OWN, pulse_train, windows

BEAT = np.outer([1, 2, -1, 1, 1, 1, 1, 1], np.exp(-0.5 * ((np.arange(SIZE) - BEFORE) / 3) ** 2))


def person(heights, missing=()):
    """A prepared record of a minute without PPG, whose R peaks are so high."""
    beats_s = heartbeats(60)
    leads = np.stack([ecg(beats_s, np.arange(60 * 128) / 128, one) for one in heights]).astype(np.float32)
    leads[list(missing)] = np.nan
    none, nothing = np.zeros(0, np.float32), np.zeros(0, np.uint8)
    return PreparedRecord(
        dataset="d", name="r", subject="s", part="train", demographics=Demographics(), ppg=none, valid=nothing,
        scale=none, shape=np.zeros((0, 16), np.float32), quality=none, leads_mv=leads, beats_s=beats_s[beats_s < 58],
        usable=np.ones(6, bool), pulses_s=none, lag_s=0.0, lag_f1=0.0,
    )  # fmt: skip


@given(st.floats(0, 1), st.integers(-200, 200))
def test_between_the_generated_leads_and_the_beat_at_each_peak(share, first):
    typical = TypicalBeat(typical_beat_bytes(BEAT))
    generated = np.full((8, 400), 0.25)
    out = typical.draw(generated, share, np.array([first + 100.0, first + 260.0]), first)
    assert out[:, 100] == pytest.approx(0.25 * (1 - share) + share * BEAT[:, BEFORE], abs=1e-3)
    assert out[:, 260] == pytest.approx(out[:, 100], abs=1e-3)
    assert out[:, 5] == pytest.approx(0.25 * (1 - share), abs=1e-3)


def test_shapes_are_averaged_and_the_height_is_the_median_persons():
    small, usual, tall = (person([height] * 8) for height in (0.2, 1.0, 5.0))
    found = typical_beat([small, usual, tall])
    assert found.shape == (8, SIZE)
    assert found == pytest.approx(typical_beat([usual]), abs=0.01)  # a mean in mV would be twice as high


def test_a_lead_that_somebody_lacks_is_averaged_over_the_others():
    with_all, without = person([1.0] * 8), person([1.0] * 8, missing=(3, 4))
    assert typical_beat([with_all, without]) == pytest.approx(typical_beat([with_all]), abs=1e-6)


def test_the_engine_draws_towards_it_only_where_no_own_beat_is_known():
    plain, all_of_it = (Engine.load(EngineSettings(batch=4, typical_share=share)) for share in (0.0, 1.0))
    segments = windows(pulse_train())[2:5]
    other_seed = Engine(plain.networks, replace(all_of_it.settings, seed=7))
    for one, other in zip(all_of_it.infer(segments), other_seed.infer(segments), strict=True):
        np.testing.assert_array_equal(one.leads_uv, other.leads_uv)  # nothing of the sampler is left
    lead_ii = np.concatenate([one.leads_uv[:, 1] for one in all_of_it.infer(segments)])
    assert lead_ii.max() == pytest.approx(1000 * plain.networks.typical.beat_mv[1].max(), rel=0.05)
    for one, other in zip(
        plain.calibrated(OWN).infer(segments), all_of_it.calibrated(OWN).infer(segments), strict=True
    ):
        np.testing.assert_array_equal(one.leads_uv, other.leads_uv)


def test_the_band_moves_with_lead_ii():
    segments = windows(pulse_train())[3:4]
    plain, drawn = (
        Engine.load(EngineSettings(batch=4, typical_share=share)).infer(segments)[0] for share in (0.0, 0.7)
    )
    for one in (0, 1):
        before, after = (each.band_uv[:, one].astype(int) - each.leads_uv[:, 1] for each in (plain, drawn))
        np.testing.assert_allclose(before, after, atol=2)


@pytest.mark.parametrize("content", [b"", b"nonsense", typical_beat_bytes(BEAT)[:-9], typical_beat_bytes(BEAT[:, 1:])])
def test_what_is_no_beat_is_refused(content):
    with pytest.raises(WeightsCorrupt, match="typical_beat"):
        TypicalBeat(content)

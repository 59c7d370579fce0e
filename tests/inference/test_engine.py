"""The engine on a synthetic pulse: beats, identities, batches, seams, seeds, abstention; with the shipped weights."""

import dataclasses
import itertools

import numpy as np
import pytest

from inference.engine import Engine, _crops
from inference.errors import WeightsCorrupt, WeightsMissing
from inference.noise import field
from inference.settings import EngineSettings
from inference.weights_file import SHIPPED
from stream.messages import ABSTAINED_UV, GRID_STEP_NS, PpgChunk
from stream.windows import DeviceWindows
from tests.inference.personal_cases import calibration
from tests.inference.recordings import arterial
from tests.inference.students import with_a_student

OWN = {"p": calibration({"II": 1.0, "aVR": -0.7, "V2": -1.1}, delay_s=1.16)}


def windows(values, patient="p", shift_ns=0):
    device, out = DeviceWindows(clock=lambda: 0), []
    for seq, at in enumerate(range(0, len(values), 32)):
        chunk = PpgChunk(
            "d", patient, "s", seq, shift_ns + round(at / 125 * 1e9), 125.0, ("PLETH",), 0, "NU", 0.001, 0.0, 1, None,
            None, None, None, 0, shift_ns, False, values[at : at + 32].reshape(-1, 1),
        )  # fmt: skip
        out += device.push(chunk).segments
    return out + device.flush()


def pulse_train(seconds=24, rate_hz=1.2):
    times = np.arange(int(seconds * 125)) / 125
    wave = arterial(np.arange(-1, seconds, 1 / rate_hz) + 0.2, times)
    return np.rint(1000 * wave + np.random.default_rng(0).normal(0, 5, len(times))).astype(np.int32)


@pytest.fixture(scope="module")
def plain():
    return Engine.load(EngineSettings(batch=4))


@pytest.fixture(scope="module", params=["uncalibrated", "calibrated", "student in two calls", "student in one"])
def engine(request, plain, tmp_path_factory):
    if request.param.startswith("student"):
        folder, calls = with_a_student(tmp_path_factory.mktemp("weights")), 1 if request.param.endswith("one") else 2
        return Engine.load(EngineSettings(batch=4, weights=folder, denoiser="student", calls=calls))
    return plain.calibrated(OWN) if request.param == "calibrated" else plain


@pytest.fixture(scope="module")
def segments():
    return windows(pulse_train())


def test_a_steady_pulse_gives_a_steady_rhythm(engine, segments):
    beats = np.concatenate([one.beats_ns for one in engine.infer(segments)]) / 1e9
    assert 25 <= len(beats) <= 29
    assert abs(np.median(np.diff(beats)) - 1 / 1.2) < 0.02


@pytest.mark.parametrize("sampler", ["ancestral", "ddim", "dpmpp_2m"])
def test_every_sampler_runs_in_the_engine_and_repeats(plain, segments, sampler):
    one = Engine(plain.networks, EngineSettings(batch=4, calls=3, sampler=sampler))
    first, again = (one.infer(segments[:3]) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.leads_uv, b.leads_uv)
        assert np.ptp(a.leads_uv[a.leads_uv[:, 1] != ABSTAINED_UV, 1]) > 200


def test_einthoven_and_goldberger_hold_to_a_microvolt(engine, segments):
    leads = np.concatenate([one.leads_uv for one in engine.infer(segments)]).astype(float)
    leads = leads[leads[:, 0] != ABSTAINED_UV].T
    one, two = leads[0], leads[1]
    for derived, exact in zip(leads[2:6], (two - one, -(one + two) / 2, one - two / 2, two - one / 2), strict=True):
        assert np.abs(derived - exact).max() <= 1


def test_the_estimate_lies_in_its_band(engine, segments):
    for one in engine.infer(segments):
        given = one.leads_uv[:, 1] != ABSTAINED_UV
        low, high = one.band_uv[given].T
        assert np.all((low <= one.leads_uv[given, 1]) & (one.leads_uv[given, 1] <= high))
        assert np.all(one.band_uv[~given] == ABSTAINED_UV)


def test_the_band_is_widened_as_the_settings_say(plain, segments):
    for own, wider, own_wider in ((None, 0.5, 0.0), (OWN, 0.0, 0.5)):
        narrow, wide = (
            Engine(plain.networks, EngineSettings(batch=4, band_wider=a, own_band_wider=b), own)
            .infer(segments)[3]
            .band_uv
            for a, b in ((0.0, 0.0), (wider, own_wider))
        )
        np.testing.assert_allclose(np.diff(wide.astype(int)), 2 * np.diff(narrow.astype(int)), atol=3)
    poor = dataclasses.replace(segments[3], quality=0.89)
    narrow, wide = (
        Engine(plain.networks, EngineSettings(batch=4, own_band_wider=0.2, own_band_wider_poor=by), OWN)
        .infer([poor])[0]
        .band_uv
        for by in (0.0, 0.5)
    )
    np.testing.assert_allclose(np.diff(wide.astype(int)), 2 * np.diff(narrow.astype(int)), atol=3)
    # a person of whom only the delay is known has the others' band
    delay = {"p": calibration({}, delay_s=0.5625, band=None)}
    wide, same = (
        Engine(plain.networks, EngineSettings(batch=4, own_band_wider=by), delay).infer(segments)[3].band_uv
        for by in (0.0, 0.5)
    )
    np.testing.assert_array_equal(wide, same)


def test_a_result_does_not_depend_on_what_else_is_in_the_batch(engine, segments):
    together = engine.infer(segments)
    for number in (0, 3, len(segments) - 1):
        alone = engine.infer([segments[number]])[0]
        np.testing.assert_array_equal(alone.leads_uv, together[number].leads_uv)
        np.testing.assert_array_equal(alone.beats_ns, together[number].beats_ns)


def test_the_network_is_the_same_to_the_last_bit_at_every_place_in_a_batch(engine, segments):
    windows = engine._beats(segments[:4])
    crops = [crop for i, one in enumerate(windows) for crop in _crops(i, one.segment)][:8]
    wide = Engine(engine.networks, dataclasses.replace(engine.settings, batch=8), OWN)
    together, band = wide._generate(windows, crops)
    for place, crop in enumerate(crops):
        alone, alone_band = wide._generate(windows, [crop])
        np.testing.assert_array_equal(alone[0], together[place])
        np.testing.assert_array_equal(alone_band[0], band[place])


def test_a_shift_in_time_changes_nothing_but_the_timestamps(engine, segments):
    shift = 4_000_000_000 * 86_400
    moved = engine.infer(windows(pulse_train(), shift_ns=shift))
    for one, other in zip(engine.infer(segments), moved, strict=True):
        assert other.start_ns - one.start_ns == shift
        np.testing.assert_array_equal(one.leads_uv, other.leads_uv)


def test_two_seeds_differ_and_keep_the_beats(engine, segments):
    own = OWN if engine.model_of("p") != engine.model_id else None
    other = Engine(engine.networks, dataclasses.replace(engine.settings, seed=1), own).infer(segments)
    same = engine.infer(segments)
    assert np.array_equal(same[2].beats_ns, other[2].beats_ns)
    assert np.abs(same[2].leads_uv.astype(int) - other[2].leads_uv).max() > 10


def test_nothing_is_read_off_a_flat_line(engine):
    out = engine.infer(windows(np.full(20 * 125, 300, np.int32)))
    assert all((one.leads_uv == ABSTAINED_UV).all() and not len(one.beats_ns) for one in out)
    assert all("flat" in gap.reason for one in out for gap in one.abstained)


def test_the_end_of_a_stretch_abstains_until_its_pulse_would_have_come(engine, segments):
    last = engine.infer(segments)[-1]
    silent = (last.leads_uv[:, 0] == ABSTAINED_UV).sum()
    assert silent == (72 if engine.model_of("p") == engine.model_id else round(1.16 * 128))
    assert last.abstained[-1].reason == "no pulse yet"


def test_the_same_sample_from_two_windows(engine, segments):
    # what a window owns, its successor sees with 2 s less before and 2 s more after: the networks reach no further
    wide = [dataclasses.replace(one, owned_start=384, owned_stop=896) for one in segments[1:6]]
    out = engine.infer(wide)
    steps = [np.abs(one.leads_uv[256:].astype(int) - after.leads_uv[:256]) for one, after in itertools.pairwise(out)]
    assert np.percentile(np.concatenate(steps), 99) <= 50


def test_a_calibrated_run_repeats_to_the_last_bit(plain, segments):
    first, again = (plain.calibrated(OWN).infer(segments) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.leads_uv.tobytes() == other.leads_uv.tobytes()
        assert one.band_uv.tobytes() == other.band_uv.tobytes()
        assert one.model_id == other.model_id == plain.model_id + OWN["p"].model_suffix


def test_a_calibration_is_its_patients_alone(plain, segments):
    both = plain.calibrated(OWN).infer([segments[3], dataclasses.replace(segments[3], patient="q")])
    other = plain.infer([dataclasses.replace(segments[3], patient="q")])[0]
    assert both[1].leads_uv.tobytes() == other.leads_uv.tobytes()
    assert both[1].model_id == plain.model_id != both[0].model_id


def test_the_own_delay_moves_the_beats_and_the_own_beat_stands_at_them(plain, segments):
    before = np.concatenate([one.beats_ns for one in plain.infer(segments)]) / 1e9
    out = plain.calibrated(OWN).infer(segments)
    after = np.concatenate([one.beats_ns for one in out]) / 1e9
    moved = after[:, None] - before
    moved = moved[np.arange(len(after)), np.abs(moved + 1.16 - 0.5625).argmin(1)]
    assert np.median(moved) == pytest.approx(-(1.16 - 0.5625), abs=0.01)
    at = np.rint((after[2:-2]) * 128).astype(int) - out[0].start_ns // GRID_STEP_NS
    leads = np.concatenate([one.leads_uv for one in out])
    for lead, height in ((1, 1000), (3, -700), (7, -1100)):
        assert np.median(leads[at, lead]) == pytest.approx(height, abs=abs(0.12 * height))


def test_leads_that_were_not_recorded_are_told_the_own_beat(plain, segments):
    tall, flat = (calibration({"I": one, "II": 1.0}) for one in (1.2, -0.4))
    out = [plain.calibrated({"p": one}).infer(segments)[3].leads_uv.astype(int) for one in (tall, flat)]
    np.testing.assert_array_equal(out[0][:, 1], out[1][:, 1])
    assert np.abs(out[0] - out[1])[:, 6:].max(0).min() > 20
    delay_only = plain.calibrated({"p": calibration({}, delay_s=0.5625, band=None)}).infer(segments)[3]
    np.testing.assert_array_equal(delay_only.leads_uv, plain.infer(segments)[3].leads_uv)


def test_noise_is_a_field_and_not_a_stream():
    whole = field(0, "p", 1000, 900)
    np.testing.assert_array_equal(field(0, "p", 1300, 100), whole[:, 300:400])
    assert abs(whole.std() - 1) < 0.05
    assert np.abs(np.corrcoef(whole) - np.eye(8)).max() < 0.15
    assert not np.array_equal(field(0, "q", 1000, 900), whole)
    assert not np.array_equal(field(1, "p", 1000, 900), whole)
    assert np.isfinite(field(0, "p", -300, 600)).all()


def test_damaged_and_missing_weights_say_so(tmp_path):
    with pytest.raises(WeightsMissing, match="no weights"):
        Engine.load(EngineSettings(weights=tmp_path))
    for file in SHIPPED.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    content = bytearray((tmp_path / "beats.safetensors").read_bytes())
    content[-5] ^= 1
    (tmp_path / "beats.safetensors").write_bytes(bytes(content))
    with pytest.raises(WeightsCorrupt, match="damaged"):
        Engine.load(EngineSettings(weights=tmp_path))


def test_segments_start_on_the_grid(engine, segments):
    assert all(one.start_ns % GRID_STEP_NS == 0 for one in engine.infer(segments))

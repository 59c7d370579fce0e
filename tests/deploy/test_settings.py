"""Settings: later wins, unknown is refused with the nearest, the listing is a valid file."""

from pathlib import Path

import pytest

from deploy.errors import BadSettings
from deploy.settings import Settings, alert_settings, as_toml, calibration_files, known_people, read_settings
from stream.messages import Demographics


def test_defaults_file_environment_flags_in_this_order(tmp_path):
    file = tmp_path / "p2es.toml"
    file.write_text("[infer.engine]\ncalls = 3\nbatch = 4\nseed = 5\n")
    environment = {"P2ES_INFER__ENGINE__BATCH": "6", "P2ES_INFER__ENGINE__SEED": "7", "HOME": "/x"}
    engine = read_settings(file, environment, {"infer.engine.seed": "9"}).infer.engine
    assert (engine.calls, engine.batch, engine.seed, engine.threads) == (3, 6, 9, 1)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"infer.engin.calls": "3"}, "unknown setting infer.engin; did you mean infer.engine"),
        ({"kafka.bootstap": "x"}, "did you mean kafka.bootstrap"),
        ({"patients.p.limits.heart_rate_lo": "3"}, "did you mean patients.p.limits.heart_rate_low"),
        ({"infer.engine.calls": "many"}, "infer.engine.calls: .*integer"),
        ({"infer.engine.calls": "0"}, "at least 1"),
        ({"infer.engine.band_wider": "-0.1"}, "band_wider: a share of the band's width, at least 0"),
        ({"collect.raw_mb": "-1"}, "collect.raw_mb: at least 1, or 0 for all, not -1"),
        ({"collect.raw_mb": "nan"}, "collect.raw_mb: at least 1"),
        ({"infer.backlog": "some"}, "keep or freshest"),
        ({"infer.engine.device": "tpu"}, "auto, cpu or cuda"),
        ({"infer.engine.runtime": "tensorrt"}, "torch or onnx"),
        ({"infer.engine.runtime": "onnx", "infer.engine.device": "cuda"}, "cuda is torch's"),
        ({"infer.engine.sampler": "x"}, "ancestral, ddim or dpmpp_2m"),
        ({"patients.p.sex": "x"}, "F or M"),
        ({"patients.p.age_years": "610"}, "patients.p.age_years: 0 to 120, not 610"),
        ({"patients.p.limits.heart_rate_low": "130"}, "not below"),
        ({"kafka": "x"}, "is a table"),
        ({"patients.p": "x"}, "is no table"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(flags, says):
    with pytest.raises(BadSettings, match=says) as caught:
        read_settings(None, {}, flags)
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(BadSettings, match="no such settings file"):
        read_settings(tmp_path / "x.toml", {})
    (tmp_path / "x.toml").write_text("[kafka\n")
    with pytest.raises(BadSettings, match="not valid TOML"):
        read_settings(tmp_path / "x.toml", {})


def test_the_listing_is_a_file_that_gives_the_same_settings(tmp_path):
    flags = {"patients.a.age_years": "61", "patients.a.limits.heart_rate_low": "45", "infer.engine.calls": "4"}
    settings = read_settings(None, {}, flags)
    (tmp_path / "p2es.toml").write_text(as_toml(settings))
    assert read_settings(tmp_path / "p2es.toml", {}) == settings
    assert read_settings(None, {}) == Settings()


def test_a_password_is_never_listed():
    listed = as_toml(read_settings(None, {"P2ES_KAFKA__SASL_PASSWORD": "hunter2"}))
    assert "hunter2" not in listed
    assert "sasl_password = (set, not shown)" in listed


def test_patients_have_facts_and_limits_of_their_own():
    flags = {
        "patients.a.age_years": "61",
        "patients.b.limits.pause_s": "3",
        "alert.limits.heart_rate_high": "110",
    }
    settings = read_settings(None, {}, flags)
    assert known_people(settings) == {"a": Demographics(61.0, None, None, None)}
    limits = alert_settings(settings)
    assert limits.patients["b"].pause_s == 3.0
    assert limits.patients["b"].heart_rate_high == 110.0


def test_a_patients_calibration_is_a_file_of_the_settings(tmp_path):
    file = tmp_path / "p2es.toml"
    file.write_text('[patients.a]\ncalibration = "cal/a.json"\n[patients.b]\nage_years = 3\n')
    settings = read_settings(file, {})
    assert calibration_files(settings) == {"a": Path("cal/a.json")}
    file.write_text(as_toml(settings))
    assert read_settings(file, {}) == settings
    with pytest.raises(BadSettings, match=r"did you mean patients\.a\.calibration"):
        read_settings(None, {}, {"patients.a.calibraton": "x"})

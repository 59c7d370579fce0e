"""The calibration file: what is written is read, and what cannot be right is refused in one line."""

import json

import numpy as np
import pytest

from inference.errors import CalibrationUnusable
from inference.personal.calibration import read_calibration, write_calibration
from tests.inference.personal_cases import MODEL, calibration


def test_what_is_written_is_read(tmp_path):
    one, path = calibration({"II": 1.0, "aVR": -0.7}), tmp_path / "new" / "p.json"
    write_calibration(one, path)
    again = read_calibration(path, MODEL, "p")
    assert (again.delay_s, again.leads, again.quality, again.source) == (1.16, one.leads, one.quality, one.source)
    np.testing.assert_array_equal(again.beats_uv, one.beats_uv)
    np.testing.assert_array_equal(again.band_uv, one.band_uv)
    assert again.sha256 == one.sha256
    assert again.model_suffix == f"+cal:{one.sha256[:8]}"
    assert json.loads(path.read_text())["sha256"] == one.sha256


def test_the_same_calibration_gives_the_same_bytes_and_another_another_hash(tmp_path):
    for name in ("a", "b"):
        write_calibration(calibration({"II": 1.0}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert calibration({"II": 1.0}).sha256 != calibration({"II": 1.001}).sha256


def test_a_calibration_of_the_delay_alone_has_no_leads(tmp_path):
    write_calibration(calibration({}, band=None), tmp_path / "p.json")
    again = read_calibration(tmp_path / "p.json", MODEL, "p")
    assert again.leads == ()
    assert again.band_uv is None


def damaged(text, change):
    facts = json.loads(text)
    change(facts)
    return json.dumps(facts)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text[:-40], "is no calibration"),
        (lambda text: "[]", "is no calibration"),
        (lambda text: '{"kind": "other"}', "is no calibration"),
        (lambda text: damaged(text, lambda facts: facts["beats_uv"]["II"].__setitem__(45, 7)), "damaged: .*SHA-256"),
        (lambda text: damaged(text, lambda facts: facts.update(delay_s=0.3)), "damaged: .*SHA-256"),
        (lambda text: damaged(text, lambda facts: facts.pop("sha256")), "damaged"),
        (lambda text: damaged(text, lambda facts: facts.update(version=2)), "version 2, this p2es reads 1"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, spoil, says):
    path = tmp_path / "p.json"
    write_calibration(calibration({"II": 1.0}), path)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(CalibrationUnusable, match=says) as caught:
        read_calibration(path, MODEL, "p")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (calibration({"II": 1.0}, delay_s=1.5), "not a calibration's"),
        (calibration({"V": 1.0}), "not a calibration's"),
    ],
)
def test_a_file_with_a_right_hash_but_impossible_content_is_refused(tmp_path, one, says):
    write_calibration(one, tmp_path / "p.json")
    with pytest.raises(CalibrationUnusable, match=says):
        read_calibration(tmp_path / "p.json", MODEL, "p")


def test_a_missing_file_another_model_and_another_patient_are_named(tmp_path):
    path = tmp_path / "p.json"
    with pytest.raises(CalibrationUnusable, match="no such calibration; p2es calibrate"):
        read_calibration(path, MODEL, "p")
    write_calibration(calibration({"II": 1.0}), path)
    with pytest.raises(CalibrationUnusable, match=f"made for model {MODEL}, this is p2es-new"):
        read_calibration(path, "p2es-new", "p")
    with pytest.raises(CalibrationUnusable, match="of patient p, not of q"):
        read_calibration(path, MODEL, "q")

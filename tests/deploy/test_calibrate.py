"""p2es calibrate on written and real recordings: what it measures, what it refuses, and that generate uses it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from typer.testing import CliRunner

from deploy.calibrate import calibrate
from deploy.cli import app
from deploy.generate import segments_of
from inference.engine import Engine
from inference.errors import CalibrationRefused, CalibrationUnusable
from inference.personal.calibration import read_calibration, write_calibration
from inference.settings import EngineSettings
from ingest.errors import BadRecording
from ingest.recordings import read_recording
from stream.messages import LEADS
from tests.inference.recordings import ecg as ecg_of
from tests.inference.recordings import heartbeats, write_monitor
from tests.inference.students import with_a_student

DATA = Path(__file__).parents[1] / "data"
REAL = DATA / "bidmc01-60s"
BEATS = heartbeats(120, 5)


@pytest.fixture(scope="module")
def engine():
    return Engine.load(EngineSettings())


@pytest.fixture(scope="module")
def monitors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitors")
    early, late = (write_monitor(folder, f"m{delay * 100:.0f}", BEATS, delay) for delay in (0.30, 1.05))
    other = write_monitor(folder, "other", heartbeats(120, 9), 0.30)
    return {"early": read_recording(early), "late": read_recording(late), "other": read_recording(other)}


@pytest.mark.parametrize(("name", "delay_s"), [("early", 0.30), ("late", 1.05)])
def test_a_known_delay_is_found_and_its_beats(engine, monitors, name, delay_s):
    one = calibrate(monitors[name], engine, "p", 0, 60)
    assert one.delay_s == pytest.approx(delay_s, abs=0.06)
    assert one.quality.f1 > 0.9
    assert set(one.leads) == {"II", "aVR"}  # V does not say which
    # the 40 Hz low-pass takes a tenth off so narrow a QRS
    assert one.beats_uv[one.leads.index("II")].max() == pytest.approx(900, abs=40)
    assert one.beats_uv[one.leads.index("aVR")].min() == pytest.approx(-675, abs=30)
    assert min(one.quality.averaged.values()) > 50
    assert (one.source.record, one.source.seconds) == (monitors[name].name, 60)


def test_the_difference_of_two_delays_is_exact(engine, monitors):
    early, late = (calibrate(monitors[name], engine, "p", 20, 60).delay_s for name in ("early", "late"))
    assert late - early == pytest.approx(0.75, abs=0.012)


def test_a_calibrated_estimate_is_right_as_it_stands(engine, monitors):
    one = calibrate(monitors["late"], engine, "p", 0, 60)
    segments = list(segments_of(monitors["late"], "p", engine.calibrated({"p": one})))
    beats = np.concatenate([each.beats_ns for each in segments]) / 1e9
    true = BEATS[(BEATS > 62) & (BEATS < 115)]
    apart = np.abs(beats[:, None] - true).min(0)
    assert np.mean(apart < 0.05) > 0.9
    leads = np.concatenate([each.leads_uv for each in segments])
    here = leads[np.rint(beats * 128).astype(int)]
    assert np.median(here[:, LEADS.index("II")]) == pytest.approx(900, abs=60)
    assert np.median(here[:, LEADS.index("aVR")]) == pytest.approx(-675, abs=45)
    assert {each.model_id for each in segments} == {engine.model_id + one.model_suffix}


def test_the_same_recording_gives_the_same_file(engine, monitors, tmp_path):
    for name in ("a.json", "b.json"):
        write_calibration(calibrate(monitors["early"], engine, "p", 10, 45), tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def ecg(recording, **changes):
    return replace(recording, reference=replace(recording.reference, **changes))


def only(recording, *names):
    truth = recording.reference
    columns = [truth.names.index(name) for name in names]
    return ecg(recording, names=names, samples_mv=truth.samples_mv[:, columns])


def test_a_calibration_is_of_the_weights_whichever_denoiser_serves(monitors, tmp_path):
    student = Engine.load(EngineSettings(weights=with_a_student(tmp_path), denoiser="student"))
    one = calibrate(monitors["early"], student, "p", 0, 60)
    assert one.model_id == student.networks.weights_id != student.model_id


@pytest.mark.parametrize(("names", "leads"), [(("II",), ("II",)), (("V",), ()), (("aVR", "V"), ("aVR",))])
def test_any_lead_is_enough(engine, monitors, names, leads):
    one = calibrate(only(monitors["early"], *names), engine, "p", 0, 60)
    assert one.leads == leads
    assert one.delay_s == pytest.approx(0.30, abs=0.06)


def missing(recording):
    return ecg(recording, samples_mv=np.full_like(recording.reference.samples_mv, np.nan))


def half_off(recording):
    shift = len(recording.reference.samples_mv) // 2
    return ecg(recording, samples_mv=np.roll(recording.reference.samples_mv, shift, 0))


@pytest.mark.parametrize(
    ("change", "seconds", "says"),
    [
        (lambda one: replace(one, reference=None), 60, "no ECG lead"),
        (missing, 60, "holds no values"),
        (lambda one: ecg(one, samples_mv=np.zeros_like(one.reference.samples_mv)), 60, "only 0 R peaks"),
        (lambda one: one, 20, "20.0 s; a calibration needs 30 s"),
        (lambda one: replace(one, samples=np.full_like(one.samples, 7)), 60, "the PPG gives beats in only 0 s"),
        (half_off, 60, "do not belong together"),
    ],
)
def test_what_no_calibration_can_be_made_from_is_refused_in_one_line(engine, monitors, change, seconds, says):
    with pytest.raises(CalibrationRefused, match=says) as caught:
        calibrate(change(monitors["early"]), engine, "p", 0, seconds)
    assert "\n" not in str(caught.value)


def test_another_persons_pulse_is_refused(engine, monitors):
    mixed = replace(monitors["early"], reference=monitors["other"].reference)
    with pytest.raises(CalibrationRefused, match="do not belong together"):
        calibrate(mixed, engine, "p", 0, 60)


def test_a_stretch_beyond_the_end_is_refused(engine, monitors):
    with pytest.raises(CalibrationRefused, match="after 110 s"):
        calibrate(monitors["early"], engine, "p", 110, 60)
    with pytest.raises(CalibrationRefused, match=r"0\.0 s after 500 s"):
        calibrate(monitors["early"], engine, "p", 500, 60)


def test_two_seconds_are_refused(engine, tmp_path):
    short = read_recording(write_monitor(tmp_path, "short", BEATS, 0.3, seconds=2))
    with pytest.raises(CalibrationRefused, match="a calibration needs 30 s"):
        calibrate(short, engine, "p", 0, 60)


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_from_the_command_line_to_a_calibrated_record(tmp_path):
    done = run("calibrate", REAL, "--patient", "bed7", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "own beat in aVR, II" in done.output
    facts = json.loads((tmp_path / "bed7.json").read_text())
    assert facts["patient"] == "bed7"
    for name, options in {"plain": [], "own": ["--calibration", tmp_path / "bed7.json"]}.items():
        done = run("generate", REAL, "-o", tmp_path / name, "--patient", "bed7", *options)
        assert done.exit_code == 0, done.output
    told = run("--set", f"patients.bed7.calibration={tmp_path / 'bed7.json'}", "generate", REAL, "-o", tmp_path / "set",
               "--patient", "bed7")  # fmt: skip
    assert told.exit_code == 0, told.output
    files = [(tmp_path / name / "bidmc01-60s.dat").read_bytes() for name in ("own", "set", "plain")]
    assert files[0] == files[1] != files[2]
    summary = json.loads((tmp_path / "own" / "bidmc01-60s.json").read_text())
    assert summary["model_id"] == f"{facts['model_id']}+cal:{facts['sha256'][:8]}"
    record: Any = wfdb.rdrecord(str(tmp_path / "own" / "bidmc01-60s"))
    leads = dict(zip(record.sig_name, np.nan_to_num(record.p_signal).T, strict=True))
    assert np.abs(leads["II"] - leads["I"] - leads["III"]).max() < 0.0015


def test_errors_of_the_command_line(tmp_path):
    with pytest.raises(BadRecording, match="no such recording"):
        CliRunner().invoke(app, ["calibrate", "nothing", "--patient", "p", "-o", str(tmp_path)], catch_exceptions=False)
    engine = Engine.load(EngineSettings())
    one = calibrate(read_recording(REAL), engine, "p", 0, 60)
    write_calibration(one, tmp_path / "p.json")
    with pytest.raises(CalibrationUnusable, match="of patient p, not of q"):
        Engine.load(EngineSettings(), {"q": tmp_path / "p.json"})
    again = read_calibration(tmp_path / "p.json", engine.model_id, "p")
    assert again.sha256 == one.sha256


def test_a_recording_of_the_ecg_alone_is_refused(tmp_path):
    made = ecg_of(BEATS, np.arange(7500) / 125)[:, None]
    wfdb.wrsamp("ecg", fs=125, units=["mV"], sig_name=["II"], p_signal=made, fmt=["16"], write_dir=str(tmp_path))
    with pytest.raises(BadRecording, match="no PPG channel"):
        read_recording(tmp_path / "ecg")

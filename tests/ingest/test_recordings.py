"""Every format read, every bad file refused with one clear line."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyedflib
import pytest
import wfdb

from ingest.errors import BadRecording
from ingest.recordings import first_seconds, read_recording

DATA = Path(__file__).parents[1] / "data"
POLAR = Path(__file__).parents[2] / "deploy" / "recordings" / "polar-sense-3min.txt"


def write_wfdb(folder, name="r", fs=125.0, n=1000, values=None, channels=("PLETH",)):
    data = np.tile(np.arange(n)[:, None] if values is None else values, (1, len(channels))).astype(float)
    wfdb.wrsamp(
        name, fs=fs, units=["NU"] * len(channels), sig_name=list(channels), p_signal=data, fmt=["16"] * len(channels),
        adc_gain=[10.0] * len(channels), baseline=[0] * len(channels), write_dir=str(folder),
    )  # fmt: skip
    return folder / name


def test_bidmc_is_read_whole_with_person_and_true_ecg():
    one = read_recording(DATA / "bidmc01-60s")
    assert (one.channel, one.fs_hz, len(one.samples), one.unit) == ("PLETH", 125.0, 7500, "NU")
    assert (one.demographics.age_years, one.demographics.sex) == (88.0, "M")
    assert one.reference is not None
    assert one.reference.names == ("V", "aVR", "II")
    stored: Any = wfdb.rdrecord(str(DATA / "bidmc01-60s"))
    np.testing.assert_allclose(one.samples * one.scale + one.offset, np.asarray(stored.p_signal)[:, 0], atol=1e-9)


@pytest.mark.parametrize("name", ["bidmc01-60s", "bidmc01-60s.hea", "bidmc01-60s.dat"])
@pytest.mark.parametrize("channel", [None, "pleth", "PLETH,", " Pleth"])
def test_a_record_and_its_channel_may_be_named_in_any_way(name, channel):
    assert read_recording(DATA / name, channel).channel == "PLETH"


def test_polar_text_is_raw_light_at_its_measured_rate():
    one = read_recording(POLAR)
    assert one.fs_hz == pytest.approx(54.75, abs=0.01)
    assert one.polarity == -1
    assert one.dated
    assert one.t0_ns // 1_000_000_000 == 1_650_886_835  # 2022-04-25 11:40:35 UTC
    assert read_recording(POLAR, "channel 2").samples[0] != one.samples[0]


def polar(folder, rows, name="x_ACC.txt"):
    """A minute of light beside a file of acceleration."""
    light = [f"x;{5_000_000_000 + k * 20_000_000};{k};" for k in range(3000)]
    (folder / "x_PPG.txt").write_text("\n".join(["Phone timestamp;sensor timestamp [ns];channel 0;", *light]))
    (folder / name).write_text("\n".join(["Phone timestamp;sensor timestamp [ns];X [mg];Y [mg];Z [mg]", *rows]))
    return folder / "x_PPG.txt"


def test_polar_acceleration_lies_beside_the_light_on_its_clock(tmp_path):
    rows = [f"x;{4_000_000_000 + k * 19_000_000};{k};-{k};990" for k in range(100)]
    motion = read_recording(polar(tmp_path, rows)).motion
    assert motion is not None
    assert motion.fs_hz == pytest.approx(1000 / 19)
    assert motion.times_ns[:2].tolist() == [-1_000_000_000, -981_000_000]
    assert motion.samples_mg[7].tolist() == [7, -7, 990]
    (tmp_path / "x_ACC.txt").unlink()
    assert read_recording(tmp_path / "x_PPG.txt").motion is None


def csv(folder, text, name="a.csv"):
    path = folder / name
    path.write_text(text)
    return path


def edf(folder, **header):
    """EDF+ of 20 s: PPG at 64 Hz and two leads at 256 Hz."""
    path = folder / "a.edf"
    rows = (("Pleth", "nA", 64, 0), ("ECG II", "uV", 256, 1), ("V5", "mV", 256, 2))
    with pyedflib.EdfWriter(str(path), len(rows), pyedflib.FILETYPE_EDFPLUS) as file:
        for name, value in header.items():
            getattr(file, f"set{name}")(value)
        for name, unit, rate, number in rows:
            limits = {"physical_min": -200.0, "physical_max": 200.0, "digital_min": -32768, "digital_max": 32767}
            file.setSignalHeader(number, {"label": name, "dimension": unit, "sample_frequency": rate, **limits})
        for second in range(20):
            for _, _, rate, number in rows:
                at = second + np.arange(rate) / rate
                file.writePhysicalSamples(100 * np.sin(2 * np.pi * (1 + number) * at))
    return path


def shortened(path):
    path.write_bytes(path.read_bytes()[:-700])
    return path


def discontinuous(path):
    path.write_bytes(path.read_bytes().replace(b"EDF+C", b"EDF+D", 1))
    return path


def test_edf_plus_with_rates_units_and_the_person(tmp_path):
    born, begun = datetime.date(1960, 6, 1), datetime.datetime(2020, 6, 2, 10, 30, 5)
    one = read_recording(edf(tmp_path, Birthdate=born, Sex=0, Startdatetime=begun))
    assert (one.channel, one.fs_hz, one.unit, len(one.samples)) == ("Pleth", 64, "nA", 20 * 64)
    assert one.t0_ns == begun.replace(tzinfo=datetime.UTC).timestamp() * 1e9
    assert (one.demographics.age_years, one.demographics.sex) == (60, "F")
    values = one.samples * one.scale + one.offset
    assert np.abs(values - 100 * np.sin(2 * np.pi * one.times_ns / 1e9)).max() <= 400 / 65535
    assert one.reference is not None
    assert (one.reference.names, one.reference.fs_hz) == (("II", "V5"), 256)
    assert np.abs(one.reference.samples_mv[:, 0]).max() == pytest.approx(0.1, abs=1e-4)
    assert np.abs(one.reference.samples_mv[:, 1]).max() == pytest.approx(100, abs=0.1)


def test_edf_of_nobody_at_no_time_says_so(tmp_path):
    one = read_recording(edf(tmp_path, Startdatetime=datetime.datetime(1985, 1, 1)))
    assert (one.dated, one.t0_ns) == (False, 0)
    assert (one.demographics.age_years, one.demographics.sex) == (None, None)


def test_csv_with_seconds_and_a_gap(tmp_path):
    times = np.r_[0:2:0.02, 5:7:0.02]
    rows = "\n".join(f"{t:.2f},{i}" for i, t in enumerate(times))
    one = read_recording(csv(tmp_path, f"time [s],ppg\n{rows}\n"))
    assert one.fs_hz == pytest.approx(50)
    assert one.samples.tolist() == list(range(len(times)))
    assert np.diff(one.times_ns).max() == pytest.approx(3.02e9, rel=1e-6)
    assert not one.dated


@pytest.mark.parametrize(
    ("cells", "first_ns"),
    [
        (["1700000000.00", "1700000000.02"], 1_700_000_000_000_000_000),
        (["1700000000000", "1700000000020"], 1_700_000_000_000_000_000),
        (["1700000000000000001", "1700000000020000001"], 1_700_000_000_000_000_001),
        (["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.020Z"], 1_700_000_000_000_000_000),
        (["2023-11-14 22:13:20", "2023-11-14 22:13:20.020"], 1_700_000_000_000_000_000),
    ],
)
def test_csv_dates_in_every_usual_form(tmp_path, cells, first_ns):
    one = read_recording(csv(tmp_path, "timestamp;green\n" + "".join(f"{cell};{i}\n" for i, cell in enumerate(cells))))
    assert (one.t0_ns, one.dated) == (first_ns, True)
    assert one.times_ns.tolist() == [0, 20_000_000]


def test_csv_without_times_needs_a_rate_and_reads_ecg_columns(tmp_path):
    path = csv(tmp_path, "ppg,ECG II\n" + "".join(f"{np.sin(i / 9)},{i / 1000}\n" for i in range(300)))
    with pytest.raises(BadRecording, match="--fs"):
        read_recording(path)
    one = read_recording(path, None, 100.0)
    np.testing.assert_allclose(one.samples * one.scale, np.sin(np.arange(300) / 9), atol=1e-8)
    assert one.reference is not None
    assert one.reference.names == ("II",)
    assert one.reference.samples_mv[5, 0] == pytest.approx(0.005)


def test_missing_values_are_gaps(tmp_path):
    values = np.arange(1000.0)[:, None]
    values[300:400] = np.nan
    one = read_recording(write_wfdb(tmp_path, values=values))
    assert len(one.samples) == 900
    assert np.diff(one.times_ns).max() == 101 * 8_000_000
    assert one.length_ns == 999 * 8_000_000


def test_the_first_seconds():
    one = first_seconds(read_recording(DATA / "bidmc01-60s"), 10)
    assert (len(one.samples), one.length_ns) == (1250, 1249 * 8_000_000)
    assert one.reference is not None
    assert len(one.reference.samples_mv) == 1250
    whole = read_recording(DATA / "bidmc01-60s")
    assert first_seconds(whole, 500).length_ns == whole.length_ns


def bad_empty_header(folder):
    (folder / "r.hea").write_text("")
    return folder / "r"


def bad_truncated(folder):
    path = write_wfdb(folder)
    path.with_suffix(".dat").write_bytes(path.with_suffix(".dat").read_bytes()[:500])
    return path


def bad_disagree(folder):
    path = write_wfdb(folder)
    text = path.with_suffix(".hea").read_text()
    path.with_suffix(".hea").write_text(text.replace("r 1 125 1000", "r 1 125 5000"))
    return path


def bad_no_data(folder):
    path = write_wfdb(folder)
    path.with_suffix(".dat").unlink()
    return path


def bad_binary(folder):
    (folder / "x.csv").write_bytes(bytes(range(256)) * 9)
    return folder / "x.csv"


def bad_header(folder):
    (folder / "r.hea").write_bytes(b"\x00\x01garbage\xff")
    return folder / "r"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bad_empty_header, "header is empty"),
        (bad_truncated, "disagree|shorter"),
        (bad_disagree, "disagree|shorter"),
        (bad_no_data, r"data file r\.dat is missing"),
        (bad_binary, "not a text file"),
        (bad_header, "not a WFDB header|names no signals"),
        (lambda folder: write_wfdb(folder, values=np.full((1000, 1), np.nan)), "no samples"),
        (lambda folder: write_wfdb(folder, channels=("II",)), "no PPG channel found.*the file has II"),
        (lambda folder: write_wfdb(folder, fs=1.0), "1 Hz; 20 to 1000 Hz"),
        (lambda folder: write_wfdb(folder, fs=10_000.0), "10000 Hz; 20 to 1000 Hz"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "nothing", "no such recording"),
        (lambda folder: csv(folder, "hello", "a.xyz"), "not a known kind"),
        (lambda folder: csv(folder, ""), "file is empty"),
        (lambda folder: csv(folder, "0       hello", "a.edf"), "not a whole EDF"),
        (lambda folder: edf(folder).with_name("b.edf"), "no such recording"),
        (lambda folder: shortened(edf(folder)), "not a whole EDF"),
        (lambda folder: discontinuous(edf(folder)), "cannot be read; save it as continuous"),
        (lambda folder: csv(folder, "time,ppg\n"), "only a header"),
        (lambda folder: csv(folder, "time,ppg\n1,2\n1,2\n1,3\n"), "do not increase"),
        (lambda folder: csv(folder, "time,ppg\n0,1\n0.02,2\n0.04\n"), "cut off"),
        (lambda folder: csv(folder, "time,ppg\n0,a\n0.02,b\n"), "no column of numbers"),
        (lambda folder: csv(folder, "time,ppg\n0,1\nx,2\n0.04,2\n"), "without a time"),
        (
            lambda folder: csv(folder, "Phone timestamp;sensor timestamp [ns];channel 0;\nx;1;2;\nx;2\n", "p.txt"),
            "cut off",
        ),
        (lambda folder: polar(folder, ["x;1;2;3;4", "x;2;3"]), "x_ACC.*cut off"),
        (lambda folder: polar(folder, ["x;1;2;3;4", "x;1;2;3;4"]), "x_ACC.*do not increase"),
    ],
)
def test_a_bad_file_is_refused_with_one_line_that_says_why(tmp_path, make, says):
    with pytest.raises(BadRecording, match=says) as caught:
        read_recording(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_wrong_channel_is_answered_with_those_there_are():
    with pytest.raises(BadRecording, match="no channel nope; the file has PLETH, V, AVR, II"):
        read_recording(DATA / "bidmc01-60s", "nope")


def test_a_rate_is_refused_where_the_file_has_one():
    for path in (DATA / "bidmc01-60s", POLAR):
        with pytest.raises(BadRecording, match="leave it out"):
            read_recording(path, None, 100.0)


def test_a_broken_session_folder_is_refused(tmp_path):
    (tmp_path / "session.json").write_text("{}")
    with pytest.raises(BadRecording, match="holds no PPG"):
        read_recording(tmp_path)
    (tmp_path / "session.json").write_text("nonsense")
    with pytest.raises(BadRecording, match="not one of the recorder's"):
        read_recording(tmp_path)

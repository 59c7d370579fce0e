"""WFDB records of many segments, gains and rates, as the MIMIC databases have them."""

from pathlib import Path

import numpy as np
import pytest

from inference.datasets.entry import Entry
from inference.datasets.prepare import prepare
from inference.datasets.records import read_channels, read_header
from inference.datasets.windows import windows_of
from tests.inference.recordings import SegmentOf, heartbeats, write_segments

BEATS = heartbeats(200, 5)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """60 s with everything, a gap of 10 s, 50 s without PLETH, 80 s with another gain and order."""
    return write_segments(
        tmp_path,
        "p000001-2130-05-06-07-08",
        BEATS,
        [
            SegmentOf(60, {"II": 1000.0, "V": 500.0, "PLETH": 4000.0}),
            None,
            SegmentOf(50, {"V": 500.0, "II": 1000.0}),
            SegmentOf(80, {"PLETH": 1000.0, "II": 200.0, "V": 200.0}),
        ],
        gap_s=10,
    )


def test_the_header_names_all_channels_and_segments(record: Path):
    header = read_header(record)
    assert set(header.channels) == {"II", "V", "PLETH"}
    assert header.seconds == 200
    assert [name.rsplit("_", 1)[-1] for name, _ in header.segments] == ["layout", "0001", "~", "0003", "0004"]
    assert header.year == 2130


def test_segments_of_differing_gains_are_joined_in_physical_units(record: Path):
    channels = read_channels(record, {"PLETH", "II"})
    assert [len(one.values) for one in channels.values()] == [25_000, 25_000]
    lead, pulse = channels["II"].values, channels["PLETH"].values
    assert np.isnan(lead[7500:8750]).all()
    assert np.isfinite(np.delete(lead, slice(7500, 8750))).all()
    assert np.isnan(pulse[7500:15_000]).all()
    assert np.isfinite(np.delete(pulse, slice(7500, 15_000))).all()
    # the same heart at both gains, to a step of the coarser
    assert np.nanmax(lead[:7500]) == pytest.approx(np.nanmax(lead[15_000:]), abs=0.02)
    assert channels["PLETH"].step == 1 / 4000
    assert channels["II"].step == 1 / 1000


def test_a_multi_segment_record_is_prepared_and_streamed(record: Path):
    entry = Entry(record, "mine", "1", "train", "PLETH", {"II": "II", "V": "V"})
    made = prepare(entry)
    assert made.n == 199.992 * 128 // 1 + 1
    assert made.usable[:5].all()  # the next one ends at the gap
    assert made.usable[13:19].all()
    assert not made.usable[6]  # the gap
    assert made.lag_s == pytest.approx(0.55, abs=0.03)
    windows = windows_of(entry)
    assert {one.start_ns // 1_000_000_000 < 60 for one in windows} == {True, False}
    assert all(one.start_ns // 1_000_000_000 < 52 or one.start_ns // 1_000_000_000 >= 120 for one in windows)


def test_channels_of_several_samples_a_frame_keep_their_rates(tmp_path: Path):
    path = write_segments(
        tmp_path,
        "81739927",
        BEATS,
        [SegmentOf(70, {"II": 1000.0, "V": 500.0, "Pleth": 4000.0}, {"II": 4, "V": 4, "Pleth": 2})],
        fs=62.4725,
    )
    channels = read_channels(path, {"II", "Pleth"})
    assert channels["II"].fs_hz == pytest.approx(249.89)
    assert channels["Pleth"].fs_hz == pytest.approx(124.945)
    made = prepare(Entry(path, "mine", "1", "train", "Pleth", {"II": "II", "V": "V"}))
    true = BEATS[(BEATS > 0.3) & (BEATS < 69)]
    assert np.abs(made.beats_s[: len(true)] - true).max() < 0.012
    assert made.lag_s == pytest.approx(0.55, abs=0.03)


def test_a_stretch_is_read_alone(record: Path):
    whole = read_channels(record, {"II"})["II"].values
    part = read_channels(record, {"II"}, (20.0, 50.0))["II"].values
    np.testing.assert_array_equal(part, whole[2500:6250])


def test_what_cannot_be_read_says_so(tmp_path: Path, record: Path):
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "absent")
    (tmp_path / "empty.hea").write_text("")
    with pytest.raises(ValueError, match=r"empty\.hea is no WFDB header"):
        read_header(tmp_path / "empty")
    with pytest.raises(ValueError, match="no channel ABP"):
        read_channels(record, {"ABP"})
    (tmp_path / "p000001-2130-05-06-07-08_0001.dat").write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match="cannot be read"):
        read_channels(record, {"II"})

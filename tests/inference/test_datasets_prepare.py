"""From WFDB files to prepared records, on written recordings with known beats and delay."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from inference.datasets import prepare as preparing
from inference.datasets.entry import Entry, lead_name
from inference.datasets.manifest import open_sets
from inference.datasets.prepare import align, load_records, prepare
from inference.datasets.prepared import load, save
from inference.errors import DataMissing
from stream.conditioning import Stretch, condition
from stream.messages import Demographics
from tests.inference.recordings import ecg, heartbeats, write_monitor

BEATS = heartbeats(120, 5)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_monitor(tmp_path / "bidmc", "bidmc01", BEATS, 0.55, comment="<age>: 88 <sex>: M <location>: micu")
    write_monitor(tmp_path / "cinc2015", "a103l", BEATS, 1.1)
    return tmp_path


@pytest.fixture
def entries(data: Path) -> list[Entry]:
    return open_sets(data)


def test_open_sets_reads_headers(entries: list[Entry]):
    one = entries[0]
    assert (one.dataset, one.name, one.ppg) == ("bidmc", "bidmc01", "PLETH")
    assert one.leads == {"II": "II", "AVR": "aVR", "V": "V"}
    assert one.demographics == Demographics(88.0, "M")
    assert entries[1].demographics == Demographics()


def test_open_sets_says_what_is_missing(tmp_path: Path):
    with pytest.raises(DataMissing, match="no recordings under"):
        open_sets(tmp_path)


@pytest.mark.parametrize(
    ("channel", "ours"),
    [
        ("II,", "II"),
        ("ECG lead avr", "aVR"),
        ("MLII", "II"),
        ("ECG_V5", "V5"),
        ("V", "V"),
        ("ABP", None),
        ("RESP", None),
    ],
)
def test_lead_names(channel: str, ours: str | None):
    assert lead_name(channel) == ours


@pytest.mark.parametrize(("index", "delay"), [(0, 0.55), (1, 1.1)])
def test_prepared_monitor_recording(entries: list[Entry], index: int, delay: float):
    record = prepare(entries[index])
    true = BEATS[(BEATS > 0.3) & (BEATS < 119.5)]
    assert record.n == int((120 * 125 - 1) / 125 * 128) + 1
    assert record.usable.all()
    assert np.abs(record.beats_s[: len(true)] - true).max() < 0.012
    assert record.lag_s == pytest.approx(delay, abs=0.03)  # the causal high-pass moves the upstroke a little
    assert record.lag_f1 > 0.97
    # lead I from II and aVR
    grid = np.arange(record.n) / 128
    inside = slice(256, record.n - 256)
    assert np.corrcoef(record.leads_mv[0][inside], ecg(BEATS, grid, 0.5)[inside])[0, 1] > 0.97
    assert np.isnan(record.leads_mv[2:]).all()


def test_ppg_is_conditioned_as_live(entries: list[Entry]):
    record = prepare(entries[0])
    stored: Any = wfdb.rdrecord(str(entries[0].path))
    times = np.rint(np.arange(len(stored.p_signal)) / 125 * 1e9).astype(np.int64)
    stretch = Stretch(times, stored.p_signal[:, 3], 125.0, 1 / 4000, 0)
    for start in (0, 30 * 128, 100 * 128):
        window = condition(stretch, start)
        np.testing.assert_allclose(record.ppg[start : start + 1280], window.ppg, atol=1e-6)
        np.testing.assert_allclose(record.scale[start // 128 : start // 128 + 11], window.scale, atol=1e-6)
        # the knot at the window's end looks 2 s further than the window: only its successors know it
        np.testing.assert_allclose(record.shape[start // 256 : start // 256 + 5], window.shape[:5], atol=1e-5)


def test_recording_without_ppg(entries: list[Entry]):
    record = prepare(replace(entries[0], ppg=None))
    assert len(record.ppg) == len(record.pulses_s) == 0
    assert record.usable.all()


def test_store_keeps_everything(entries: list[Entry], tmp_path: Path):
    record = prepare(entries[0])
    save(record, tmp_path / "deep" / "one.npz")
    again = load(tmp_path / "deep" / "one.npz")
    assert again.demographics == record.demographics
    assert (again.name, again.part, again.lag_s) == (record.name, record.part, record.lag_s)
    for name in ("ppg", "leads_mv", "beats_s", "usable", "shape"):
        np.testing.assert_array_equal(getattr(again, name), getattr(record, name))


def test_second_load_is_from_the_cache(entries: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = replace(entries[1], path=entries[1].path.with_name("absent"))
    first = load_records([entries[0], broken], tmp_path / "cache", jobs=1)
    assert [one.name for one in first] == ["bidmc01"]
    monkeypatch.setattr(preparing, "_prepare_one", None)  # neither the good nor the refused one is tried again
    assert [one.name for one in load_records([entries[0], broken], tmp_path / "cache", jobs=1)] == ["bidmc01"]


def test_microvolts_become_millivolts(tmp_path: Path):
    times = np.arange(15000) / 125
    lead = ecg(BEATS, times)
    wfdb.wrsamp(
        "uv", 125, ["uV", "uV"], ["II", "I"], np.stack([1000 * lead, 500 * lead], 1), fmt=["16"] * 2,
        adc_gain=[1.0, 1.0], baseline=[0, 0], write_dir=str(tmp_path),
    )  # fmt: skip
    record = prepare(Entry(tmp_path / "uv", "mine", "one", "train", None, {"II": "II", "I": "I"}))
    assert np.nanmax(record.leads_mv[1]) == pytest.approx(0.9, abs=0.15)


def test_ecg_on_which_no_leads_agree_is_refused(entries: list[Entry]):
    with pytest.raises(ValueError, match="fewer than two ECG leads"):
        prepare(replace(entries[0], leads={"II": "II"}))


def test_align_prefers_the_delay_of_bedside_monitors_among_aliases():
    regular = np.arange(1, 119, 0.7)
    lag, f1 = align(regular, regular + 0.5, np.ones(12, bool))
    assert lag == pytest.approx(0.5, abs=0.01)
    assert f1 > 0.98
    assert align(regular, np.zeros(0), np.ones(12, bool)) == (0.0, 0.0)

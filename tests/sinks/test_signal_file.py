"""A growing WFDB record: any order, any repetition, any restart gives the same bytes."""

from typing import Any

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.errors import Rejected
from sinks.recorder.signal_file import SignalFile
from sinks.wfdb_writer import Column

rdrecord: Any = wfdb.rdrecord
COLUMNS = (Column("a"), Column("b", 2.0, 5, "NU"))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-30, 60), st.integers(1, 12)), min_size=1, max_size=8),
    st.integers(0, 7),
)
def test_any_order_and_a_restart_give_one_record(tmp_path_factory, pieces, restart_after):
    folder = tmp_path_factory.mktemp("r")
    truth = np.random.default_rng(0).integers(-1000, 1000, (200, 2))
    file, base = SignalFile(folder / "x", COLUMNS, 10.0, "32"), pieces[0][0]
    expected = {}
    for number, (at, n) in enumerate(pieces):
        file.put(at - base, truth[at + 50 : at + 50 + n])
        base = min(base, at)
        expected |= {place: truth[place + 50] for place in range(at, at + n)}
        if number == restart_after:
            file.close()
            file = SignalFile(folder / "x", COLUMNS, 10.0, "32")
    file.close()
    stored = np.asarray(rdrecord(str(folder / "x"), physical=False).d_signal)
    assert len(stored) == max(expected) - base + 1
    for place, row in enumerate(stored):
        known = expected.get(place + base)
        assert (row == (-(2**31) if known is None else known)).all()


def test_the_header_says_units_and_holes_read_as_nan(tmp_path):
    file = SignalFile(tmp_path / "x", COLUMNS, 128.0, "16", ("a comment",))
    file.put(3, np.array([[1000, 7]]))
    file.close()
    record = rdrecord(str(tmp_path / "x"))
    values = np.asarray(record.p_signal)
    assert values[3].tolist() == [1.0, 1.0]
    assert np.isnan(values[:3]).all()
    assert record.comments == ["a comment"]


def test_a_time_far_off_is_refused_and_changes_nothing(tmp_path):
    file = SignalFile(tmp_path / "x", COLUMNS, 10.0, "16")
    file.put(0, np.ones((5, 2)))
    with pytest.raises(Rejected, match="time is wrong"):
        file.put(10**9, np.ones((1, 2)))
    with pytest.raises(Rejected, match="time is wrong"):
        file.put(-(10**9), np.ones((1, 2)))
    assert file.samples == 5

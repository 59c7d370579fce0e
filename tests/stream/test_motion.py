"""Acceleration beside the PPG: the same filter and grid, whatever the chunks, gaps, lags and restarts."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import RejectedChunk
from stream.messages import MOTION_FS_HZ, UNKNOWN_MG, PpgChunk, decode, encode
from stream.windows import DeviceWindows

SECOND = 1_000_000_000
FS, MOTION_HZ = 64.0, 52.0


def swing_mg(seconds):
    """(m, 3) int16 at MOTION_HZ: gravity on one axis, 1.2 Hz with an overtone on two."""
    at = np.arange(int(seconds * MOTION_HZ)) / MOTION_HZ
    one = 300 * np.sin(2 * np.pi * 1.2 * at)
    rows = [one, 990 + 0 * at, 100 * np.sin(2 * np.pi * 2.4 * at + 1)]
    return np.rint(np.stack(rows, 1)).astype(np.int16)


def chunks(seconds, size=16, behind_s=0.0, motion=True, start_ns=0):
    """A PPG that is the acceleration's first axis, cut into chunks of `size`; the acceleration comes behind_s late."""
    at = np.arange(int(seconds * FS)) / FS
    light = np.rint(3000 * np.sin(2 * np.pi * 1.2 * at)).astype(np.int32)
    mg, sent, out = swing_mg(seconds), 0, []
    for seq, first in enumerate(range(0, len(light), size)):
        one = PpgChunk(
            "d", "p", "s", seq, start_ns + round(first / FS * 1e9), FS, ("x",), 0, "NU", 0.1, 0.0, 1, None, None, None,
            None, 0, 0, False, light[first : first + size, None],
        )  # fmt: skip
        known = int(((first + size - 1) / FS - behind_s) * MOTION_HZ) + 1
        if motion and known > sent:
            t0_ns = start_ns + round(sent / MOTION_HZ * 1e9)
            one = dataclasses.replace(
                one, motion_t0_ns=t0_ns, motion_fs_hz=MOTION_HZ, motion_mg=mg[sent:known]
            )  # fmt: skip
            sent = known
        out.append(one)
    return out


def windows(sent):
    device = DeviceWindows(clock=lambda: 0)
    return [segment for one in sent for segment in device.push(one).segments] + device.flush()


def test_a_sensor_that_only_moves_has_its_own_motion_as_pulse():
    one = windows(chunks(24))[4]
    assert one.motion_mg.shape == (10 * MOTION_FS_HZ, 3)
    assert one.motion_mg.dtype == np.int16
    ratio = one.motion_mg[:300, 0] / one.ppg[::4][:300]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
    assert np.corrcoef(one.motion_mg[:300, 0], one.ppg[::4][:300])[0, 1] > 0.9999
    assert np.abs(one.motion_mg[:300, 1]).max() <= 1  # gravity is not motion


def test_without_an_accelerometer_there_are_no_rows_and_all_else_is_the_same():
    bare, beside = windows(chunks(24, motion=False)), windows(chunks(24))
    for one, other in zip(bare, beside, strict=True):
        assert one.motion_mg.shape == (0, 3)
        assert encode(dataclasses.replace(other, motion_mg=one.motion_mg)) == encode(one)


def test_what_comes_late_is_unknown_and_the_rest_is_as_it_was():
    there, late = windows(chunks(24)), windows(chunks(24, behind_s=1.5))
    for one, other in zip(there[1:-1], late[1:-1], strict=True):
        known = (other.motion_mg != UNKNOWN_MG).all(1)
        assert 8.3 * MOTION_FS_HZ < known.sum() < 8.8 * MOTION_FS_HZ
        assert known[:270].all()
        np.testing.assert_array_equal(one.motion_mg[:262], other.motion_mg[:262])


def test_a_hole_is_unknown_and_a_lost_chunk_costs_no_more_than_its_time():
    sent = chunks(24)
    for at in range(32, 40):  # 2 s of it
        sent[at] = dataclasses.replace(sent[at], motion_t0_ns=None, motion_fs_hz=None, motion_mg=sent[0].motion_mg[:0])
    one = windows(sent)[3]  # 6 to 16 s
    unknown = (one.motion_mg == UNKNOWN_MG).all(1)
    assert 1.8 * MOTION_FS_HZ < unknown.sum() < 2.1 * MOTION_FS_HZ
    assert unknown[70:120].all()


@pytest.mark.parametrize("until_s", [0, 4])
def test_an_accelerometer_of_which_nothing_comes_has_rows_of_which_nothing_is_known(until_s):
    none = chunks(1)[0].motion_mg[:0]
    sent = [
        one if one.t0_ns < until_s * SECOND else dataclasses.replace(one, motion_t0_ns=None, motion_mg=none)
        for one in chunks(40)
    ]
    assert sent[-2].motion_fs_hz == MOTION_HZ
    late = [one for one in windows(sent) if one.start_ns >= until_s * SECOND]
    assert len(late) > 10
    for one in late:
        assert one.motion_mg.shape == (10 * MOTION_FS_HZ, 3)
        assert (one.motion_mg == UNKNOWN_MG).all()


def test_a_new_stretch_knows_nothing_of_what_was_before_it():
    first, second = chunks(12), chunks(12, start_ns=20 * SECOND)
    second[0] = dataclasses.replace(second[0], motion_t0_ns=19 * SECOND, motion_mg=swing_mg(0.9))
    renumbered = [dataclasses.replace(one, seq=one.seq + len(first)) for one in second]
    second[0] = dataclasses.replace(second[0], motion_t0_ns=None, motion_fs_hz=None, motion_mg=swing_mg(0))
    alone = windows(second)
    for one, other in zip(alone, windows([*first, *renumbered])[-len(alone) :], strict=True):
        assert one.start_ns == other.start_ns
        np.testing.assert_array_equal(one.motion_mg, other.motion_mg)


def test_what_claims_to_be_of_the_future_is_not_taken():
    """A chunk before the place a restart begins at could have told it, and then two runs would differ."""
    sent = chunks(13)
    early = dataclasses.replace(sent[20], motion_mg=np.concatenate([sent[20].motion_mg, np.full((90, 3), 900)]))
    for one, other in zip(windows(sent), windows([*sent[:20], early, *sent[21:]]), strict=True):
        np.testing.assert_array_equal(one.motion_mg, other.motion_mg)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(3, 90),
    behind_s=st.floats(0, 3),
    start_ns=st.integers(0, 5 * SECOND),
    swapped=st.integers(2, 8),
)
def test_order_repeats_and_the_wire_change_nothing(size, behind_s, start_ns, swapped):
    sent = chunks(22, size, behind_s, start_ns=start_ns)
    expected = windows(sent)
    if swapped + 1 < len(sent) and size / FS < 0.9:
        sent[swapped], sent[swapped + 1] = sent[swapped + 1], sent[swapped]
    sent.insert(len(sent) // 2, sent[len(sent) // 3])
    for one, other in zip(windows([decode(encode(one), PpgChunk) for one in sent]), expected, strict=True):
        np.testing.assert_array_equal(one.motion_mg, other.motion_mg)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"motion_t0_ns": None}, "without its time"),
        ({"motion_fs_hz": None}, "without its time"),
        ({"motion_fs_hz": 2.0}, "acceleration at 2"),
        ({"motion_fs_hz": 2.0, "motion_t0_ns": None, "motion_mg": np.zeros((0, 3), np.int16)}, "acceleration at 2"),
        ({"motion_fs_hz": float("nan")}, "acceleration at nan"),
        ({"motion_mg": np.zeros((100_001, 3), np.int16)}, "100001 rows"),
    ],
)
def test_acceleration_that_cannot_be_right_is_refused(wrong, says):
    with pytest.raises(RejectedChunk, match=says):
        DeviceWindows(clock=lambda: 0).push(dataclasses.replace(chunks(1)[0], **wrong))

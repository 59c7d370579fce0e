"""Windows: one owner for every sample, the same result whatever the chunking, order or restart."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import RejectedChunk
from stream.messages import GRID_STEP_NS, Demographics, PpgChunk
from stream.windows import HOP, WINDOW, DeviceWindows

SECOND = 1_000_000_000


def signal(n: int, fs_hz: float) -> np.ndarray:
    t = np.arange(n) / fs_hz
    return np.rint(1000 * np.exp(-(((t * 1.3) % 1 - 0.3) ** 2) / 0.01) + 50 * np.sin(t)).astype(np.int32)


def chunks(values, fs_hz=125.0, sizes=(31,), start_ns=0, session="s", holes=()):
    """Cut a signal into chunks of the given sizes in turn; samples of `holes` (start, stop) are left out."""
    out, at, turn = [], 0, 0
    while at < len(values):
        stop = min(len(values), at + sizes[turn % len(sizes)])
        for first, _ in holes:
            if at < first < stop:
                stop = first
        if not any(first <= at < last for first, last in holes):
            out.append(chunk(len(out), values[at:stop], fs_hz, start_ns + round(at / fs_hz * 1e9), session))
        else:
            stop = next(last for first, last in holes if first <= at < last)
        at, turn = stop, turn + 1
    end = start_ns + round((len(values) - 1) / fs_hz * 1e9)
    return [*out, dataclasses.replace(out[-1], seq=len(out), t0_ns=end, end=True, samples=np.zeros((0, 1), np.int32))]


def chunk(seq, values, fs_hz, t0_ns, session="s"):
    return PpgChunk(
        "d", "p", session, seq, t0_ns, fs_hz, ("PLETH",), 0, "NU", 0.001, 0.0, 1, None, None, None, None, 0, 0, False,
        np.asarray(values, np.int32).reshape(-1, 1),
    )  # fmt: skip


def run(sent, device=None):
    device = device or DeviceWindows(clock=lambda: 0)
    return [segment for one in sent for segment in device.push(one).segments]


def owned(segments):
    return np.concatenate(
        [np.arange(s.owned_start, s.owned_stop) + s.start_ns // GRID_STEP_NS for s in segments] or [np.zeros(0, int)]
    )


def same(one, other):
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))


@settings(max_examples=25, deadline=None)
@given(
    seconds=st.floats(0.3, 25),
    fs_hz=st.sampled_from([25.0, 54.75, 125.0]),
    start=st.integers(0, 5 * SECOND),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=5),
    data=st.data(),
)
def test_every_sample_has_one_owner_whatever_the_chunks_and_their_order(seconds, fs_hz, start, sizes, data):
    values = signal(max(2, int(seconds * fs_hz)), fs_hz)
    plain = run(chunks(values, fs_hz, (20,), start))
    cut = chunks(values, fs_hz, sizes, start)
    body = cut[:-1]
    if len(body) > 3:
        # swap neighbours (within the grace), and send some twice
        at = data.draw(st.integers(1, len(body) - 2))
        if len(body[at].samples) / fs_hz < 0.9:
            body[at], body[at + 1] = body[at + 1], body[at]
        body.insert(data.draw(st.integers(at + 2, len(body))), body[at])
    segments = run([*body, cut[-1]])
    first = -(-start // GRID_STEP_NS)
    stop = int((start + round((len(values) - 1) / fs_hz * 1e9)) // GRID_STEP_NS) + 1
    np.testing.assert_array_equal(owned(segments), np.arange(first, stop))
    assert len(segments) == len(plain)
    for one, other in zip(segments, plain, strict=True):
        assert one.start_ns % (HOP * GRID_STEP_NS) == 0
        np.testing.assert_allclose(one.ppg, other.ppg, atol=1e-5)


def test_a_long_gap_ends_the_stretch_and_owns_nothing_inside():
    values = signal(3000, 125.0)
    device = DeviceWindows(clock=lambda: 0)
    segments = run(chunks(values, holes=[(1500, 1550)]), device)
    grid = owned(segments)
    assert len(np.unique(grid)) == len(grid)
    missing = np.setdiff1d(np.arange(int(2999 / 125 * 128) + 1), grid) / 128
    assert missing.min() > 1499 / 125
    assert missing.max() < 1550 / 125
    assert device.counts.gaps == 1
    assert sum(segment.last for segment in segments) == 2


def test_a_short_gap_is_bridged():
    device = DeviceWindows(clock=lambda: 0)
    segments = run(chunks(signal(3000, 125.0), holes=[(1500, 1512)]), device)
    assert device.counts.bridged == 1
    assert sum(segment.last for segment in segments) == 1
    assert any((segment.valid == 0).any() for segment in segments[:-1])


def test_a_chunk_after_the_grace_is_late_and_counted():
    sent = chunks(signal(3000, 125.0))
    device = DeviceWindows(clock=lambda: 0)
    late = sent.pop(10)
    run(sent[:40], device)
    assert device.push(late).late
    assert device.counts.late == 1


def test_a_session_sent_again_is_dropped():
    sent = chunks(signal(3000, 125.0))
    device = DeviceWindows(clock=lambda: 0)
    first = run(sent, device)
    assert first
    assert run(sent, device) == []
    assert device.counts.duplicate == len(sent)


def test_reading_again_from_where_it_is_needed_gives_the_same_windows():
    sent = chunks(signal(8000, 125.0))
    whole = run(sent)
    device = DeviceWindows(clock=lambda: 0)
    given = run(sent[:200], device)
    needed = device.needed_from_ns
    assert needed is not None
    again = run([one for one in sent if one.t0_ns >= needed])
    rest = [one for one in again if one.start_ns >= whole[len(given)].start_ns]
    assert len(rest) == len(whole) - len(given)
    for one, other in zip(rest, whole[len(given) :], strict=True):
        assert (one.owned_start, one.owned_stop) == (other.owned_start, other.owned_stop)
        np.testing.assert_allclose(one.ppg, other.ppg, atol=1e-9)


def test_a_new_session_flushes_the_old_one():
    device = DeviceWindows(clock=lambda: 0)
    first = run(chunks(signal(500, 125.0))[:-1], device)
    assert first == []
    flushed = device.push(chunk(0, [1, 2, 3], 125.0, 60 * SECOND, session="t")).segments
    assert len(flushed) == 1
    assert flushed[0].last
    assert flushed[0].owned_stop - flushed[0].owned_start == int(499 / 125 * 128) + 1


def test_the_patients_table_overrides_the_chunk():
    device = DeviceWindows(clock=lambda: 0, patients={"p": Demographics(70, "F")})
    assert run(chunks(signal(500, 125.0)), device)[0].demographics == Demographics(70, "F")


@pytest.mark.parametrize(
    "wrong",
    [
        {"fs_hz": float("nan")}, {"fs_hz": 1.0}, {"fs_hz": 10_000.0}, {"primary": 3}, {"scale": 0.0}, {"polarity": 0},
        {"seq": -1}, {"shift_ns": 5}, {"pulse_delay_s": 2.0}, {"samples": np.zeros((0, 1), np.int32)},
    ],
)  # fmt: skip
def test_content_that_cannot_be_right_is_rejected(wrong):
    with pytest.raises(RejectedChunk):
        DeviceWindows(clock=lambda: 0).push(dataclasses.replace(chunk(0, [1, 2, 3], 125.0, 0), **wrong))


def test_window_and_hop_fit_the_grid():
    assert WINDOW % HOP == 0

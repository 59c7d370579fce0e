"""Polar data frames: bytes worked out by hand, a real recording there and back, and everything a broken link can do."""

from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from deploy.wearable.polar_encode import ACC, PPG, encode_delta, encode_raw, encode_raw0, width_of
from ingest.devices.driver import MOTION, Block, Facts, Numbers
from ingest.devices.polar_frames import decode
from ingest.errors import FrameError

RECORDING = Path(__file__).parents[3] / "deploy" / "recordings" / "polar-sense-3min.txt"
STAMP_NS = 704_201_993_408_828_755
FRAME_SAMPLES = 42  # of a full notification of a Verity Sense
LIGHT = {0: (4, 4), 7: (17, 16), 8: (25, 24), 10: (21, 20), 13: (3, 2)}  # frame type: columns on the wire, used
HEADER = 10


def frame(kind, content, measurement=PPG, stamp_ns=STAMP_NS):
    return bytes([measurement]) + stamp_ns.to_bytes(8, "little") + bytes([kind]) + bytes.fromhex(content)


def only(items, kind: type = Block):
    (item,) = items
    assert isinstance(item, kind)
    return item


def values(data):
    return only(decode(data)).values


@pytest.fixture(scope="module")
def recorded():
    """(n, 4) light of a real sensor."""
    return np.loadtxt(RECORDING, np.int64, delimiter=";", skiprows=1, usecols=(2, 3, 4, 5))


def test_blocks_of_two_widths_by_hand():
    # 3 bits, 2 samples: 1 -1 2 -4 | 3 -3 0 -2 are 1 7 2 4 3 5 0 6 unsigned, the first lowest: 0xC2B8B9
    # 5 bits, 1 sample: -16 15 -1 0 are 16 15 31 0: 0x07DF0, the last byte filled up
    block = only(decode(frame(0x80, "010000 ffffff 030201 95fdff" + "0302 b9b8c2" + "0501 f07d00")))
    assert block.stream == "ppg"
    assert block.channels == ("ppg0", "ppg1", "ppg2", "ambient")
    assert block.last_ns == STAMP_NS
    assert (block.first_ns, block.period_ns, block.counter, block.valid) == (None, None, None, None)
    assert block.values.dtype == np.int64
    assert block.values.tolist() == [
        [1, -1, 66051, -619],
        [2, -2, 66053, -623],
        [5, -5, 66053, -625],
        [-11, 10, 66052, -625],
    ]


def test_uncompressed_light_by_hand():
    data = frame(0x00, "010000 ffffff 030201 95fdff" + "ffff7f 000080 000000 010000")
    assert values(data).tolist() == [[1, -1, 66051, -619], [8388607, -8388608, 0, 1]]


@pytest.mark.parametrize("step", [1, 5, 20, 41])
def test_a_real_recording_comes_back_bit_by_bit(recorded, step):
    frames = [recorded[at : at + FRAME_SAMPLES] for at in range(0, len(recorded), FRAME_SAMPLES)]
    assert len(frames) > 70
    for part in frames:
        full, rest = divmod(len(part) - 1, step)
        sizes = [step] * full + [rest] * (rest > 0)
        assert np.array_equal(values(encode_delta(0, part, STAMP_NS, sizes)), part)
        assert np.array_equal(values(encode_delta(0, part, STAMP_NS, sizes, [20] * len(sizes))), part)
        assert np.array_equal(values(encode_raw0(part, STAMP_NS)), part)


def test_a_full_notification_is_as_long_as_the_real_ones(recorded):
    """229 bytes are what a Verity Sense sends in one notification; 42 samples of it fit into that in one block."""
    lengths = [len(encode_delta(0, recorded[at : at + 42], STAMP_NS)) for at in range(0, 3276, 42)]
    assert min(lengths) < 229 <= max(lengths)


@st.composite
def delta_frames(draw):
    """Samples (used columns), the frame that holds them, and how many samples it holds up to which length."""
    kind, (columns, used) = draw(st.sampled_from(sorted(LIGHT.items())))
    sizes = draw(st.lists(st.integers(0, 5), max_size=4))
    bits = draw(st.integers(1, 23))
    shape = (1 + sum(sizes), columns)
    samples = draw(arrays(np.int64, shape, elements=st.integers(-(1 << bits), (1 << bits) - 1)))
    ends = [0, *accumulate(sizes)]
    fewest = [width_of(np.diff(samples[a : b + 1], axis=0)) for a, b in pairwise(ends)]
    widths = [draw(st.integers(one, 32)) for one in fewest]
    lengths = [2 + -(-count * columns * width // 8) for count, width in zip(sizes, widths, strict=True)]
    upto = dict(zip(accumulate([HEADER + 3 * columns, *lengths]), [1 + end for end in ends], strict=True))
    return samples[:, :used], encode_delta(kind, samples, STAMP_NS, sizes, widths), upto


@settings(deadline=None)
@given(delta_frames())
def test_every_type_and_width_comes_back_and_no_cut_invents_a_sample(case):
    samples, data, upto = case
    block = only(decode(data))
    assert np.array_equal(block.values, samples)
    assert len(block.channels) == samples.shape[1]
    for length in range(len(data)):
        if length in upto:
            assert np.array_equal(values(data[:length]), samples[: upto[length]])
        else:
            with pytest.raises(FrameError):
                decode(data[:length])


@settings(deadline=None)
@given(st.integers(1, 3), arrays(np.int64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.integers(-128, 127)))
def test_motion_comes_back(size, samples):
    block = only(decode(encode_raw(size - 1, samples, STAMP_NS, ACC, size)))
    assert (block.stream, block.channels, block.last_ns) == (MOTION, ("x", "y", "z"), STAMP_NS)
    assert np.array_equal(block.values, samples)
    assert np.array_equal(values(encode_delta(1, samples, STAMP_NS, kind=ACC, size=2)), samples)


def test_motion_in_the_sensors_own_unit_becomes_mg():
    samples = np.array([[4098, -4098, 0], [-3184, 1787, 2]])  # 0.244 mg each
    assert values(encode_delta(0, samples, STAMP_NS, kind=ACC, size=2)).tolist() == [[1000, -1000, 0], [-777, 436, 0]]


def test_channels_of_unknown_colour_keep_the_order_of_the_wire():
    block = only(decode(encode_delta(10, np.arange(42).reshape(2, 21), STAMP_NS)))
    assert block.channels == tuple(f"ch{index}" for index in range(20))
    assert block.values.tolist() == [list(range(20)), list(range(21, 41))]


def test_pulse_intervals_leave_out_those_of_a_moving_arm():
    # 60 bpm 1000 ms; 61 bpm 984 ms, moved; 62 bpm 968 ms, contact known and there
    numbers = only(decode(frame(0, "3c e803 0a00 06" + "3d d803 0a00 07" + "3e c803 0a00 06", 3, 0)), Numbers)
    assert numbers == Numbers(heart_rate_bpm=62.0, rr_ms=(1000.0, 968.0), contact=True)
    assert only(decode(frame(0, "00 e803 0a00 01", 3)), Numbers) == Numbers()


def test_settings_of_the_front_end_are_facts():
    slots = "02 7f 06 02 06 04 02 06 03 02 01 ff"
    pairs = "01 07 ff 00" + "00" * 19 + "fc"
    gains = {"integrations": list(bytes.fromhex(slots)), "gain1": [1, 7] + [0] * 10, "gain2": [7] + [0] * 10 + [4]}
    for kind in (4, 9):
        facts = only(decode(frame(kind, slots + pairs)), Facts)
        assert facts.values == {"frame_type": kind, "device_ns": STAMP_NS, **gains}
    one, other = decode(frame(14, "03 48 92" + "05 09 00"))
    assert isinstance(one, Facts)
    assert isinstance(other, Facts)
    assert (one.values["integrations"], one.values["gain1"], one.values["gain2"]) == ([3], [0], [2])
    assert (other.values["integrations"], other.values["gain1"], other.values["gain2"]) == ([5], [1], [0])
    assert only(decode(frame(5, "ffffffff")), Facts).values == {"device_ns": STAMP_NS, "operation_mode": 0xFFFFFFFF}
    assert only(decode(frame(6, "01" + "00" * 6 + "80")), Facts).values["sport_id"] == (1 << 63) + 1


@pytest.mark.parametrize("measurement", [0, 5, 6, 7, 10, 11, 12, 14, 0x3F])
def test_measurements_that_are_not_used_give_nothing(measurement):
    assert decode(frame(0x80, "0102", measurement)) == []


@pytest.mark.parametrize(
    ("measurement", "raw", "delta"), [(1, {0, 4, 5, 6, 9, 14}, set(LIGHT)), (2, {0, 1, 2}, {0, 1})]
)
def test_only_the_legal_frame_types_are_read(measurement, raw, delta):
    content = "00" * 360  # a whole number of records of every legal type
    for kind in range(128):
        if kind in raw:
            assert decode(frame(kind, content, measurement))
        else:
            with pytest.raises(FrameError, match=f"uncompressed type {kind}"):
                decode(frame(kind, content, measurement))
        if kind in delta:
            reference = "00" * (3 * LIGHT[kind][0] if measurement == 1 else 6)
            assert len(values(frame(kind | 0x80, reference, measurement))) == 1
        else:
            with pytest.raises(FrameError, match=f"compressed type {kind}"):
                decode(frame(kind | 0x80, content, measurement))


@pytest.mark.parametrize(
    ("kind", "content", "measurement", "message"),
    [
        (0x00, "", 1, "0 bytes of content"),
        (0x00, "00" * 13, 1, "not a whole number of records of 12"),
        (0x01, "00" * 7, 2, "not a whole number of records of 6"),
        (0x00, "00" * 7, 3, "not a whole number of records of 6"),
        (0x01, "00" * 6, 3, "uncompressed type 1"),
        (0x80, "00" * 6, 3, "compressed type 0"),
        (0x04, "00" * 35, 1, "not a whole number of records of 36"),
        (0x05, "00" * 6, 1, "not a whole number of records of 4"),
        (0x06, "00" * 4, 1, "not a whole number of records of 8"),
        (0x80, "00" * 11, 1, "cut off"),
        (0x80, "00" * 12 + "01", 1, "cut off"),
        (0x80, "00" * 12 + "0801 00", 1, "at least 28"),
        (0x80, "00" * 12 + "0001", 1, "0 bits per difference"),
        (0x80, "00" * 12 + "2101" + "00" * 17, 1, "33 bits per difference"),
    ],
)
def test_what_the_description_does_not_allow_is_refused(kind, content, measurement, message):
    with pytest.raises(FrameError, match=message):
        decode(frame(kind, content, measurement))


def test_a_frame_shorter_than_its_header_is_refused():
    for length in range(HEADER):
        with pytest.raises(FrameError):
            decode(frame(0x80, "00" * 12)[:length])


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(0, 255), st.binary(max_size=120))
def test_any_bytes_give_items_or_a_frame_error(measurement, kind, content):
    try:
        items = decode(frame(kind, content.hex(), measurement))
    except FrameError:
        return
    for item in items:
        assert isinstance(item, (Block, Numbers, Facts))
        if isinstance(item, Block):
            assert item.values.shape[0] > 0
            assert item.values.shape[1] == len(item.channels)


def test_the_encoder_refuses_what_its_blocks_cannot_hold():
    samples = np.array([[0, 0, 0, 0], [4, 0, 0, 0]])
    assert [width_of(np.array(one)) for one in ([0], [-1], [1], [-2], [3, -4], [4])] == [1, 1, 2, 2, 3, 4]
    with pytest.raises(ValueError, match="needs 4 bits"):
        encode_delta(0, samples, STAMP_NS, widths=[3])
    with pytest.raises(ValueError, match="do not hold 1 differences"):
        encode_delta(0, samples, STAMP_NS, block_sizes=[2])
    with pytest.raises(ValueError, match="2 widths for 1 blocks"):
        encode_delta(0, samples, STAMP_NS, widths=[4, 4])
    with pytest.raises(OverflowError):
        encode_raw0(samples + (1 << 23), STAMP_NS)

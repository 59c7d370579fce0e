"""Channels put side by side: complete or not at all, in order, over a wrap and a loss."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.driver import Block, StreamFormat
from ingest.devices.join import ChannelJoin

FORM = StreamFormat(("ir", "red", "ambient"), 64.0, counter_modulus=1 << 16, samples_per_count=6)


def one(channel, count, n=6, valid=None):
    """Values tell channel and count."""
    base = 1000 * count + 100 * FORM.channels.index(channel)
    return Block("ppg", (channel,), base + np.arange(n)[:, None], valid=valid, counter=count % FORM.counter_modulus)


def whole(count):
    return (1000 * count + 100 * np.arange(3) + np.arange(6)[:, None]).tolist()


def pushed(join, *blocks):
    return [block for each in blocks for block in join.push(each)]


def three(count):
    return [one(channel, count) for channel in FORM.channels]


def test_a_count_is_given_out_when_its_last_channel_has_come():
    join = ChannelJoin(FORM)
    assert pushed(join, one("red", 5), one("ambient", 5)) == []
    (block,) = join.push(one("ir", 5))
    assert block.values.tolist() == whole(5)
    assert (block.stream, block.channels, block.counter, block.valid) == ("ppg", FORM.channels, 5, None)


def test_order_within_a_count_and_duplicates_do_not_matter():
    join = ChannelJoin(FORM)
    again = [one("ir", 7), one("ir", 7), *three(7), one("red", 7), *three(7)]
    assert [block.values.tolist() for block in pushed(join, *again, *three(8))] == [whole(7), whole(8)]


def test_a_count_that_begins_before_the_one_before_it_comes_after_it():
    join = ChannelJoin(FORM)
    assert [block.counter for block in pushed(join, one("ir", 2), *three(1), *three(2)[1:])] == [1, 2]


def test_a_counter_that_never_wraps_is_taken_as_it_is():
    join = ChannelJoin(replace(FORM, counter_modulus=None))
    blocks = [replace(block, counter=70_000) for block in three(1)]
    assert [block.counter for block in pushed(join, *three(1), *blocks)] == [1, 70_000]


def test_a_duplicate_with_other_values_changes_nothing():
    join = ChannelJoin(FORM)
    other = Block("ppg", ("ir",), np.zeros((6, 1), np.int64), counter=7)
    assert pushed(join, one("ir", 7), other, one("red", 7), one("ambient", 7))[0].values.tolist() == whole(7)


def test_counts_wrap():
    join = ChannelJoin(FORM)
    counts = [65534, 65535, 65536, 65537]
    out = pushed(join, *(block for count in counts for block in three(count)))
    assert [block.counter for block in out] == [65534, 65535, 0, 1]
    assert [block.values.tolist() for block in out] == [whole(count) for count in counts]


def test_a_late_channel_is_waited_for_and_order_is_kept():
    join = ChannelJoin(FORM)
    assert pushed(join, one("ir", 1), one("red", 1), *three(2), *three(3)) == []
    assert [block.counter for block in join.push(one("ambient", 1))] == [1, 2, 3]


def test_a_count_with_a_lost_channel_is_given_up_whole():
    join = ChannelJoin(FORM)
    out = pushed(join, *three(0), one("ir", 1), one("red", 1), *three(2), *three(3), one("ir", 4))
    assert [block.counter for block in out] == [0, 2, 3]
    assert pushed(join, one("ambient", 1), one("red", 4), one("ambient", 4))[0].counter == 4


def test_channels_of_different_length_are_given_up():
    join = ChannelJoin(FORM)
    assert pushed(join, one("ir", 1), one("red", 1, n=5), one("ambient", 1)) == []
    assert [block.counter for block in pushed(join, *three(2))] == [2]


def test_what_is_invalid_in_one_channel_is_invalid():
    join = ChannelJoin(FORM)
    first, second = np.array([1, 1, 0, 1, 1, 1], bool), np.array([1, 0, 1, 1, 1, 1], bool)
    (block,) = pushed(join, one("ir", 1, valid=first), one("red", 1), one("ambient", 1, valid=second))
    assert block.valid is not None
    assert block.valid.tolist() == [True, False, False, True, True, True]


def test_a_device_that_counts_anew_is_followed():
    join = ChannelJoin(FORM)
    pushed(join, *three(3000))
    out = pushed(join, *three(2), *three(3))
    assert [block.counter for block in out] == [2, 3]


def test_a_long_loss_is_a_gap():
    join = ChannelJoin(FORM)
    assert [block.counter for block in pushed(join, *three(1), one("ir", 2), *three(900))] == [1, 900]


def test_the_end_gives_out_what_is_complete():
    join = ChannelJoin(FORM)
    pushed(join, one("ir", 1), *three(2), one("red", 3))
    assert [block.counter for block in join.flush()] == [2]
    assert join.flush() == []
    assert [block.counter for block in pushed(join, *three(1))] == [1]


@pytest.mark.parametrize(
    "block",
    [
        Block("ppg", FORM.channels, np.zeros((2, 3), np.int64)),
        Block("ppg", ("ir",), np.zeros((2, 1), np.int64)),
        Block("ppg", ("green",), np.zeros((2, 1), np.int64), counter=1),
        Block("ppg", ("ir", "red"), np.zeros((2, 2), np.int64), counter=1),
    ],
)
def test_what_needs_no_joining_passes_through(block):
    assert ChannelJoin(FORM).push(block) == [block]


def test_channels_that_the_format_does_not_have_are_left_out():
    block = Block("ppg", ("red", "t2", "ambient", "ir"), np.arange(8).reshape(2, 4), first_ns=9)
    (out,) = ChannelJoin(FORM).push(block)
    assert (out.values.tolist(), out.channels, out.first_ns) == ([[3, 0, 2], [7, 4, 6]], FORM.channels, 9)


@given(
    st.integers(0, 70000), st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40), st.randoms()
)
def test_whatever_is_lost_or_shuffled_nothing_is_invented(start, arrived, random):
    blocks = [one(FORM.channels[i], start + k) for k, row in enumerate(arrived) for i in range(3) if row[i]]
    near = sorted(blocks, key=lambda block: int(block.values[0, 0]) // 1000 + random.uniform(0, 1.5))
    join = ChannelJoin(FORM)
    out = pushed(join, *near) + join.flush()
    whole_counts = [start + k for k, row in enumerate(arrived) if all(row)]
    assert [block.values.tolist() for block in out] == [whole(count) for count in whole_counts]

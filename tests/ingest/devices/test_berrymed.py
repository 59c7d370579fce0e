"""BCI packets: flags by hand, packets cut anywhere, junk between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.devices.berrymed import DATA, DRIVER, BciDecoder
from ingest.devices.driver import Advert, Block, Numbers
from ingest.errors import FrameError
from tests.ingest.devices.feeding import cut, fed, numbers, only, rows


def packet(pleth=50, rate=72, spo2=97, signal=7, *, no_signal=0, unplugged=0, no_finger=0, searching=0, beep=0):
    return bytes(
        (
            0x80 | signal | no_signal << 4 | unplugged << 5 | beep << 6,
            pleth,
            5 | no_finger << 4 | searching << 5 | (rate >> 7) << 6,
            rate & 0x7F,
            spo2,
        )
    )


def feed(*frames):
    return fed(BciDecoder(), DATA, frames)


def test_four_packets_in_twenty_bytes():
    block, said = BciDecoder().feed(DATA, b"".join(packet(pleth) for pleth in (1, 50, 99, 100)))
    assert isinstance(block, Block)
    assert (block.channels, block.valid, block.counter, block.first_ns) == (("pleth",), None, None, None)
    assert block.values.tolist() == [[1], [50], [99], [100]]
    assert said == Numbers(heart_rate_bpm=72.0, spo2_percent=97.0, contact=True)


@pytest.mark.parametrize(
    ("sent", "valid"),
    [
        (packet(1), True),
        (packet(0), False),
        (packet(no_finger=1), False),
        (packet(unplugged=1), False),
        (packet(searching=1), True),
        (packet(no_signal=1), True),
        (packet(searching=1, no_signal=1), False),
        (packet(beep=1, signal=8), True),
    ],
)
def test_a_sample_is_valid_or_not(sent, valid):
    block = only(feed(sent))
    assert (block.valid is None) == valid
    mixed = only(feed(sent + packet(7)))
    assert mixed.valid is None or mixed.valid.tolist() == [valid, True]
    assert len(mixed.values) == 2  # an invalid sample still takes its time


@pytest.mark.parametrize("rate", [0, 1, 63, 64, 127, 128, 200, 254])
def test_bit_7_of_the_rate_is_in_another_byte(rate):
    assert only(feed(packet(rate=rate)), Numbers).heart_rate_bpm == rate


def test_what_the_oximeter_marks_as_invalid_is_none():
    assert only(feed(packet(rate=255)), Numbers).heart_rate_bpm is None
    assert only(feed(packet(spo2=127)), Numbers).spo2_percent is None
    assert only(feed(packet(spo2=101)), Numbers).spo2_percent is None
    assert only(feed(packet(spo2=100)), Numbers).spo2_percent == 100.0


@pytest.mark.parametrize("lost", ["no_finger", "unplugged"])
def test_a_finger_that_is_gone_is_told(lost):
    assert only(feed(packet(**{lost: 1})), Numbers).contact is False


def test_the_numbers_are_those_of_the_last_packet_once_a_notification():
    items = feed(packet(rate=60) + packet(rate=61), packet(rate=62))
    assert [one.heart_rate_bpm for one in numbers(items)] == [61.0, 62.0]


FLAG = st.integers(0, 1)
PACKETS = st.lists(
    st.builds(
        packet, st.integers(0, 127), st.integers(0, 255), st.integers(0, 127), st.integers(0, 15),
        no_signal=FLAG, unplugged=FLAG, no_finger=FLAG, searching=FLAG, beep=FLAG,
    ),
    max_size=20,
)  # fmt: skip


def mask(items):
    """(n,) bool of all blocks."""
    blocks = [item for item in items if isinstance(item, Block)]
    return [one for b in blocks for one in (np.ones(len(b.values), bool) if b.valid is None else b.valid)]


@given(PACKETS, st.lists(st.integers(0, 100)))
def test_packets_cut_anywhere_give_the_same_samples(packets, places):
    data = b"".join(packets)
    items = feed(*cut(data, places))
    assert rows(items) == [[one[1]] for one in packets]
    assert mask(items) == mask(feed(data))
    assert numbers(items)[-1:] == numbers(feed(data))


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_any_bytes_cut_anywhere_give_the_same_samples(data, places):
    assert rows(feed(*cut(data, places))) == rows(feed(data))


@given(st.binary(max_size=12), PACKETS)
def test_packets_are_found_behind_junk(junk, packets):
    tail = rows(feed(junk + b"".join(packets)))
    assert tail[len(tail) - len(packets) :] == [[one[1]] for one in packets]
    assert len(tail) - len(packets) <= len(junk) // 5


def test_a_packet_that_another_breaks_off_is_dropped_whole():
    assert rows(feed(packet(1)[:4] + packet(2) + packet(3)[:2], packet(4))) == [[2], [4]]


def test_joining_in_the_middle_of_a_packet_is_no_error():
    assert rows(BciDecoder().feed(DATA, packet(1)[2:] + packet(2))) == [[2]]
    assert BciDecoder().feed(DATA, packet(1)[3:]) == []


def test_five_bytes_without_a_packet_are_refused_and_the_next_one_is_read():
    decoder = BciDecoder()
    with pytest.raises(FrameError, match="no packet starts"):
        decoder.feed(DATA, bytes(20))
    assert rows(decoder.feed(DATA, packet(9))) == [[9]]
    with pytest.raises(FrameError, match="no packet starts"):  # what follows a whole packet belongs to none
        decoder.feed(DATA, bytes(20))


def test_every_connection_begins_afresh():
    first, second = DRIVER.decoder(), DRIVER.decoder()
    first.feed(DATA, packet(1)[:3])
    assert second.feed(DATA, packet(1)[3:]) == []


def test_it_is_known_by_its_name_or_by_its_uart():
    assert DRIVER.matches(Advert("BerryMed"))
    assert DRIVER.matches(Advert("BM1000C"))
    assert DRIVER.matches(Advert(None, ("49535343-fe7d-4ae5-8fa9-9fafd205e455",)))
    assert not DRIVER.matches(Advert("Polar Sense 1"))

"""That the fuzzer's judge accepts what is right and notices what is wrong; the fuzzing itself is `make fuzz`."""

from dataclasses import replace

import numpy as np
import pytest

from ingest.devices.driver import PPG, Block, Numbers
from ingest.devices.registry import DRIVERS
from ingest.errors import FrameError
from tests.fuzz.fuzz_decoders import as_input, feed_all

DRIVER = DRIVERS["muse"]
FRAME = (DRIVER.main, bytes(20))


def with_decoder(answer):
    class Decoder:
        def feed(self, characteristic, frame):
            if isinstance(answer, Exception):
                raise answer
            return answer

    return replace(DRIVER, decoder=Decoder)


def block(n):
    return Block(PPG, ("ir",), np.zeros((n, 1), np.int64))


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_what_is_right_is_accepted(driver):
    feed_all(driver, b"")
    feed_all(driver, as_input(driver, [(name, bytes(size)) for name in driver.notify for size in (0, 1, 20, 53)]))
    feed_all(driver, b"\x00\xff\x01")  # a frame that is cut off by the input's end


def test_a_refusal_is_accepted():
    feed_all(with_decoder(FrameError("no")), as_input(DRIVER, [FRAME]))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([block(100)], AssertionError),
        ([Numbers(rr_ms=(1.0,) * 11)], AssertionError),
        (["a string"], AssertionError),
        (FrameError(""), AssertionError),
        (ValueError("slipped through"), ValueError),
    ],
)
def test_what_is_wrong_is_noticed(answer, error):
    with pytest.raises(error):
        feed_all(with_decoder(answer), as_input(DRIVER, [FRAME]))


def test_the_input_tells_characteristic_and_length():
    assert as_input(DRIVER, [(DRIVER.notify[2], b"ab"), (DRIVER.notify[0], b"")]) == b"\x02\x02ab\x00\x00"

"""Contracts: what is encoded is decoded, version 1 is readable for ever, and bad bytes have their own error."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream import messages
from stream.messages import (
    Abstention,
    Alert,
    Demographics,
    DeviceStatus,
    EcgSegment,
    MalformedMessage,
    Motion,
    Numerics,
    PpgChunk,
    PpgSegment,
    ReferenceEcg,
    UnknownSchema,
    decode,
    encode,
    schema_id,
)

GOLDEN = Path(__file__).parents[1] / "data" / "messages"
PERSON = Demographics(61.5, "F", None, 70.0)

EXAMPLES = [
    PpgChunk(
        "dev", "pat", "ses", 7, 1_700_000_000_000_000_000, 54.75, ("a", "b"), 1, "counts", 0.5, -3.0, -1, 0.25, PERSON,
        12, None, 99, 2_000_000_000, False, np.array([[1, -2], [2**30, 4]], "<i4"),
        12.5, 1_699_999_999_900_000_000, 52.0, np.array([[1, -2, 3], [4, 5, -1000]], "<i2"),
    ),
    PpgSegment(
        "pat", "dev", "ses", 2_000_000_000, 128, 1, 3, 256, 384, 72, 0.75, ("flat",), PERSON, 0, 5, True,
        np.array([0.5, -1, 2, 3], "<f4"), np.array([1, 0, 1, 1], "u1"), np.array([1, 2], "<f4"),
        np.arange(32, dtype="<f4").reshape(2, 16), np.array([[7, 8, -32768]], "<i2"),
    ),
    EcgSegment(
        "pat", "dev", "ses", 2_000_000_000, 128, 61.5, 0.9, ("f",), 0.8, ("r", "s"), (Abstention(1, 2, "why"),), "m", 2,
        "estimated", 0, False, {"closed": 5}, np.arange(24, dtype="<i2").reshape(2, 12),
        np.array([[1, 2], [3, 4]], "<i2"),
        np.array([5, 6], "<i8"), np.array([0.5, 0.25], "<f4"), np.array([np.nan, 812.5], "<f4"),
    ),
    Alert("i", "pat", "dev", "r", "technical", "high", "raised", False, 1, 2, None, 3.5, "e", "t"),
    DeviceStatus("dev", "pat", "ses", 1, None, "streaming", 0.5, -60.0, 125.0, 1, 2, False),
    Motion("dev", "pat", "ses", 1, 2, 50.0, "mg", 0, np.arange(6, dtype="<f4").reshape(2, 3)),
    Numerics("dev", "pat", "ses", 1, 60.0, None, 0, np.array([1000.0], "<f4")),
    ReferenceEcg("pat", "dev", "ses", 1, 2, 250.0, ("II", "V1"), 0, False, np.array([[1, np.nan]], "<f4")),
]  # fmt: skip


def assert_same(one, other):
    for item in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, item.name), getattr(other, item.name), item.name)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: type(one).__name__)
def test_decode_inverts_encode(message):
    assert_same(decode(encode(message), type(message)), message)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: type(one).__name__)
def test_the_golden_bytes_of_version_1_still_mean_the_same(message):
    payload = (GOLDEN / f"{type(message).__name__}.v1.bin").read_bytes()
    if isinstance(message, EcgSegment):  # what version 2 added is empty
        message = dataclasses.replace(message, rr_ms=np.zeros(0, "<f4"))
    if isinstance(message, PpgChunk):
        message = dataclasses.replace(without_motion(message), clock_drift_ppm=None)
    if isinstance(message, PpgSegment):
        message = dataclasses.replace(message, motion_mg=np.zeros((0, 3), "<i2"))
    assert_same(decode(payload, type(message)), message)


@pytest.mark.parametrize("kind", [EcgSegment, PpgChunk, PpgSegment])
def test_the_golden_bytes_of_version_2_still_mean_the_same(kind):
    (message,) = (one for one in EXAMPLES if isinstance(one, kind))
    message = without_motion(message) if isinstance(message, PpgChunk) else message
    assert_same(decode((GOLDEN / f"{kind.__name__}.v2.bin").read_bytes(), kind), message)


def test_the_golden_bytes_of_version_3_still_mean_the_same():
    assert_same(decode((GOLDEN / "PpgChunk.v3.bin").read_bytes(), PpgChunk), EXAMPLES[0])


def without_motion(chunk):
    return dataclasses.replace(chunk, motion_t0_ns=None, motion_fs_hz=None, motion_mg=np.zeros((0, 3), "<i2"))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: type(one).__name__)
def test_the_header_is_confluents(message):
    payload = encode(message)
    assert payload[0] == 0
    assert int.from_bytes(payload[1:5], "big") == schema_id(type(message).__name__)


def test_every_contract_has_an_example():
    contracts = {name for name in messages.__all__ if name[0].isupper() and (GOLDEN / f"{name}.v1.bin").exists()}
    assert contracts == {type(one).__name__ for one in EXAMPLES}
    assert len({schema_id(name) for name in contracts}) == len(contracts) == 8


@given(st.binary(max_size=80))
def test_garbage_is_refused_and_never_crashes(payload):
    with pytest.raises((MalformedMessage, UnknownSchema)):
        decode(payload, EcgSegment)


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 6, 20, -1])
def test_a_cut_off_message_is_malformed(cut):
    with pytest.raises(MalformedMessage):
        decode(encode(EXAMPLES[0])[:cut], PpgChunk)


def test_more_than_a_message_is_malformed():
    with pytest.raises(MalformedMessage, match="left over"):
        decode(encode(EXAMPLES[0]) + b"x", PpgChunk)


def test_an_unknown_id_and_another_record_are_told_apart_from_garbage():
    with pytest.raises(UnknownSchema, match="999"):
        decode(b"\x00\x00\x00\x03\xe7", PpgChunk)
    with pytest.raises(UnknownSchema, match="is a Alert, expected a PpgChunk"):
        decode(encode(EXAMPLES[3]), PpgChunk)


def test_a_chunk_without_an_accelerometer_says_so_in_no_more_than_a_few_bytes():
    bare, same = without_motion(EXAMPLES[0]), decode(encode(without_motion(EXAMPLES[0])), PpgChunk)
    assert_same(same, bare)
    assert same.motion_mg.shape == (0, 3)
    assert len(encode(bare)) - len((GOLDEN / "PpgChunk.v2.bin").read_bytes()) == 3


def test_samples_that_do_not_fill_their_channels_are_malformed():
    payload = encode(dataclasses.replace(EXAMPLES[0], channels=("a", "b", "c")))
    with pytest.raises(MalformedMessage):
        decode(payload, PpgChunk)

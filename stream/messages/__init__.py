"""The wire contracts: the one thing every room shares."""

from stream.messages.codec import MalformedMessage, MessageError, UnknownSchema, decode, encode, schema_id
from stream.messages.types import (
    ABSTAINED_UV,
    GRID_FS_HZ,
    GRID_STEP_NS,
    LEADS,
    Abstention,
    Alert,
    Demographics,
    DeviceStatus,
    EcgSegment,
    Motion,
    Numerics,
    PpgChunk,
    PpgSegment,
    ReferenceEcg,
)

__all__ = [
    "ABSTAINED_UV",
    "GRID_FS_HZ",
    "GRID_STEP_NS",
    "LEADS",
    "Abstention",
    "Alert",
    "Demographics",
    "DeviceStatus",
    "EcgSegment",
    "MalformedMessage",
    "MessageError",
    "Motion",
    "Numerics",
    "PpgChunk",
    "PpgSegment",
    "ReferenceEcg",
    "UnknownSchema",
    "decode",
    "encode",
    "schema_id",
]

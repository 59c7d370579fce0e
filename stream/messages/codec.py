"""Avro bytes <-> contracts, with the Confluent wire header (magic 0, 4-byte big-endian schema id).

Schema ids are fixed in `schemas/registry.json`; no registry server is needed to read a message.
"""

from __future__ import annotations

import dataclasses
import io
import json
import struct
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar, cast

import fastavro
import numpy as np

from stream.messages import types

__all__ = ["MalformedMessage", "MessageError", "UnknownSchema", "decode", "encode", "schema_id"]

M = TypeVar("M")
_HEADER = struct.Struct(">bI")


class MessageError(Exception):
    """Bytes that are not one of our messages; they never become one by trying again."""


class UnknownSchema(MessageError):
    """The header names a schema that this version does not know: upgrade the reader."""


class MalformedMessage(MessageError):
    """The header is right but the body is not."""


@cache
def _registry() -> dict[int, tuple[str, Any]]:
    folder = files("stream.messages") / "schemas"
    entries = json.loads((folder / "registry.json").read_text())
    return {
        entry["id"]: (entry["name"], fastavro.parse_schema(json.loads((folder / entry["file"]).read_text())))
        for entry in entries
    }


@cache
def schema_id(name: str) -> int:
    """Newest schema id of the record called `name`."""
    return max(number for number, (known, _) in _registry().items() if known == name)


@cache
def _fields(kind: type) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(kind)


def encode(message: Any) -> bytes:
    """Encode one contract with its newest schema."""
    number = schema_id(type(message).__name__)
    out = io.BytesIO()
    out.write(_HEADER.pack(0, number))
    fastavro.schemaless_writer(out, _registry()[number][1], _plain(message))
    return out.getvalue()


def decode(payload: bytes | None, kind: type[M]) -> M:
    """Decode one contract and check that it is a `kind`.

    Raises UnknownSchema on an unknown id or another record, MalformedMessage on anything else."""
    if not payload or len(payload) < _HEADER.size:
        raise MalformedMessage("shorter than the 5-byte header")
    magic, number = _HEADER.unpack_from(payload)
    if magic != 0:
        raise MalformedMessage(f"first byte is {magic}, not 0")
    if number not in _registry():
        raise UnknownSchema(f"schema id {number} is not known here")
    name, schema = _registry()[number]
    if name != kind.__name__:
        raise UnknownSchema(f"schema id {number} is a {name}, expected a {kind.__name__}")
    body = io.BytesIO(payload[_HEADER.size :])
    try:
        record = fastavro.schemaless_reader(body, schema, _registry()[schema_id(name)][1])
        if body.read(1):
            raise MalformedMessage("bytes left over after the record")
        return _build(kind, record)
    except MessageError:
        raise
    except Exception as error:  # fastavro raises whatever the bytes provoke
        raise MalformedMessage(f"{name}: {type(error).__name__}: {error}") from error


def _plain(message: Any) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for item in _fields(type(message)):
        value = getattr(message, item.name)
        if "dtype" in item.metadata:
            value = np.ascontiguousarray(value, dtype=item.metadata["dtype"]).tobytes()
        elif dataclasses.is_dataclass(value):
            value = _plain(value)
        elif isinstance(value, tuple):
            value = [_plain(one) if dataclasses.is_dataclass(one) else one for one in value]
        record[item.name] = value
    return record


def _build(kind: type[M], record: Any) -> M:
    values: dict[str, Any] = {}
    for item in _fields(kind):
        value = record[item.name]
        if "dtype" in item.metadata:
            if isinstance(value, str):  # a default: Avro writes bytes as characters up to 255
                value = value.encode("latin-1")
            value = np.frombuffer(value, dtype=item.metadata["dtype"])
            columns = item.metadata["columns"]
            if columns:
                width = columns[0] if isinstance(columns[0], int) else len(record[columns[0]])
                value = value.reshape(-1, width)
        elif item.name == "demographics" and value is not None:
            value = types.Demographics(**value)
        elif item.name == "abstained":
            value = tuple(types.Abstention(**one) for one in cast(list[dict[str, Any]], value))
        elif isinstance(value, list):
            value = tuple(value)
        values[item.name] = value
    return kind(**values)

"""What bytes that are no JSON look like: each format made as its own libraries make it, and what is left alone."""

from __future__ import annotations

import base64
import gzip
import json
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.input_settings import PredictionFields
from driftline.errors import EventError
from driftline.events.prediction import PredictionDecoder
from driftline.events.smells import smell

DECODE = PredictionDecoder(PredictionFields())
EVENT = {"prediction_id": "p-17", "model": "loan", "features": {"age": 41, "income": 28605.96}, "score": 0.25}
TEXT = json.dumps(EVENT).encode()
AVRO = b"\x08p-17" + struct.pack("<d", 0.25) + b"\x02"
PROTOBUF = b"\x0a\x04p-17" + b"\x11" + struct.pack("<d", 0.25) + b"\x18\x07"


def framed(payload: bytes, number: int = 299) -> bytes:
    return b"\x00" + struct.pack(">I", number) + payload


def cbor(value: dict[str, object]) -> bytes:
    """Return a small map of text to small integers as CBOR (RFC 8949)."""
    parts = [bytes([0xA0 + len(value)])]
    for name, number in value.items():
        parts += [bytes([0x60 + len(name)]), name.encode(), bytes([int(str(number))])]
    return b"".join(parts)


@pytest.mark.parametrize(
    ("value", "names", "advises"),
    [
        (framed(AVRO), "Schema Registry: a zero byte, schema id 299, then Avro", "registry's address"),
        (
            framed(b"\x00" + PROTOBUF),
            "Schema Registry: a zero byte, schema id 299, then Protobuf",
            "schema_registry: {url",
        ),
        (framed(TEXT), "Schema Registry: a zero byte, schema id 299, then JSON", "leave its frame out"),
        (b"Obj\x01\x04\x16avro.schema", "an Avro container file", "write JSON"),
        (PROTOBUF, "a Protobuf message without a frame", "write JSON"),
        (gzip.compress(TEXT, mtime=0), "compressed with gzip", "`compression.type`"),
        (b"\x28\xb5\x2f\xfd\x04\x00" + TEXT, "compressed with Zstandard (zstd)", "`compression.type`"),
        (b"\xff\x06\x00\x00sNaPpY" + TEXT, "compressed with Snappy", "`compression.type`"),
        (b"\x82SNAPPY\x00" + TEXT, "compressed with Snappy", "`compression.type`"),
        (b"\x04\x22\x4d\x18\x64" + TEXT, "compressed with LZ4", "`compression.type`"),
        (msgspec.msgpack.encode(EVENT), "MessagePack", "write JSON"),
        (msgspec.msgpack.encode({str(n): n for n in range(20)}), "MessagePack", "write JSON"),
        (cbor({"age": 4, "loan": 7}), "CBOR", "write JSON"),
        (json.dumps(EVENT).encode("utf-16"), "UTF-16", "UTF-8"),
        (json.dumps(EVENT).encode("utf-16-le"), "UTF-16", "UTF-8"),
        (json.dumps(EVENT).encode("utf-16-be"), "UTF-16", "UTF-8"),
        (b"p-17,loan,1,41,28605.96", "a line of a table, its cells separated by commas", "one JSON object"),
        ("p-17;Zürich;41".encode(), "separated by semicolons", "one JSON object"),
        (b"p-17\tloan\t41\n", "separated by tabs", "one JSON object"),
        (b'<?xml version="1.0"?><event id="p-17"/>', "XML", "write JSON"),
        (b"<event><id>p-17</id></event>", "XML", "write JSON"),
        (base64.b64encode(TEXT), "base64", "bytes themselves"),
        (str(EVENT).encode(), "a Python dictionary", "`json.dumps`"),
        (str(TEXT).encode(), "Python bytes as text", "bytes themselves"),
        (b"Struct{prediction_id=p-17,model=loan}", "a Kafka Connect struct", "JsonConverter"),
    ],
)
def test_each_format_is_named_with_what_to_do(value: bytes, names: str, advises: str) -> None:
    guess = smell(value)
    assert guess is not None
    assert guess.startswith("It looks like ")
    assert names in guess
    assert advises in guess
    with pytest.raises(EventError) as refused:
        DECODE(value)
    assert str(refused.value).startswith(f"{guess}. Expected ")


@pytest.mark.parametrize(
    "value",
    [b"", b"\x00", TEXT, TEXT[:-5], b"[1, 2", b"hello", b"NaN", b"\xc3\xa9", b"\x00\x00\x00\x00\x00abc", b"12"],
)
def test_what_looks_like_nothing_known_gets_no_guess(value: bytes) -> None:
    assert smell(value) is None


@given(st.binary(max_size=600))
def test_no_bytes_break_it_and_a_guess_is_one_line(value: bytes) -> None:
    guess = smell(value)
    assert guess is None or (guess.startswith("It looks like ") and "\n" not in guess)

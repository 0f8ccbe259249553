"""Protobuf in the native library against the reader in Python: the same document, or none."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from hypothesis import given
from hypothesis import strategies as st

from driftline.runtime.encodings.protobuf_schema import ProtobufSchema, from_registry
from tests.support.changed_bytes import changed_bytes
from tests.support.examples import examples
from tests.support.native import require_native
from tests.support.proto_cases import message_of, schemas_and_values


@pytest.fixture(scope="module", autouse=True)
def _native() -> None:
    require_native()


def as_json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def compare(schema: ProtobufSchema, *values: bytes, name: str = "P") -> list[bool]:
    """Compare all values in one batch; return which of them the native library wrote."""
    native, read = schema.transcoder(name), schema.reader(name)
    assert native is not None, "the message type is left to Python"
    texts = native(values)
    assert len(texts) == len(values)
    for value, text in zip(values, texts, strict=True):
        if text:
            assert text == as_json(read(value))
    return [text != b"" for text in texts]


def proto3(text: str) -> ProtobufSchema:
    return from_registry(f'syntax = "proto3"; {text}', {})


# --- any message type -------------------------------------------------------------------------------------------------


@given(schemas_and_values(), st.data())
@examples(200)
def test_what_is_written_is_the_document_of_the_reader_in_python(
    case: tuple[ProtobufSchema, bytes], data: st.DataObject
) -> None:
    schema, value = case
    noise = data.draw(st.lists(changed_bytes(value), max_size=6))
    compare(schema, value, *noise, value)


@pytest.mark.slow
@given(schemas_and_values(), st.lists(st.randoms(use_true_random=False), min_size=1, max_size=3))
@examples(1_000)
def test_many_changed_bytes_are_the_document_of_the_reader_in_python(
    case: tuple[ProtobufSchema, bytes], randoms: list[Any]
) -> None:
    schema, value = case
    changed = []
    for random in randoms:
        for _ in range(40):
            each = bytearray(value)
            for _ in range(random.randint(1, 3)):
                if each:
                    often = (0, 1, 2, 8, 10, 16, 18, 127, 128, 255)
                    each[random.randrange(len(each))] = random.choice((*often, random.randrange(256)))
            cut = random.choice((len(each), random.randint(0, len(each))))
            changed.append(bytes(each[:cut] + random.choice((b"", value))))
    compare(schema, value, *changed)


USUAL = proto3(
    """import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
    enum Kind { NONE = 0; ONE = 1; }
    message Features { optional double a = 1; float b = 2; optional string c = 3; bool d = 4; repeated int32 e = 5; }
    message P {
      string id = 1; google.protobuf.Timestamp at = 2; Features features = 3; map<string, double> more = 4;
      Kind kind = 5; oneof which { int64 number = 6; string text = 7; } google.protobuf.DoubleValue score = 8;
      repeated Features rows = 9; repeated string tags = 10;
    }"""
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
FEATURES = st.fixed_dictionaries(
    {},
    optional={
        "a": FINITE,
        "b": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "c": st.text(),
        "d": st.booleans(),
        "e": st.lists(st.integers(-(1 << 31), (1 << 31) - 1)),
    },
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.text(),
            "at": st.fixed_dictionaries(
                {"seconds": st.integers(-(10**10), 10**10), "nanos": st.integers(0, 10**9 - 1)}
            ),
            "features": FEATURES,
            "more": st.dictionaries(st.text(), FINITE),
            "kind": st.integers(0, 5),
            "text": st.text(),
            "score": st.fixed_dictionaries({"value": FINITE}),
            "rows": st.lists(FEATURES, max_size=3),
            "tags": st.lists(st.text()),
        },
    )
)
@examples(300)
def test_a_usual_value_is_never_left_to_python(value: dict[str, Any]) -> None:
    data = message_of(USUAL, value)
    assert compare(USUAL, data) == [True]
    assert compare(USUAL, data + b"\xfa\x01\x03new") == [True], "a field that the schema does not know"


# --- what is left to Python -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ("double x = 1;", b"\x09" + struct.pack("<d", math.nan)),
        ("string x = 1;", b"\x0a\x02\xff\xfe"),
        ("string x = 1;", b"\x0a\x05a"),
        ("string x = 1;", b"\x0a\x01a\x0a\x01b"),
        ("int32 x = 1;", b"\x0a\x01a"),
        ("int32 x = 1;", b"\x08" + b"\xff" * 9 + b"\x7f"),
        ("int32 x = 1;", b"\x08"),
        ("int32 x = 1;", b"\x00\x01"),
        ("int32 x = 1;", b"\x13\x08\x01\x14"),
        ("int32 x = 1;", b"\xff\xff\xff\xff\xff\x01\x01"),
        ("oneof o { int32 x = 1; int32 y = 2; }", b"\x08\x01\x10\x01"),
        ("map<string, int32> x = 1;", b"\x0a\x05\x0a\x01a\x10\x01\x0a\x05\x0a\x01a\x10\x02"),
        ("message M { int32 y = 1; } map<string, M> x = 1;", b"\x0a\x03\x0a\x01a"),
        ("message M { int32 y = 1; } M x = 1;", b"\x0a\x02\x08\x01\x0a\x02\x08\x02"),
        ("repeated int32 x = 1;", b"\x0a\x02\x01\x80"),
        ("repeated int32 x = 1;", b"\x0d\x01\x00\x00\x00"),
    ],
)
def test_what_is_unusual_is_left_and_its_neighbours_are_written(fields: str, value: bytes) -> None:
    assert compare(proto3(f"message P {{ {fields} string z = 9; }}"), b"\x4a\x01z", value, b"\x4a\x01z") == [
        True,
        False,
        True,
    ]


def test_a_message_in_itself_is_written_to_a_depth() -> None:
    schema = proto3("message P { P x = 1; }")

    def nested(depth: int) -> bytes:
        value = b""
        for _ in range(depth):
            size = len(value)
            value = b"\x0a" + (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + value
        return value

    assert compare(schema, nested(20), nested(90)) == [True, False]


def test_a_few_bytes_that_stand_for_very_much_are_left() -> None:
    fields = " ".join(f"double field_{number} = {number};" for number in range(1, 200))
    schema = proto3(f"message M {{ {fields} }} message P {{ repeated M x = 1; }}")
    assert compare(schema, b"\x0a\x00" * 1_000, b"\x0a\x00" * 100) == [False, True]


def test_the_values_of_a_closed_enum_without_names_are_left() -> None:
    schema = from_registry('syntax = "proto2"; enum K { A = 1; B = -5; } message P { optional K x = 1; }', {})
    assert compare(schema, b"\x08\x01", b"\x08\x02", b"") == [True, False, True]
    assert compare(schema, b"\x08\xfb" + b"\xff" * 8 + b"\x01") == [True]


@pytest.mark.parametrize(
    "text",
    [
        'syntax = "proto2"; message P { required int32 x = 1; }',
        'syntax = "proto2"; message P { optional group X = 1 { optional int32 y = 1; } }',
        'syntax = "proto3"; import "google/protobuf/struct.proto"; message P { google.protobuf.Struct x = 1; }',
        'syntax = "proto3"; import "google/protobuf/field_mask.proto"; message P { google.protobuf.FieldMask x = 1; }',
    ],
)
def test_some_message_types_are_left_to_python(text: str) -> None:
    schema = from_registry(text, {})
    assert schema.transcoder("P") is None
    schema.reader("P")


@pytest.mark.parametrize(
    "fields",
    ["bytes value = 1; uint32 precision = 2; int64 scale = 3;", "repeated bytes value = 1; int32 scale = 3;", ""],
)
def test_somebody_s_own_type_of_a_known_name_is_left_to_python(fields: str) -> None:
    theirs = f'syntax = "proto3"; package confluent.type; message Decimal {{ {fields} }}'
    text = 'syntax = "proto3"; import "their.proto"; message P { confluent.type.Decimal x = 1; }'
    assert from_registry(text, {"their.proto": theirs}).transcoder("P") is None


def test_a_message_type_with_extensions_is_left_to_python() -> None:
    file = FileDescriptorProto(name="p.proto", syntax="proto2")
    message = file.message_type.add(name="P")
    message.extension_range.add(start=100, end=200)
    assert from_registry(base64.b64encode(file.SerializeToString()).decode(), {}).transcoder("P") is None


def test_many_fields_that_can_be_absent_beside_a_choice_are_written() -> None:
    fields = " ".join(f"optional double f{number} = {number};" for number in range(3, 200))
    schema = proto3(f"message P {{ oneof o {{ int32 x = 1; int32 y = 2; }} {fields} }}")
    assert compare(schema, message_of(schema, {"y": 1, "f3": 0.0, "f199": 2.5}), b"\x08\x01\x10\x01") == [True, False]

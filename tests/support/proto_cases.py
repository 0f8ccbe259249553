"""Message types of Protobuf and values of them, any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory
from hypothesis import strategies as st

from driftline.runtime.encodings.protobuf_schema import ProtobufSchema, from_registry

if TYPE_CHECKING:
    from tests.support.proto_messages import ProtoMessage

_I32 = st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-2, 2)
_I64 = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-2, 2)
_U32 = st.integers(0, (1 << 32) - 1)
_U64 = st.integers(0, (1 << 64) - 1)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "double": st.floats(),
    "float": st.floats(width=32),
    "int32": _I32,
    "int64": _I64,
    "uint32": _U32,
    "uint64": _U64,
    "sint32": _I32,
    "sint64": _I64,
    "fixed32": _U32,
    "fixed64": _U64,
    "sfixed32": _I32,
    "sfixed64": _I64,
    "bool": st.booleans(),
    "string": st.text(max_size=40),
    "bytes": st.binary(max_size=20),
    "Kind": st.integers(0, 4) | _I32,
}
_TIME = st.fixed_dictionaries({"seconds": _I64, "nanos": _I32})
MESSAGES: dict[str, st.SearchStrategy[Any]] = {
    "google.protobuf.Timestamp": _TIME,
    "google.protobuf.Duration": _TIME,
    "google.protobuf.DoubleValue": st.fixed_dictionaries({"value": st.floats()}),
    "google.protobuf.FloatValue": st.fixed_dictionaries({"value": st.floats(width=32)}),
    "google.protobuf.Int64Value": st.fixed_dictionaries({"value": _I64}),
    "google.protobuf.UInt32Value": st.fixed_dictionaries({"value": _U32}),
    "google.protobuf.BoolValue": st.fixed_dictionaries({"value": st.booleans()}),
    "google.protobuf.StringValue": st.fixed_dictionaries({"value": st.text(max_size=10)}),
    "google.protobuf.BytesValue": st.fixed_dictionaries({"value": st.binary(max_size=10)}),
    "confluent.type.Decimal": st.fixed_dictionaries(
        {"value": st.binary(max_size=9), "precision": _U32, "scale": st.integers(-3, 30)}
    ),
}
KEYS = ("string", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "sfixed64", "bool")
HEAD = """syntax = "proto3";
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto"; import "confluent/type/decimal.proto";
enum Kind { NONE = 0; ONE = 1; TWO = 2; BELOW = -1; }
"""
Fields = tuple[str, dict[str, st.SearchStrategy[Any]]]
"""The text between a message's braces, and the values that each field may have."""


@st.composite
def _fields(draw: st.DrawFn, depth: int) -> Fields:
    numbers = draw(st.lists(st.integers(1, 40) | st.integers(1_020, 18_999), min_size=1, max_size=7, unique=True))
    texts: list[str] = []
    values: dict[str, st.SearchStrategy[Any]] = {}
    members: list[str] = []
    for number in numbers:
        name = f"f{number}"
        form = draw(st.sampled_from(["single", "optional", "repeated", "map", "member", "nested"]))
        if form == "nested" and depth:
            below, inner = draw(_fields(depth - 1))
            values[name] = st.fixed_dictionaries({}, optional=inner)
            texts.append(f"message M{number} {{ {below} }} M{number} {name} = {number};")
            continue
        type_ = draw(st.sampled_from([*SCALARS, *MESSAGES]))
        each = SCALARS.get(type_, MESSAGES.get(type_, st.nothing()))
        if form == "map":
            key = draw(st.sampled_from(KEYS))
            values[name] = st.dictionaries(SCALARS[key], each, max_size=3)
            texts.append(f"map<{key}, {type_}> {name} = {number};")
        elif form == "member":
            values[name] = each
            members.append(f"{type_} {name} = {number};")
        else:
            values[name] = st.lists(each, max_size=4) if form == "repeated" else each
            unpacked = " [packed = false]" if form == "repeated" and type_ in {"int32", "double"} else ""
            label = "" if form in {"single", "nested"} else f"{form} "
            texts.append(f"{label}{type_} {name} = {number}{unpacked};")
    if members:
        texts.append(f"oneof choice {{ {' '.join(members)} }}")
    return " ".join(texts), values


@st.composite
def schemas_and_values(draw: st.DrawFn) -> tuple[ProtobufSchema, bytes]:
    """Return a schema with a message type ``P``, and a message of it as bytes."""
    text, values = draw(_fields(2))
    schema = from_registry(f"{HEAD} message P {{ {text} }}", {})
    return schema, message_of(schema, draw(st.fixed_dictionaries({}, optional=values)))


def message_of(schema: ProtobufSchema, values: dict[str, Any], name: str = "P") -> bytes:
    """Return a message as bytes."""
    message = message_factory.GetMessageClass(schema._pool.FindMessageTypeByName(name))()
    _fill(message, values)
    data: bytes = message.SerializeToString()
    return data


def _fill(message: ProtoMessage, values: dict[str, Any]) -> None:
    for name, value in values.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        target = getattr(message, name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            of_messages = field.message_type.fields_by_name["value"].message_type is not None
            for key, each in value.items():
                if of_messages:
                    _fill(target[key], each)
                else:
                    target[key] = each
        elif field.is_repeated:
            for each in value:
                if field.message_type is not None:
                    _fill(target.add(), each)
                else:
                    target.append(each)
        elif field.message_type is not None:
            target.SetInParent()
            _fill(target, value)
        else:
            setattr(message, name, value)

"""Protobuf values against Google's own JSON form, and schemas from files and texts."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.json_format import MessageToDict

from driftline.runtime.encodings.protobuf_message import take_indexes, take_ref
from driftline.runtime.encodings.protobuf_schema import ProtobufSchema, from_descriptor_file, from_registry
from driftline.runtime.encodings.schema_problems import UNREADABLE, SchemaError
from tests.support.proto_messages import ProtoMessage, descriptor_set, message_classes

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """
syntax = "proto3";
package shop;
import "common.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
message Prediction {
  enum Kind { UNKNOWN = 0; LOAN = 1; }
  message Inner { string text = 1; optional int32 maybe = 2; repeated Inner inner = 3; }
  string prediction_id = 1; int64 big = 2; uint64 bigger = 3; double score = 4; float small = 5; bool flag = 6;
  bytes raw = 7; Kind kind = 8; optional double maybe = 9; optional Kind maybe_kind = 10; optional bytes maybe_raw = 11;
  Inner inner = 12; repeated Inner inners = 13; repeated double numbers = 14; repeated Kind kinds = 15;
  map<string, double> features = 16; map<int32, Inner> by_number = 17; map<bool, Kind> by_flag = 18;
  oneof choice { string text = 19; int32 number = 20; Inner message_choice = 21; }
  google.protobuf.Timestamp at = 22; google.protobuf.Duration took = 23;
  google.protobuf.DoubleValue wrapped = 24; google.protobuf.BytesValue wrapped_raw = 25;
  google.protobuf.Struct struct = 26; google.protobuf.Value value = 27; google.protobuf.ListValue list = 28;
  common.Region region = 29; optional string maybe_text = 30; google.protobuf.Any any = 31;
  google.protobuf.NullValue nothing = 32;
}
message Second { string name = 1; message Deep { sint32 depth = 1; } }
"""
COMMON = 'syntax = "proto3"; package common; message Region { string name = 1; fixed64 code = 2; }'
FILES = {"main.proto": MAIN, "common.proto": COMMON}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return descriptor_set(tmp_path_factory.mktemp("proto"), FILES, "main.proto")


@pytest.fixture(scope="module")
def prediction(compiled: bytes) -> ProtoMessage:
    return message_classes(compiled)["shop.Prediction"]


@pytest.fixture(params=["text", "base64", "descriptor file"])
def schema(request: pytest.FixtureRequest, compiled: bytes) -> ProtobufSchema:
    """The same schema, however it comes."""
    if request.param == "text":
        return from_registry(MAIN, {"common.proto": COMMON})
    if request.param == "base64":
        files = {file.name: file for file in FileDescriptorSet.FromString(compiled).file}
        encoded = {name: base64.b64encode(file.SerializeToString()).decode() for name, file in files.items()}
        return from_registry(encoded["main.proto"], {"common.proto": encoded["common.proto"]})
    return from_descriptor_file(compiled, "shop.Prediction")


def full(prediction: ProtoMessage) -> ProtoMessage:
    message = prediction(
        prediction_id="p-1", big=-(1 << 60), bigger=1 << 63, score=0.25, small=1.5, flag=True, raw=b"\x00\xff", kind=1,
        maybe=0.0, maybe_kind=1, maybe_raw=b"abc", numbers=[1.0, 2.0], kinds=[0, 1, 0], number=0, maybe_text="",
    )  # fmt: skip
    message.inner.text = "in"
    message.inner.inner.add(text="deeper", maybe=3)
    message.inners.add(text="one")
    message.features.update({"a": 1.5, "b": -2.0})
    message.by_number[7].text = "seven"
    message.by_flag[True] = 1
    message.at.FromMilliseconds(1_772_368_215_123)
    message.took.FromMilliseconds(1_500)
    message.wrapped.value = 0.0
    message.wrapped_raw.value = b"abc"
    message.struct.update({"x": 1.0, "list": [1.0, "a", None, {"deep": True}]})
    message.value.string_value = "v"
    message.list.extend([1.0, "b"])
    message.region.name = "north"
    return message


EXPECTED = {
    "prediction_id": "p-1", "big": -(1 << 60), "bigger": 1 << 63, "score": 0.25, "small": 1.5, "flag": True,
    "raw": "AP8=", "kind": "LOAN", "maybe": 0.0, "maybe_kind": "LOAN", "maybe_raw": "YWJj", "numbers": [1.0, 2.0],
    "kinds": ["UNKNOWN", "LOAN", "UNKNOWN"], "number": 0, "maybe_text": "",
    "inner": {"text": "in", "inner": [{"text": "deeper", "maybe": 3, "inner": []}]},
    "inners": [{"text": "one", "inner": []}],
    "features": {"a": 1.5, "b": -2.0}, "by_number": {"7": {"text": "seven", "inner": []}}, "by_flag": {"true": "LOAN"},
    "at": 1_772_368_215_123, "took": 1.5, "wrapped": 0.0, "wrapped_raw": "YWJj",
    "struct": {"x": 1.0, "list": [1.0, "a", None, {"deep": True}]}, "value": "v", "list": [1.0, "b"],
    "region": {"name": "north", "code": 0}, "nothing": None,
}  # fmt: skip


def test_every_kind_of_field_is_read(schema: ProtobufSchema, prediction: ProtoMessage) -> None:
    assert schema.reader("shop.Prediction")(full(prediction).SerializeToString()) == EXPECTED


def test_zeros_are_there_and_what_can_be_absent_and_is_is_left_out(
    schema: ProtobufSchema, prediction: ProtoMessage
) -> None:
    document = schema.reader("shop.Prediction")(prediction().SerializeToString())
    assert document == {
        "prediction_id": "", "big": 0, "bigger": 0, "score": 0.0, "small": 0.0, "flag": False, "raw": "",
        "kind": "UNKNOWN", "inners": [], "numbers": [], "kinds": [], "features": {}, "by_number": {}, "by_flag": {},
        "nothing": None,
    }  # fmt: skip


def test_the_form_is_that_of_google_but_for_what_is_said(schema: ProtobufSchema, prediction: ProtoMessage) -> None:
    message = full(prediction)
    theirs = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    theirs |= {"big": int(theirs["big"]), "bigger": int(theirs["bigger"]), "took": 1.5, "at": EXPECTED["at"]}
    theirs["region"]["code"] = int(theirs["region"]["code"])
    assert schema.reader("shop.Prediction")(message.SerializeToString()) == theirs


def test_a_number_that_no_enum_value_has_stays_a_number(schema: ProtobufSchema, prediction: ProtoMessage) -> None:
    document = schema.reader("shop.Prediction")(prediction(kind=9).SerializeToString())
    assert isinstance(document, dict)
    assert document["kind"] == 9


def test_message_types_are_found_by_their_position(schema: ProtobufSchema) -> None:
    deep = schema.at((1, 0))
    assert deep(b"\x08\x07") == {"depth": -4}
    assert schema.at((1,))(b"\x0a\x01x") == {"name": "x"}
    for indexes in ((2,), (1, 5), (-1,)):
        with pytest.raises(SchemaError, match="no message type at the position"):
            schema.at(indexes)


def test_bytes_that_are_no_message_are_refused(schema: ProtobufSchema) -> None:
    read = schema.reader("shop.Prediction")
    for data in (b"\x0a\xff", b"\x0a\x01\xff", b"\xff" * 20):
        with pytest.raises(UNREADABLE):
            read(data)


def test_numbers_that_are_none_are_read(schema: ProtobufSchema, prediction: ProtoMessage) -> None:
    document = schema.reader("shop.Prediction")(prediction(score=math.inf, small=math.nan).SerializeToString())
    assert isinstance(document, dict)
    assert document["score"] == math.inf
    assert math.isnan(document["small"])


def test_a_decimal_of_confluent_is_a_number() -> None:
    text = 'syntax = "proto3"; import "confluent/type/decimal.proto"; message M { confluent.type.Decimal d = 1; }'
    assert from_registry(text, {}).at((0,))(b"\x0a\x08\x0a\x02\x04\xd2\x10\x04\x18\x02") == {"d": 12.34}


def test_imports_for_options_alone_may_be_missing() -> None:
    text = """syntax = "proto3"; import "confluent/meta.proto";
    message M { int32 a = 1 [(confluent.field_meta).doc = "x"]; }"""
    assert from_registry(text, {}).at((0,))(b"\x08\x05") == {"a": 5}


def test_an_import_that_is_missing_is_named() -> None:
    with pytest.raises(SchemaError, match="other"):
        from_registry('syntax = "proto3"; import "other.proto"; message M { other.Thing a = 1; }', {})


def test_proto2_tells_absent_from_zero_and_reads_groups() -> None:
    schema = from_registry(
        """syntax = "proto2"; message M { required int32 id = 1; optional double d = 2 [default = 7];
        optional group Result = 3 { optional string url = 1; } }""",
        {},
    )
    assert schema.at((0,))(b"\x08\x01") == {"id": 1}
    assert schema.at((0,))(b"\x08\x00\x1b\x0a\x01u\x1c") == {"id": 0, "result": {"url": "u"}}


@pytest.mark.parametrize(
    ("data", "message", "problem"),
    [(b"\xff", "M", "no descriptor set"), (b"", "M", "empty descriptor set"), (None, "shop.Gone", "`shop.Prediction`")],
)
def test_a_descriptor_file_that_cannot_be_used_is_refused(
    compiled: bytes, data: bytes | None, message: str, problem: str
) -> None:
    with pytest.raises(SchemaError, match=problem):
        from_descriptor_file(compiled if data is None else data, message)


def test_a_type_of_an_imported_file_can_be_the_message(compiled: bytes) -> None:
    assert from_descriptor_file(compiled, "common.Region").reader("common.Region")(b"\x0a\x01n") == {
        "name": "n",
        "code": 0,
    }


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x04\x02", b"\x03\x00", b"\xff\xff\xff\xff\xff\xff\x01"])
def test_what_are_no_message_indexes_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no message indexes"):
        take_indexes(data)


def test_a_reference_to_a_type_is_told_from_other_bytes(tmp_path: Path) -> None:
    ref = message_classes(
        descriptor_set(tmp_path, {"r.proto": 'syntax = "proto3"; message Ref { string name = 1; }'}, "r.proto")
    )["Ref"]
    name = ref(name="Prediction").SerializeToString()
    data = bytes([len(name)]) + name + b"rest"
    assert take_ref(data, {"Prediction"}) == ("Prediction", b"rest")
    assert take_ref(data, {"Other"}) is None
    assert take_ref(b"\x00\x0a", {"Prediction"}) is None

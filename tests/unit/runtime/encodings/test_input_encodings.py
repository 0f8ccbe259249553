"""Records as other people's serializers write them, read by the configured encodings."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from driftline.config.input_settings import AvroSettings, LabelInput, PredictionInput, ProtobufSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.errors import ConfigurationError
from driftline.events.record_batch import RecordBatch, Unreadable
from driftline.events.source import Source
from driftline.runtime.encodings.avro_reader import fingerprint, parse
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from tests.support.native import BOTH, run_as
from tests.support.proto_messages import ProtoMessage, descriptor_set, message_classes
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driftline.config.input_settings import Encoding

TOPIC = "predictions"
EVENT = {"prediction_id": "p-1", "score": 0.25, "features": {"age": 48.0, "channel": "web"}}
AVRO: dict[str, Any] = {
    "type": "record",
    "name": "Prediction",
    "namespace": "shop",
    "fields": [
        {"name": "prediction_id", "type": "string"},
        {"name": "score", "type": ["null", "double"]},
        {"name": "features", "type": {"type": "map", "values": ["double", "string"]}},
    ],
}
JSON_SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "P", "type": "object"})
PROTO = """
syntax = "proto3";
package shop;
message Other { string name = 1; }
message Prediction {
  message Features { double age = 1; string channel = 2; }
  string prediction_id = 1; optional double score = 2; Features features = 3;
}
"""


@pytest.fixture(autouse=True, params=BOTH)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    way: str = request.param
    run_as(way, monkeypatch)
    return way


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        yield running


@pytest.fixture
def theirs(registry: SchemaRegistry) -> SchemaRegistryClient:
    """Confluent's own client, which their serializers register schemas with."""
    return SchemaRegistryClient({"url": registry.url})


@pytest.fixture
def prediction(tmp_path: Path) -> ProtoMessage:
    message = message_classes(descriptor_set(tmp_path, {"p.proto": PROTO}, "p.proto"))["shop.Prediction"]
    return message(prediction_id="p-1", score=0.25, features={"age": 48.0, "channel": "web"})


def context(headers: list[tuple[str, str | bytes | None]] | None = None) -> SerializationContext:
    return SerializationContext(TOPIC, MessageField.VALUE, headers)


def encodings(
    registry: str | SchemaRegistrySettings | None = None,
    encoding: Encoding = "auto",
    avro: AvroSettings | None = None,
    protobuf: ProtobufSettings | None = None,
) -> InputEncodings:
    topic = PredictionInput(TOPIC, encoding, avro or AvroSettings(), protobuf or ProtobufSettings())
    if isinstance(registry, str):
        registry = SchemaRegistrySettings(url=registry)
    return InputEncodings(Settings(predictions=topic, schema_registry=registry), Credentials())


def batch(*values: bytes | None, headers: list[dict[str, bytes]] | None = None) -> RecordBatch:
    offsets = [*range(7, 7 + len(values))]
    return RecordBatch(Source("predictions", 2), TOPIC, [*values], offsets, [-1] * len(values), headers=headers)


def documents(
    made: InputEncodings, *values: bytes | None, headers: list[dict[str, bytes]] | None = None
) -> list[object]:
    """Return what the values hold, JSON parsed, after checking that every record is there once and in order."""
    whole = batch(*values, headers=headers)
    parts = made.read(whole)
    assert [offset for part in parts for offset in part.offsets] == whole.offsets
    raw = [value for part in parts for value in (part.raw_values or part.values)]
    assert raw == whole.values
    found: list[object] = []
    for part in parts:
        assert part.topic == TOPIC
        assert part.source == whole.source
        if part.documents is None:
            found += [None if value is None else json.loads(value) for value in part.values]
        else:
            found += part.documents
    return found


# --- behind a registry ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["auto", "schema_registry"])
def test_confluent_s_avro_is_read(registry: SchemaRegistry, theirs: SchemaRegistryClient, encoding: Encoding) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    made = encodings(registry.url, encoding)
    assert documents(made, value, value) == [EVENT, EVENT]
    assert documents(made, value) == [EVENT]
    assert registry.requests.count("/schemas/ids/1") == 1


@pytest.mark.parametrize("encoding", ["auto", "schema_registry"])
def test_confluent_s_protobuf_is_read(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, prediction: ProtoMessage, encoding: Encoding
) -> None:
    value = ProtobufSerializer(type(prediction), theirs)(prediction, context())
    assert value[5:8] == b"\x02\x02\x0a"[:3], "the type's position is before the message"
    assert documents(encodings(registry.url, encoding), value, value) == [EVENT, EVENT]


def test_protobuf_of_a_schema_that_is_text_is_read(registry: SchemaRegistry, prediction: ProtoMessage) -> None:
    number = registry.register("predictions-value", PROTO, "PROTOBUF")
    first = b"\x00" + number.to_bytes(4)
    inner = prediction.features.SerializeToString()
    made = encodings(registry.url)
    assert documents(
        made,
        first + b"\x00" + b"\x0a\x01n",
        first + b"\x02\x02" + prediction.SerializeToString(),
        first + b"\x04\x02\x00" + inner,
        first + b"\x02\x08" + inner,
    ) == [
        {"name": "n"},
        EVENT,
        EVENT["features"],
        Unreadable(
            "unusable_schema", "Expected a schema that can be used, but it has no message type at the position [4]"
        ),
    ]


def test_confluent_s_json_is_read_without_its_frame_and_refused_with_it(
    registry: SchemaRegistry, theirs: SchemaRegistryClient
) -> None:
    value = JSONSerializer(JSON_SCHEMA, theirs)(EVENT, context())
    (part,) = encodings(registry.url).read(batch(value, value))
    assert part.documents is None
    assert part.values == [value[5:], value[5:]]
    assert json.loads(part.values[0] or b"") == EVENT
    assert part.raw_values == [value, value]


def test_ids_in_headers_are_read(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, prediction: ProtoMessage
) -> None:
    conf = {"schema.id.serializer": header_schema_id_serializer}
    values, headers = [], []
    for serializer, event in (
        (AvroSerializer(theirs, json.dumps(AVRO), conf=conf), EVENT),
        (ProtobufSerializer(type(prediction), theirs, conf), prediction),
        (JSONSerializer(JSON_SCHEMA, theirs, conf=conf), EVENT),
    ):
        of_record: list[tuple[str, str | bytes | None]] = []
        values.append(serializer(event, context(of_record)))
        headers.append({name: value for name, value in of_record if isinstance(value, bytes)})
        assert "__value_schema_id" in headers[-1]
    made = encodings(registry.url, "schema_registry")
    assert documents(made, *values, headers=headers) == [EVENT, EVENT, EVENT]
    assert documents(encodings(registry.url), *values, headers=headers) == [EVENT, EVENT, EVENT]


def test_references_are_fetched(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    unit = {"type": "enum", "name": "shop.Unit", "symbols": ["KG", "LB"]}
    weight = {"type": "record", "name": "shop.Weight", "fields": [{"name": "unit", "type": "shop.Unit"}]}
    parcel = {"type": "record", "name": "shop.Parcel", "fields": [{"name": "weight", "type": "shop.Weight"}]}
    theirs.register_schema("unit", Schema(json.dumps(unit), "AVRO"))
    theirs.register_schema("weight", Schema(json.dumps(weight), "AVRO", [SchemaReference("shop.Unit", "unit", 1)]))
    schema = Schema(json.dumps(parcel), "AVRO", [SchemaReference("shop.Weight", "weight", 1)])
    value = AvroSerializer(theirs, schema)({"weight": {"unit": "LB"}}, context())
    assert documents(encodings(registry.url), value) == [{"weight": {"unit": "LB"}}]


def test_a_reference_that_is_gone_is_said(registry: SchemaRegistry) -> None:
    number = registry.register("a", '"shop.Gone"', references=[{"name": "shop.Gone", "subject": "gone", "version": 3}])
    (found,) = documents(encodings(registry.url), b"\x00" + number.to_bytes(4) + b"x")
    assert isinstance(found, Unreadable)
    assert found.reason == "unusable_schema"
    assert "it refers to `shop.Gone`, and the schema registry has no schema `/subjects/gone/versions/3" in found.message


def test_every_record_is_read_with_the_schema_it_was_written_with(
    registry: SchemaRegistry, theirs: SchemaRegistryClient
) -> None:
    newer = {**AVRO, "fields": [{"name": "region", "type": "string"}, *AVRO["fields"]]}
    old = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    new = AvroSerializer(theirs, json.dumps(newer))({"region": "north", **EVENT}, context())
    found = documents(encodings(registry.url), old, new, old, new)
    assert found == [EVENT, {"region": "north", **EVENT}] * 2


def test_json_and_avro_in_one_topic_are_both_read_in_their_order(
    registry: SchemaRegistry, theirs: SchemaRegistryClient, way: str
) -> None:
    plain = json.dumps(EVENT).encode()
    framed = JSONSerializer(JSON_SCHEMA, theirs)(EVENT, context())
    avro = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    made = encodings(registry.url)
    assert documents(made, plain, framed, avro, None, avro, plain) == [EVENT, EVENT, EVENT, None, EVENT, EVENT]
    kinds = [part.documents is None for part in made.read(batch(plain, framed, avro, None, avro, plain))]
    assert kinds == ([True] if way == "native" else [True, False, True, False, True])


def test_the_smallest_cache_reads_as_well(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    values = []
    for number in range(3):
        schema = {**AVRO, "name": f"Prediction{number}"}
        values.append(AvroSerializer(theirs, json.dumps(schema))(EVENT, context()))
    made = encodings(SchemaRegistrySettings(url=registry.url, cache=1))
    assert documents(made, *values, *values) == [EVENT] * 6
    assert registry.requests.count("/schemas/ids/1") == 2


def test_ids_of_eight_bytes_are_read(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    longer = b"\x00" + bytes(4) + value[1:]
    assert documents(encodings(SchemaRegistrySettings(url=registry.url, id_bytes=8)), longer, longer) == [EVENT, EVENT]


def test_apicurio_s_reference_to_the_message_type_is_read(registry: SchemaRegistry, prediction: ProtoMessage) -> None:
    number = registry.register("predictions", PROTO, "PROTOBUF")
    ref = b"\x0a\x0aPrediction"
    value = prediction.SerializeToString()
    with_ref = bytes([len(ref)]) + ref + value
    named = {"apicurio.value.contentId": number.to_bytes(8), "apicurio.protobuf.type": b"Prediction"}
    made = encodings(registry.url)
    assert documents(made, b"\x00" + number.to_bytes(4) + with_ref, value, with_ref, headers=[{}, named, named]) == [
        EVENT,
        EVENT,
        EVENT,
    ]


# --- what cannot be read ----------------------------------------------------------------------------------------------


def test_an_unknown_id_refuses_its_records_alone(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    unknown = b"\x00\x00\x00\x03\xe7x"
    made = encodings(registry.url)
    path = "/schemas/ids/999"
    expected = Unreadable("unknown_schema", f"Expected a known schema, but the schema registry has no schema `{path}`")
    assert documents(made, value, unknown, unknown, value) == [EVENT, expected, expected, EVENT]
    assert registry.requests.count(path) == 1


@pytest.mark.parametrize(
    ("kind", "schema", "problem"),
    [
        ("AVRO", '{"type": "record"}', "it is no Avro schema"),
        ("PROTOBUF", "message {", "Expected a name, got '{' in line 1 of the .proto file"),
        ("THRIFT", "struct", "Expected a schema of the type AVRO, PROTOBUF or JSON, got `THRIFT`"),
    ],
)
def test_a_schema_that_cannot_be_used_refuses_its_records(
    registry: SchemaRegistry, kind: str, schema: str, problem: str
) -> None:
    number = registry.register("a", schema, kind)
    (found,) = documents(encodings(registry.url), b"\x00" + number.to_bytes(4) + b"x")
    assert isinstance(found, Unreadable)
    assert found.reason == "unusable_schema"
    assert problem in found.message


def test_bytes_that_are_not_of_their_schema_are_refused(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    found = documents(encodings(registry.url), value, value[:-3], value + b"x", value[:5])
    assert found[0] == EVENT
    for each in found[1:]:
        assert isinstance(each, Unreadable)
        assert each.reason == "wrong_encoding"
        assert each.message.startswith("Expected a value of its schema, got other bytes: ")


def test_where_every_record_must_name_its_schema_plain_json_is_refused(registry: SchemaRegistry) -> None:
    (found, empty) = documents(encodings(registry.url, "schema_registry"), b'{"a": 1}', None)
    assert isinstance(found, Unreadable)
    assert found.reason == "wrong_encoding"
    assert (
        "Expected the schema's id before the value (0 and 4 bytes, or 1 and 16 bytes) or in a header" in found.message
    )
    assert empty is None


def test_while_the_registry_does_not_answer_nothing_is_read(
    registry: SchemaRegistry, theirs: SchemaRegistryClient
) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    made = encodings(registry.url)
    assert made.problem() is None
    registry.status = 503
    plain = json.dumps(EVENT).encode()
    with pytest.raises(RegistryUnavailableError):
        made.read(batch(plain, value))
    assert "HTTP 503" in (made.problem() or "")
    assert not made.may_ask
    assert documents(made, plain) == [EVENT], "what needs no schema goes on"
    registry.status = None


def test_a_known_schema_is_read_without_the_registry(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    made = encodings(registry.url)
    assert documents(made, value) == [EVENT]
    registry.status = 503
    assert documents(made, value) == [EVENT]


# --- without a registry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["auto", "json"])
def test_without_a_registry_every_batch_is_left_as_it_is(encoding: Encoding) -> None:
    made = encodings(encoding=encoding)
    assert not made
    whole = batch(b'{"a": 1}', b"\x00\x00\x00\x00\x01x", None, b"")
    (left,) = made.read(whole)
    assert left is whole


def test_plain_json_is_left_as_it_is_beside_a_registry(registry: SchemaRegistry) -> None:
    made = encodings(registry.url)
    whole = batch(b'{"a": 1}', b'{"b": 1}')
    (left,) = made.read(whole)
    assert left is whole
    assert not made.wants_headers(TOPIC, whole.values)
    assert made.wants_headers(TOPIC, [*whole.values, b"\x00"])
    assert not made.wants_headers("another", [b"\x00"])


def test_what_is_neither_json_nor_framed_is_left_to_be_refused_as_json(registry: SchemaRegistry) -> None:
    whole = batch(b"hello", b" {}", b"", None, b"[1]", b"\x00")
    (part,) = encodings(registry.url).read(whole)
    assert part.documents is None
    assert part.values == whole.values


def avro_value(schema: dict[str, Any], value: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def test_avro_with_schema_files_is_read_bare_and_as_single_objects(tmp_path: Path) -> None:
    newer = {**AVRO, "fields": [{"name": "region", "type": "string"}, *AVRO["fields"]]}
    for name, schema in (("new.avsc", newer), ("old.avsc", AVRO)):
        (tmp_path / name).write_text(json.dumps(schema), encoding="utf-8")
    files = AvroSettings((str(tmp_path / "new.avsc"), str(tmp_path / "old.avsc")))
    made = encodings(encoding="avro", avro=files)
    bare = avro_value(newer, {"region": "north", **EVENT})
    single = b"\xc3\x01" + fingerprint(parse(json.dumps(AVRO))[0]) + avro_value(AVRO, EVENT)
    assert documents(made, bare, single, bare) == [{"region": "north", **EVENT}, EVENT, {"region": "north", **EVENT}]

    plain = json.dumps(EVENT).encode()
    automatic = encodings(avro=files)
    unknown = b"\xc3\x01" + bytes(8) + b"x"
    message = (
        "Expected Avro (single-object encoding) of one of the schemas in `avro.schema_files`, got the fingerprint "
        "0000000000000000"
    )
    assert documents(automatic, plain, single, unknown) == [EVENT, EVENT, Unreadable("wrong_encoding", message)]


def test_protobuf_with_a_descriptor_file_is_read(tmp_path: Path, prediction: ProtoMessage) -> None:
    file = tmp_path / "p.desc"
    file.write_bytes(descriptor_set(tmp_path, {"p.proto": PROTO}, "p.proto"))
    made = encodings(encoding="protobuf", protobuf=ProtobufSettings(str(file), "shop.Prediction"))
    value = prediction.SerializeToString()
    found = documents(made, value, b"\xff", value)
    assert found[::2] == [EVENT, EVENT]
    assert isinstance(found[1], Unreadable)


@pytest.mark.parametrize(
    ("encoding", "more", "problem"),
    [
        (
            "avro",
            {"avro": AvroSettings(("absent.avsc",))},
            "Expected a readable file (No such file or directory), got ",
        ),
        ("avro", {"avro": AvroSettings(("bad.avsc",))}, "$.predictions.avro.schema_files[0]"),
        ("protobuf", {"protobuf": ProtobufSettings("bad.avsc", "M")}, "$.predictions.protobuf.descriptor_file"),
    ],
)
def test_files_that_cannot_be_used_are_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding, more: dict[str, Any], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.avsc").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        encodings(encoding=encoding, **more)
    assert problem in str(refused.value)


def test_labels_have_an_encoding_of_their_own(registry: SchemaRegistry, theirs: SchemaRegistryClient) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, SerializationContext("truth", MessageField.VALUE))
    settings = Settings(
        predictions=PredictionInput(TOPIC, "json"),
        labels=LabelInput("truth", "schema_registry"),
        schema_registry=SchemaRegistrySettings(url=registry.url),
    )
    made = InputEncodings(settings, Credentials())
    labels = RecordBatch(Source("labels", 0), "truth", [value], [0], [-1], headers=[{}])
    (part,) = made.read(labels)
    assert part.documents == [EVENT]
    whole = batch(value)
    assert made.read(whole) == [whole]
    assert made.wants_headers("truth", [])


# --- CloudEvents ------------------------------------------------------------------------------------------------------

ATTRIBUTES = {
    "ce_specversion": b"1.0",
    "ce_id": b"e-1",
    "ce_source": b"/scoring",
    "ce_type": b"scored",
    "ce_time": b"2026-03-01T00:00:00Z",
}
PLAIN_ATTRIBUTES = {name.removeprefix("ce_"): text.decode() for name, text in ATTRIBUTES.items()}


def test_a_cloud_event_in_binary_mode_is_its_attributes_with_the_data() -> None:
    headers = {**ATTRIBUTES, "content-type": b"application/json", "other": b"x"}
    made = encodings(encoding="cloudevents")
    assert made.wants_headers(TOPIC, [b"{}"])
    expected = {**PLAIN_ATTRIBUTES, "datacontenttype": "application/json", "data": EVENT}
    assert documents(made, json.dumps(EVENT).encode(), headers=[headers]) == [expected]


def test_a_cloud_event_in_structured_mode_stays_json_unless_its_data_are_encoded() -> None:
    made = encodings(encoding="cloudevents")
    structured = json.dumps({**PLAIN_ATTRIBUTES, "data": EVENT}).encode()
    headers = {"content-type": b"application/cloudevents+json; charset=UTF-8"}
    (part,) = made.read(batch(structured, structured, headers=[headers, {}]))
    assert part.documents is None
    assert part.values == [structured, structured]
    text = base64.b64encode(json.dumps(EVENT).encode()).decode()
    encoded = json.dumps({**PLAIN_ATTRIBUTES, "data_base64": text}).encode()
    assert documents(made, encoded, headers=[headers]) == [{**PLAIN_ATTRIBUTES, "data": EVENT}]


def test_the_data_of_a_cloud_event_may_name_their_schema(
    registry: SchemaRegistry, theirs: SchemaRegistryClient
) -> None:
    value = AvroSerializer(theirs, json.dumps(AVRO))(EVENT, context())
    made = encodings(registry.url, "cloudevents")
    assert documents(made, value, headers=[ATTRIBUTES]) == [{**PLAIN_ATTRIBUTES, "data": EVENT}]


@pytest.mark.parametrize(
    ("value", "headers", "problem"),
    [
        (b'{"a": 1}', {}, "Expected a CloudEvent: a header `ce_id`, or the content type application/cloudevents+json"),
        (b"x", {"content-type": b"application/cloudevents+avro"}, "got 'application/cloudevents+avro'"),
        (b"{", ATTRIBUTES, "Expected JSON, got b'{'"),
        (b'{"id": "\\ud800"}', ATTRIBUTES, "surrogates not allowed"),
        (b"\x00\x00\x00\x00\x01x", ATTRIBUTES, "Expected JSON, got"),
        (b'{"specversion": "1.0", "data_base64": "!"}', {}, "Expected base64"),
    ],
)
def test_what_is_no_cloud_event_is_refused(value: bytes, headers: dict[str, bytes], problem: str) -> None:
    (found,) = documents(encodings(encoding="cloudevents"), value, headers=[headers])
    assert isinstance(found, Unreadable)
    assert found.reason == "wrong_encoding"
    assert problem in found.message

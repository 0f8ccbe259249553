"""Records behind a schema registry, as other people's serializers write them, read by the configured encodings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer

from driftline.config.settings import SchemaRegistrySettings
from driftline.events.record_batch import Unreadable
from tests.support.input_encodings import AVRO, EVENT, JSON_SCHEMA, PROTO, batch, context, documents, encodings

if TYPE_CHECKING:
    from driftline.config.input_settings import Encoding
    from tests.support.proto_messages import ProtoMessage
    from tests.support.schema_registry import SchemaRegistry

pytestmark = pytest.mark.usefixtures("way")


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

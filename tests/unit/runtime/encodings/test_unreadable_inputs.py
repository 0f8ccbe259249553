"""Records that cannot be read: each is refused alone with its reason, and nothing is while the registry is away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.schema_registry.avro import AvroSerializer

from driftline.events.record_batch import Unreadable
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from tests.support.input_encodings import AVRO, EVENT, batch, context, documents, encodings

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

    from tests.support.schema_registry import SchemaRegistry

pytestmark = pytest.mark.usefixtures("way")


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

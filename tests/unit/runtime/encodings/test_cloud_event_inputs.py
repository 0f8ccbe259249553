"""CloudEvents as input, in binary and in structured mode."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.schema_registry.avro import AvroSerializer

from driftline.events.record_batch import Unreadable
from tests.support.input_encodings import AVRO, EVENT, TOPIC, batch, context, documents, encodings

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

    from tests.support.schema_registry import SchemaRegistry

pytestmark = pytest.mark.usefixtures("way")


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

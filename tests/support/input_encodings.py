"""An event, its schemas, and records read by the encodings of an input."""

from __future__ import annotations

import json
from typing import Any

from confluent_kafka.serialization import MessageField, SerializationContext

from driftline.config.input_settings import AvroSettings, Encoding, PredictionInput, ProtobufSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.runtime.encodings.input_encodings import InputEncodings

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

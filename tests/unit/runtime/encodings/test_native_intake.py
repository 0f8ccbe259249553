"""Batches read with the native library and without it: the same events, and the same refusals."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import fastavro
import numpy as np
import pytest
from google.protobuf import descriptor_pool, message_factory

from driftline.config.field_places import Where
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.events.features import features_json
from driftline.events.prediction import PredictionDecoder
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.encodings.proto_text import compile_proto
from driftline.sketching.intake import take_in_predictions
from tests.support.native import require_native
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.input_settings import Encoding

AVRO: dict[str, Any] = {
    "type": "record",
    "name": "P",
    "fields": [
        {"name": "prediction_id", "type": ["null", "string", "long", "boolean"]},
        {"name": "model", "type": ["string", "null"]},
        {"name": "model_version", "type": ["null", "string", "double"]},
        {"name": "ts", "type": ["null", "long", "string"]},
        {"name": "features", "type": {"type": "map", "values": ["null", "double", "long", "string", "boolean"]}},
        {"name": "prediction", "type": ["null", "int", "string"]},
        {"name": "score", "type": ["null", "double", {"type": "map", "values": "double"}]},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["SCORED", "OTHER"]}},
    ],
}
PROTO = """syntax = "proto3";
enum Kind { SCORED = 0; OTHER = 1; }
message P {
  optional string prediction_id = 1; string model = 2; optional string model_version = 3; optional int64 ts = 4;
  map<string, double> features = 5; optional int32 prediction = 6; optional double score = 7; Kind kind = 8;
}
"""
FIELDS = {
    "the default": (PredictionFields(), None),
    "the record itself as features": (PredictionFields(features=""), None),
    "some records alone": (PredictionFields(), Where(field="/kind", equals="SCORED")),
}
NOW_MS = 1_772_366_400_000


def event(number: int, **other: object) -> dict[str, Any]:
    return {
        "prediction_id": f"p-{number}",
        "model": "credit",
        "model_version": "1",
        "ts": NOW_MS + number,
        "features": {"age": 40.0 + number / 7, "töne": -0.0, "big": 1e300 * (number % 3)},
        "prediction": number % 2,
        "score": 0.25,
        "kind": "OTHER" if number % 5 == 0 else "SCORED",
        **other,
    }


ODD: list[dict[str, object]] = [
    {"features": {"age": math.nan}},
    {"prediction_id": None},
    {"prediction_id": ""},
    {"ts": None},
    {"ts": 1 << 60},
    {"model": ""},
    {"score": math.inf},
]
AVRO_ALONE: list[dict[str, object]] = [
    {"prediction_id": 7},
    {"prediction_id": True},
    {"ts": "2026-03-01T12:00:00Z"},
    {"ts": "yesterday"},
    {"prediction": "yes"},
    {"score": {"yes": 0.25, "no": 0.75}},
    {"features": {"age": 7, "vip": True, "city": 'Bern "\n'}},
]


def avro_bytes(value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO), value)
    return out.getvalue()


def protobuf_writer() -> Callable[[dict[str, Any]], bytes]:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(compile_proto(PROTO, "p.proto").SerializeToString())
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("P"))
    return lambda value: b"\x00" + message(**{k: v for k, v in value.items() if v is not None}).SerializeToString()


def values_of(registry: SchemaRegistry, kind: str, n_odd: int, n: int) -> list[bytes | None]:
    """Return records with odd ones among them, damaged and missing ones too."""
    schema = json.dumps(AVRO) if kind == "AVRO" else PROTO
    write = avro_bytes if kind == "AVRO" else protobuf_writer()
    head = b"\x00" + registry.register("predictions", schema, kind).to_bytes(4)
    odd = [*ODD, *(AVRO_ALONE if kind == "AVRO" else ())]
    records: list[bytes | None] = [head + write(event(number)) for number in range(n)]
    for number in range(n_odd):
        at = (number * 37 + 11) % n
        made = head + write(event(at, **odd[number % len(odd)]))
        damaged = [made, head + b"\xff", None, b"", b"{", b"\x00\x00\x00\x03\xe7x"]
        records[at] = made if number < len(odd) else damaged[number % len(damaged)]
    return records


def taken(made: InputEncodings, values: list[bytes | None], fields: PredictionFields, where: Where | None) -> list[Any]:
    """Return all that becomes of records, in a form that can be compared."""
    stamps = [NOW_MS + number for number in range(len(values))]
    batch = RecordBatch(Source("predictions", 0), "scored", values, [*range(len(values))], stamps)
    decode = PredictionDecoder(fields, where=where)
    found: dict[str, list[Any]] = {"events": [], "refused": [], "skipped": [], "schemas": []}
    for part in made.read(batch):
        intake = take_in_predictions(part, decode, 60_000)
        columns = intake.events._replace(features=[features_json(each) for each in intake.events.features])
        rows = zip(*(map(repr, column) for column in columns), intake.times_ms, intake.offsets, strict=True)
        found["events"] += [tuple(row) for row in rows]
        found["refused"] += intake.refused
        found["skipped"] += intake.skipped
        found["schemas"] += part.schemas or [None] * len(part.offsets)
    n_events = len(np.unique([row[-1] for row in found["events"]]))
    assert n_events + len(found["refused"]) + len(found["skipped"]) == len(values)
    return [*found.values()]


@pytest.mark.parametrize(("n_odd", "n"), [(0, 50), (30, 2_500), (40, 300), (300, 300)])
@pytest.mark.parametrize("mapping", FIELDS)
@pytest.mark.parametrize("kind", ["AVRO", "PROTOBUF"])
@pytest.mark.parametrize("encoding", ["auto", "schema_registry"])
def test_events_and_refusals_are_the_same(
    monkeypatch: pytest.MonkeyPatch, kind: str, mapping: str, encoding: Encoding, n_odd: int, n: int
) -> None:
    require_native()
    with SchemaRegistry() as registry:
        values = values_of(registry, kind, n_odd, n)
        found = []
        for mode in ("off", "require"):
            monkeypatch.setenv("DRIFTLINE_NATIVE", mode)
            topic = PredictionInput("scored", encoding)
            made = InputEncodings(
                Settings(predictions=topic, schema_registry=SchemaRegistrySettings(url=registry.url)), Credentials()
            )
            taken(made, values_of(registry, kind, 0, 1), *FIELDS[mapping])  # fetches the schema
            found.append(taken(made, values, *FIELDS[mapping]))
    assert found[1] == found[0]


def test_a_whole_batch_is_json_with_the_native_library_and_documents_without(monkeypatch: pytest.MonkeyPatch) -> None:
    require_native()
    with SchemaRegistry() as registry:
        values = values_of(registry, "AVRO", 0, 20)
        for mode, expected in (("require", True), ("off", False)):
            monkeypatch.setenv("DRIFTLINE_NATIVE", mode)
            made = InputEncodings(
                Settings(
                    predictions=PredictionInput("scored"), schema_registry=SchemaRegistrySettings(url=registry.url)
                ),
                Credentials(),
            )
            numbers = [*range(20)]
            batch = RecordBatch(Source("predictions", 0), "scored", values, numbers, numbers)
            made.read(batch)
            (part,) = made.read(batch)
            assert (part.documents is None) is expected
            assert (part.raw_values or part.values) == values

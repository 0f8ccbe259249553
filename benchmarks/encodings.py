"""Processor time per event of each encoding, in process and without Kafka.

Usage: ``python -m benchmarks.encodings [--messages N] [--rounds N] [--stage]``. The same events as JSON, as JSON behind
a schema's id, as Avro (features as a record or as a map) and as Protobuf; from the bytes to documents, and with
``--stage`` on through the sketcher to a flush. Of several rounds the fastest counts.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import fastavro
from google.protobuf import descriptor_pool, message_factory

from benchmarks import messages
from driftline.config.input_settings import PredictionInput
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.profiles.profiles import Profiles
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.encodings.proto_text import compile_proto
from driftline.sketching.sketcher import Sketcher
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 5_000
SOURCE: Final = Source("predictions", 0)
FEATURES: Final = {**dict.fromkeys(messages.NUMERIC, "double"), **dict.fromkeys(messages.CATEGORICAL, "string")}


def avro_schema(features: object) -> dict[str, Any]:
    types = {
        "prediction_id": "string",
        "model": "string",
        "model_version": "string",
        "ts": {"type": "long", "logicalType": "timestamp-millis"},
        "features": features,
        "prediction": ["null", "int"],
        "score": ["null", "double"],
    }
    return {"type": "record", "name": "P", "fields": [{"name": n, "type": t} for n, t in types.items()]}


AS_RECORD: Final = avro_schema(
    {"type": "record", "name": "F", "fields": [{"name": n, "type": ["null", t]} for n, t in FEATURES.items()]}
)
AS_MAP: Final = avro_schema({"type": "map", "values": ["null", "double", "string"]})
PROTO: Final = "\n".join(
    (
        'syntax = "proto3"; message P { string prediction_id = 1; string model = 2; string model_version = 3;',
        "int64 ts = 4; Features features = 5; optional int32 prediction = 6; optional double score = 7; }",
        "message Features {",
        *(f"optional {kind} {name} = {number};" for number, (name, kind) in enumerate(FEATURES.items(), start=1)),
        "}",
    )
)


def avro_writer(schema: dict[str, Any]) -> Callable[[dict[str, Any]], bytes]:
    parsed = fastavro.parse_schema(schema)

    def write(event: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, event)
        return out.getvalue()

    return write


def protobuf_writer() -> Callable[[dict[str, Any]], bytes]:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(compile_proto(PROTO, "p.proto").SerializeToString())
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("P"))
    return lambda event: b"\x00" + message(**event).SerializeToString()


def settings(url: str) -> Settings:
    return Settings(predictions=PredictionInput("t"), schema_registry=SchemaRegistrySettings(url=url))


def documents_only(made: InputEncodings, batches: list[RecordBatch]) -> None:
    for batch in batches:
        made.read(batch)


def through_the_sketcher(made: InputEncodings, batches: list[RecordBatch], url: str, profiles: Profiles) -> None:
    sketcher = Sketcher(settings(url), profiles, 1, _no_store)
    sketcher.assign(SOURCE, None)
    for batch in batches:
        for part in made.read(batch):
            sketcher.add(part)
    flush = sketcher.flush()
    assert flush is not None
    assert flush.n_events == sum(len(batch.values) for batch in batches), "records are refused"


def _no_store(*_args: object) -> NoReturn:
    raise AssertionError("without labels nothing is stored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stage", action="store_true", help="on through the sketcher")
    given = parser.parse_args()
    rows = messages.table()
    profiles = Profiles()
    profiles.add(messages.profile(rows))
    plain = [value for _, value in messages.predictions(rows, given.messages)]
    events = [json.loads(value) for value in plain]
    with SchemaRegistry() as registry:

        def framed(schema: str, kind: str, values: list[bytes]) -> list[bytes]:
            head = b"\x00" + registry.register(f"{kind}-{schema[:200]}", schema, kind).to_bytes(4)
            return [head + value for value in values]

        encoded = {
            "JSON": plain,
            "JSON Schema": framed("{}", "JSON", plain),
            "Avro, features a record": framed(json.dumps(AS_RECORD), "AVRO", [*map(avro_writer(AS_RECORD), events)]),
            "Avro, features a map": framed(json.dumps(AS_MAP), "AVRO", [*map(avro_writer(AS_MAP), events)]),
            "Protobuf": framed(PROTO, "PROTOBUF", [*map(protobuf_writer(), events)]),
        }
        del events
        gc.collect()
        gc.freeze()  # the collector would look at the input again and again, in whichever round it has its turn
        best: dict[str, float] = {}
        for _ in range(given.rounds):
            for name, values in encoded.items():
                made = InputEncodings(settings(registry.url), Credentials())
                batches = [
                    RecordBatch(SOURCE, "t", [*part], [*range(start, start + len(part))], [-1] * len(part))
                    for start in range(0, len(values), BATCH)
                    if (part := values[start : start + BATCH])
                ]
                made.read(batches[0])  # fetches the schema
                started = time.process_time()
                if given.stage:
                    through_the_sketcher(made, batches, registry.url, profiles)
                else:
                    documents_only(made, batches)
                taken = (time.process_time() - started) / len(values) * 1e6
                best[name] = min(taken, best.get(name, taken))
    for name, values in encoded.items():
        size = sum(map(len, values)) / len(values)
        print(f"{name:26}{size:8.0f} bytes{best[name]:9.2f} us/event{best['JSON'] / best[name]:7.2f} of JSON's rate")


if __name__ == "__main__":
    main()

"""The layouts that foreign producers write the same traffic in, and what each needs in the configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.support.foreign_traffic import VERSION, batches, labelled, retractions
from tests.support.proto_messages import descriptor_set, message_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from confluent_kafka import Producer

    from tests.support.foreign_traffic import Batch

REGISTRY: Final = "http://localhost:8081"
"""Stands in the configurations of the documentation for the registry of the test."""
DESCRIPTORS: Final = "open_inference.desc"

LAYOUTS: Final = {
    "json": "",
    "avro": """\
schema_registry: {url: "http://localhost:8081"}
""",
    "protobuf": """\
schema_registry: {url: "http://localhost:8081"}
""",
    "json-schema": """\
schema_registry: {url: "http://localhost:8081"}
""",
    "avro-single-object": """\
predictions:
  avro: {schema_files: [tests/foreign/java/prediction.avsc]}
""",
    "flat": """\
predictions:
  preset: flat
  fields: {features: {without: [offset]}}
""",
    "connect-json": """\
predictions:
  preset: connect-json
""",
    "debezium": """\
predictions:
  preset: debezium
labels:
  preset: debezium
""",
    "kserve-v1": """\
predictions:
  preset: kserve-v1
  fields:
    features: {names: [amount, age, channel]}
    prediction: /response/data/predictions/*/class
    score: /response/data/predictions/*/p
""",
    "kserve-v2": """\
predictions:
  preset: kserve-v2
""",
    "open-inference": """\
predictions:
  preset: open-inference
""",
    "open-inference-raw": """\
predictions:
  preset: open-inference
  pair: null
  encoding: protobuf
  protobuf: {descriptor_file: open_inference.desc, message: served.Served}
""",
    "sagemaker": """\
predictions:
  preset: sagemaker
  fields:
    model: /captureData/endpointInput/endpointName
    model_version: {value: "4"}
    features: {names: [amount, age, channel]}
labels:
  preset: sagemaker
""",
    "databricks": """\
predictions:
  preset: databricks
  fields:
    prediction: /response/predictions/*/class
    score: /response/predictions/*/p
""",
    "mlflow": """\
predictions:
  preset: mlflow
  fields:
    score: /response/probabilities/*
""",
    "bentoml": """\
predictions:
  preset: bentoml
  fields:
    model_version: {value: "4"}
""",
}
"""Lines of the configuration by layout; without any, the defaults."""

WITHOUT_RETRACTIONS: Final = ("sagemaker",)
"""Layouts of labels that cannot say that a label is taken back."""
OWN_LABELS: Final = ("sagemaker", "debezium")
"""Layouts that labels are written in too."""
BY_GO, BY_NODE, BY_JAVA = (
    ("kserve-v1", "flat"),
    ("kserve-v2", "open-inference"),
    ("connect-json", "debezium", "avro-single-object"),
)

_AVRO: Final = {
    "type": "record",
    "name": "Prediction",
    "fields": [
        {"name": "prediction_id", "type": "string"},
        {"name": "model", "type": "string"},
        {"name": "model_version", "type": "string"},
        {"name": "ts", "type": "long"},
        {
            "name": "features",
            "type": {
                "type": "record",
                "name": "Features",
                "fields": [
                    {"name": "amount", "type": "double"},
                    {"name": "age", "type": "long"},
                    {"name": "channel", "type": "string"},
                ],
            },
        },
        {"name": "prediction", "type": "double"},
        {"name": "score", "type": ["null", "double"], "default": None},
    ],
}
_PROTO: Final = """
syntax = "proto3";
package shop;
message Features { double amount = 1; int32 age = 2; string channel = 3; }
message Prediction {
  string prediction_id = 1;
  string model = 2;
  string model_version = 3;
  int64 ts = 4;
  Features features = 5;
  double prediction = 6;
  optional double score = 7;
}
"""
_SERVED: Final = """
syntax = "proto3";
package served;
message Tensor { string name = 1; string datatype = 2; repeated int64 shape = 3; Contents contents = 5; }
message Contents { repeated int64 int64_contents = 3; repeated double fp64_contents = 7; }
message Request { string id = 3; repeated Tensor inputs = 5; repeated bytes raw_input_contents = 7; }
message Response { string model_name = 1; string model_version = 2; string id = 3; repeated Tensor outputs = 5; }
message Served { Request request = 1; Response response = 2; }
"""
"""Messages of the Open Inference Protocol, with the numbers that its fields have there."""
_JSON_SCHEMA: Final = '{"title": "Prediction", "type": "object", "required": ["prediction_id", "model"]}'


class PythonLayouts:
    """Writes the layouts whose serializers are Confluent's, Google's or nobody's, with a producer of librdkafka.

    Parameters
    ----------
    producer : Producer
    prefix : str
        Of the topics, which have the names of the layouts.
    registry : str
        Address of the schema registry.
    folder : Path
        For what protoc writes.
    """

    def __init__(self, producer: Producer, prefix: str, registry: str, folder: Path) -> None:
        self._producer, self._prefix = producer, prefix
        self._client = SchemaRegistryClient({"url": registry})
        own = folder / "own"
        own.mkdir()
        self._shop = message_classes(descriptor_set(own, {"shop.proto": _PROTO}, "shop.proto"))["shop.Prediction"]
        described = descriptor_set(own, {"served.proto": _SERVED}, "served.proto")
        (folder / DESCRIPTORS).write_bytes(described)
        self._served = message_classes(described)["served.Served"]

    def write(self) -> None:
        """Write all of them, and the labels."""
        writers: dict[str, Callable[[str], Iterator[tuple[int, bytes]]]] = {
            "json": self._json,
            "avro": self._avro,
            "protobuf": self._protobuf,
            "json-schema": self._json_schema,
            "open-inference-raw": self._open_inference_raw,
            "sagemaker": self._sagemaker,
            "databricks": self._databricks,
            "mlflow": self._mlflow,
            "bentoml": self._bentoml,
            "sagemaker-labels": self._sagemaker_labels,
            "labels": self._labels,
        }
        for layout, writer in writers.items():
            topic = self._prefix + layout
            for at_ms, value in writer(topic):
                self._producer.produce(topic, value, partition=0, timestamp=at_ms)
                self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def _events(self) -> Iterator[dict[str, Any]]:
        for batch in batches():
            for of, row in zip(batch.ids(), batch.rows, strict=True):
                event = {"prediction_id": of, "model": batch.model, "model_version": VERSION, "ts": batch.at_ms}
                event |= {"features": row.features, "prediction": row.prediction}
                yield event | ({} if row.score is None else {"score": row.score})

    def _json(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for event in self._events():
            yield event["ts"], json.dumps(event).encode()

    def _avro(self, topic: str) -> Iterator[tuple[int, bytes]]:
        serialize = AvroSerializer(self._client, json.dumps(_AVRO))
        for event in self._events():
            yield event["ts"], serialize({"score": None, **event}, _value_of(topic))

    def _protobuf(self, topic: str) -> Iterator[tuple[int, bytes]]:
        serialize = ProtobufSerializer(self._shop, self._client)
        for event in self._events():
            yield event["ts"], serialize(self._shop(**event), _value_of(topic))

    def _json_schema(self, topic: str) -> Iterator[tuple[int, bytes]]:
        serialize = JSONSerializer(_JSON_SCHEMA, self._client)
        for event in self._events():
            yield event["ts"], serialize(event, _value_of(topic))

    def _open_inference_raw(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for batch in batches():
            n = len(batch.rows)
            served = self._served()
            served.request.id = served.response.id = batch.id
            served.response.model_name, served.response.model_version = batch.model, VERSION
            for name, datatype, dtype in (("amount", "FP64", "<f8"), ("age", "INT32", "<i4")):
                served.request.inputs.add(name=name, datatype=datatype, shape=[n])
                values = np.array([row.features[name] for row in batch.rows], dtype=dtype)
                served.request.raw_input_contents.append(values.tobytes())
            served.request.inputs.add(name="channel", datatype="BYTES", shape=[n, 1])
            texts = [row.features["channel"].encode() for row in batch.rows]
            served.request.raw_input_contents.append(b"".join(len(t).to_bytes(4, "little") + t for t in texts))
            outcome = served.response.outputs.add(name="predict", datatype="FP64", shape=[n])
            outcome.contents.fp64_contents.extend(row.prediction for row in batch.rows)
            if batch.model == "risk":
                scores = served.response.outputs.add(name="predict_proba", datatype="FP64", shape=[n])
                scores.contents.fp64_contents.extend(row.score for row in batch.rows)
            yield batch.at_ms, served.SerializeToString()

    def _sagemaker(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for batch in batches():
            rows = "\n".join(",".join(map(str, row.features.values())) for row in batch.rows)
            answers = "\n".join(
                f"{row.prediction}" if row.score is None else f"{row.prediction},{row.score}" for row in batch.rows
            )
            capture = {"observedContentType": "text/csv", "mode": "INPUT", "data": rows, "encoding": "CSV"}
            event = {
                "captureData": {
                    "endpointInput": {**capture, "endpointName": batch.model},
                    "endpointOutput": {**capture, "mode": "OUTPUT", "data": answers},
                },
                "eventMetadata": {"eventId": f"x-{batch.id}", "inferenceId": batch.id, "inferenceTime": _time(batch)},
                "eventVersion": "0",
            }
            yield batch.at_ms, json.dumps(event).encode()

    def _sagemaker_labels(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for batch in labelled():
            data = "\n".join(str(row.label) for row in batch.rows)
            event = {
                "groundTruthData": {"data": data, "encoding": "CSV"},
                "eventMetadata": {"eventId": batch.id},
                "eventVersion": "0",
            }
            yield batch.labelled_ms, json.dumps(event).encode()

    def _databricks(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for number, batch in enumerate(batches()):
            columns = [*batch.rows[0].features]
            split = {"columns": columns, "data": [[*row.features.values()] for row in batch.rows]}
            records = [row.features for row in batch.rows]
            asked = {"dataframe_split": split} if number % 2 else {"dataframe_records": records}
            answers = [{"class": row.prediction, "p": row.score} for row in batch.rows]
            event = {
                "databricks_request_id": f"x-{batch.id}",
                "client_request_id": batch.id,
                "timestamp_ms": batch.at_ms,
                "status_code": 200,
                "request": json.dumps(asked),
                "response": json.dumps({"predictions": answers}),
                "request_metadata": {"model_name": batch.model, "model_version": VERSION},
            }
            if number % 50 == 0:
                failed = {**event, "status_code": 400, "response": '{"error_code": "BAD_REQUEST"}'}
                yield batch.at_ms, json.dumps(failed).encode()
            yield batch.at_ms, json.dumps(event).encode()

    def _mlflow(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for batch in batches():
            columns = {name: [row.features[name] for row in batch.rows] for name in batch.rows[0].features}
            event = {
                "request_id": batch.id,
                "model": batch.model,
                "model_version": VERSION,
                "timestamp": _time(batch),
                "request": {"inputs": columns},
                "response": {
                    "predictions": [row.prediction for row in batch.rows],
                    "probabilities": [row.score for row in batch.rows],
                },
            }
            yield batch.at_ms, json.dumps(event).encode()

    def _bentoml(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        for batch in batches():
            for of, row in zip(batch.ids(), batch.rows, strict=True):
                event = {**row.features, "prediction": row.prediction, "score": row.score, "model": batch.model}
                event |= {"timestamp": _time(batch).removesuffix("Z"), "request_id": of, "trace_id": "0"}
                yield batch.at_ms, json.dumps(event).encode()

    def _labels(self, _topic: str) -> Iterator[tuple[int, bytes]]:
        labels: list[tuple[int, str, object]] = [
            (batch.labelled_ms, of, row.label)
            for batch in batches()
            for of, row in zip(batch.ids(), batch.rows, strict=True)
        ]
        labels += [(each.at_ms, each.id, None) for each in retractions()]
        for at_ms, of, label in sorted(labels, key=lambda each: each[0]):
            yield at_ms, json.dumps({"prediction_id": of, "label": label, "ts": at_ms}).encode()


def _value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def _time(batch: Batch) -> str:
    moment = datetime.fromtimestamp(batch.at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

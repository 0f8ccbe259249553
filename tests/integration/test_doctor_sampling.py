"""Samples of topics on the embedded broker, and of files."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import fastavro
import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, Settings
from driftline.errors import BrokerError
from driftline.inspection.examination import examine, report_of
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.inspect import sampling
from driftline.runtime.inspect.chosen_topics import with_topics_there
from driftline.runtime.inspect.file_samples import sample_file
from driftline.runtime.inspect.sampling import TopicSampler
from tests.support.real_broker import patient
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.runtime.demo.embedded_broker import EmbeddedBroker

N = 90
SCHEMA = {
    "type": "record",
    "name": "Score",
    "fields": [
        {"name": "requestId", "type": "string"},
        {"name": "at", "type": "long"},
        {"name": "score", "type": "double"},
        {"name": "age", "type": "int"},
    ],
}


@pytest.fixture(autouse=True)
def no_patience_for_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded broker never says how long it keeps records."""
    monkeypatch.setattr(sampling, "_RETENTION_S", 0.1)


def settings_of(broker: EmbeddedBroker, registry: str | None = None) -> Settings:
    return Settings(
        kafka=KafkaSettings(brokers=broker.bootstrap),
        predictions=PredictionInput("scores"),
        schema_registry=None if registry is None else SchemaRegistrySettings(url=registry),
    )


def sampler(broker: EmbeddedBroker, registry: str | None = None) -> TopicSampler:
    settings = settings_of(broker, registry)
    return TopicSampler(settings, Credentials(), InputEncodings(settings, Credentials()))


def test_the_oldest_and_the_newest_of_each_partition_are_read(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("scores", 3)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    for number in range(N):
        producer.produce(
            "scores",
            b'{"n": %d}' % number,
            key=b"k-%d" % number,
            partition=number % 3,
            timestamp=1_000 + number,
            headers=[("h", b"1")],
        )
    assert producer.flush(patient(30)) == 0
    found = sampler(embedded_broker).sample("scores", "predictions", n=12)
    assert (found.n_records, found.n_partitions, found.trouble) == (N, 3, None)
    assert found.n_sampled == 24
    offsets = [batch.offsets for batch in found.batches]
    assert offsets == [[0, 1, 2, 3, 26, 27, 28, 29]] * 3
    first = found.batches[1]
    assert first.values[0] == b'{"n": 1}'
    assert first.keys is not None
    assert first.keys[0] == b"k-1"
    assert first.headers is not None
    assert first.headers[0] == {"h": b"1"}
    assert first.timestamps_ms[0] == 1_001
    whole = sampler(embedded_broker).sample("scores", "predictions")
    assert whole.n_sampled == N


def test_avro_is_read_through_the_registry_and_mapped(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("scores", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    with SchemaRegistry() as registry:
        head = b"\0" + registry.register("scores-value", json.dumps(SCHEMA)).to_bytes(4, "big")
        for number in range(N):
            record = {"requestId": f"r-{number}", "at": 1_772_366_400_000 + number, "score": 0.5, "age": number % 7}
            with io.BytesIO() as encoded:
                fastavro.schemaless_writer(encoded, SCHEMA, record)
                producer.produce("scores", head + encoded.getvalue(), timestamp=1_772_366_400_000 + number)
        assert producer.flush(patient(30)) == 0
        found = sampler(embedded_broker, registry.url).sample("scores", "predictions")
    settings = settings_of(embedded_broker, registry.url)
    examined = examine(found, None, settings, configured=False)
    assert (len(examined.taken["predictions"].times_ms), examined.taken["predictions"].refusals) == (N, [])
    assert examined.settings.predictions.fields.prediction_id == "/requestId"
    assert "schema_registry:" in report_of(examined).configuration


def test_a_registry_that_does_not_answer_is_said(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("scores", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    producer.produce("scores", b"\0\0\0\0\x07abc")
    assert producer.flush(patient(30)) == 0
    found = sampler(embedded_broker, "http://127.0.0.1:1").sample("scores", "predictions")
    assert found.n_records == 1
    assert found.trouble is not None
    assert found.trouble.startswith("the schema registry http://127.0.0.1:1 cannot be asked: ")


def test_an_empty_topic_has_no_records(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("scores", 2)
    found = sampler(embedded_broker).sample("scores", "predictions")
    assert (found.n_records, found.batches) == (0, [])


def test_a_missing_topic_is_named(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("scores", 1)
    with pytest.raises(BrokerError, match=r"Expected topic nowhere, got none .* Topics there: scores$"):
        sampler(embedded_broker).sample("nowhere", "predictions")


def test_the_first_and_the_last_lines_of_a_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(f'{{"n": {number}, "kafka": {{"timestamp": {number}}}}}\n' for number in range(50)))
    found = sample_file(path, "scores", "predictions", n=5)
    (batch,) = found.batches
    assert (found.n_records, found.n_partitions) == (50, None)
    assert batch.offsets == [0, 1, 2, 3, 4, 45, 46, 47, 48, 49]
    assert batch.timestamps_ms == batch.offsets


def test_of_several_topics_one_is_looked_at_and_the_others_are_named(embedded_broker: EmbeddedBroker) -> None:
    for name in ("scores-eu", "scores-us"):
        embedded_broker.create_topic(name, 1)
    usual = settings_of(embedded_broker)
    several = replace(usual, predictions=PredictionInput("^scores-"), labels=LabelInput(("scores-labels", "missing")))
    found, lines = with_topics_there(several, Credentials())
    assert found.predictions.topics == ("scores-eu", "scores-us")
    assert [(line.level, line.text, line.advice) for line in lines] == [
        (
            "note",
            "predictions: of 2 topics only `scores-eu` is looked at, not `scores-us`: all share one mapping",
            "Look at each of the others once, with `--predictions scores-us`",
        ),
        (
            "note",
            "labels: of 2 topics only `scores-labels` is looked at, not `missing`: all share one mapping",
            "Look at each of the others once, with `--labels missing`",
        ),
        ("problem", "labels: there is no topic `missing`", "Create it, or leave it out"),
    ]
    with pytest.raises(BrokerError, match=r"Expected a topic that matches `\^none-` - at `\$\.predictions\.topic`"):
        with_topics_there(replace(usual, predictions=PredictionInput("^none-")), Credentials())
    assert with_topics_there(usual, Credentials()) == (usual, [])


def test_what_is_proposed_for_several_topics_names_them_all(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic("scores-eu", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    for number in range(N):
        record = {"id": f"r-{number}", "at": 1_772_366_400_000 + number, "model": "loan", "age": number, "decision": 1}
        producer.produce("scores-eu", json.dumps(record))
    assert producer.flush(patient(30)) == 0
    settings = replace(settings_of(embedded_broker), predictions=PredictionInput(("scores-eu", "scores-us")))
    there, _ = with_topics_there(settings, Credentials())
    sample = TopicSampler(there, Credentials(), InputEncodings(there, Credentials())).sample("scores-eu", "predictions")
    report = report_of(examine(sample, None, settings, configured=False))
    assert "topic: [scores-eu, scores-us]" in report.configuration
    assert "prediction_id: /id" in report.configuration

"""Which partitions of several topics a replay reads, and by which numbers: those that workers gave, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.config.input_settings import PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import Settings
from driftline.events.source import Source
from driftline.events.source_numbers import Place, TopicPart
from driftline.runtime.kafka.input_partitions import input_topics
from driftline.runtime.kafka.number_log import TOPIC, NumberLog, known_numbers
from driftline.runtime.replay.input_spans import input_spans

if TYPE_CHECKING:
    from driftline.events.source_numbers import SourceNumbers
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def settings_of(broker: EmbeddedBroker) -> Settings:
    kafka = KafkaSettings(brokers=broker.bootstrap, prefix="several")
    return Settings(kafka=kafka, predictions=PredictionInput(topic=("b", "a")), labels=None)


def numbers_of(settings: Settings) -> SourceNumbers:
    return known_numbers(settings, Credentials(), input_topics(settings, Credentials()))


def test_numbers_are_those_of_the_log_and_what_has_none_was_never_read(embedded_broker: EmbeddedBroker) -> None:
    settings = settings_of(embedded_broker)
    for topic, n in {"a": 2, "b": 3, settings.kafka.topic(TOPIC): 1}.items():
        embedded_broker.create_topic(topic, n)
    log = NumberLog(settings.kafka, Credentials())
    log.extend([TopicPart("predictions", "a", 0, 2), TopicPart("predictions", "gone", 0, 1)])
    log.extend([TopicPart("predictions", "b", 0, 2)])
    before = log.read()
    numbers = numbers_of(settings)
    assert numbers.every() == [Place("a", 0), Place("a", 1), Place("b", 0), Place("b", 1)], "b-2 has no number yet"
    assert numbers.source("b", 1) == Source("predictions", 4)
    assert numbers.absent == (Source("predictions", 2),)
    spans = input_spans(settings, Credentials(), numbers, None)
    assert [(span.source.partition, span.topic, span.partition) for span in spans] == [
        (0, "a", 0),
        (1, "a", 1),
        (3, "b", 0),
        (4, "b", 1),
    ]
    assert log.read() == before, "nothing is written"


def test_where_no_worker_has_read_yet_they_are_those_that_one_would_give(embedded_broker: EmbeddedBroker) -> None:
    settings = settings_of(embedded_broker)
    for topic in ("a", "b"):
        embedded_broker.create_topic(topic, 1)
    numbers = numbers_of(settings)
    assert numbers.every() == [Place("b", 0), Place("a", 0)], "in the order of the configuration"
    alone = msgspec.structs.replace(settings, predictions=PredictionInput(topic="a"))
    assert numbers_of(alone).source("a", 0) == Source("predictions", 0)

"""Messages of a consumer become batches by source partition; what is no record is kept apart."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message

from driftline.events.source import Source
from driftline.events.source_numbers import SourceNumbers, TopicPart
from driftline.runtime.kafka.record_batches import by_source, source_of

NUMBERS = SourceNumbers({"scored": "predictions", "truth": "labels"}, {"scored": 3, "truth": 3})
END = KafkaError(KafkaError._PARTITION_EOF)


def message(topic: str, partition: int, offset: int, value: bytes | None = b"v") -> Message:
    return Message(topic=topic, partition=partition, offset=offset, value=value, timestamp=(1, 1_000 + offset))


def end(topic: str | None, partition: int, offset: int) -> Message:
    return Message(topic=topic, partition=partition, offset=offset, error=END)


def test_records_keep_their_order_within_each_partition() -> None:
    messages = [
        message("scored", 1, 7),
        message("truth", 1, 3, None),
        message("scored", 0, 1),
        end("truth", 1, 4),
        message("scored", 1, 8, b""),
        end("scored", 1, 9),
        end("scored", 0, 2),
    ]
    batches, events = by_source(messages, NUMBERS.source)
    assert [(batch.source, batch.topic, batch.offsets) for batch in batches] == [
        (Source("predictions", 1), "scored", [7, 8]),
        (Source("labels", 1), "truth", [3]),
        (Source("predictions", 0), "scored", [1]),
    ]
    assert batches[0].values == [b"v", b""]
    assert batches[0].timestamps_ms == [1_007, 1_008]
    assert batches[1].values == [None], "a tombstone is a record"
    assert [(each.topic(), each.offset(), error.code()) for each, error in events] == [
        ("truth", 4, KafkaError._PARTITION_EOF),
        ("scored", 9, KafkaError._PARTITION_EOF),
        ("scored", 2, KafkaError._PARTITION_EOF),
    ]


def test_headers_are_read_where_they_are_wanted() -> None:
    def with_headers(partition: int, offset: int, value: bytes, *headers: tuple[str, bytes | None]) -> Message:
        return Message(topic="scored", partition=partition, offset=offset, value=value, headers=[*headers])

    messages = [
        with_headers(0, 1, b"{}", ("a", b"1")),
        with_headers(1, 1, b"{}", ("a", b"1")),
        with_headers(0, 2, b"\x00", ("a", b"1"), ("a", b"2"), ("b", None)),
        message("scored", 1, 2, b"{}"),
        message("scored", 0, 3, b"\x00"),
        message("scored", 1, 3, b"{}"),
        with_headers(0, 4, b"{}", ("a", b"1")),
    ]
    batches, _ = by_source(
        messages, NUMBERS.source, wants_headers=lambda topic, values: topic == "scored" and b"\x00" in values
    )
    assert batches[0].values == [b"{}", b"\x00", b"\x00", b"{}"]
    assert batches[0].headers == [{}, {"a": b"2"}, {}, {"a": b"1"}]
    assert batches[1].headers is None


def test_nothing_read() -> None:
    assert by_source([], NUMBERS.source) == ([], [])


def test_the_source_of_an_error() -> None:
    assert source_of(end("truth", 2, 0), NUMBERS.source) == Source("labels", 2)
    assert source_of(end(None, 2, 0), NUMBERS.source) is None
    assert source_of(end("truth", -1, 0), NUMBERS.source) is None


def test_keys_and_headers_are_read_where_a_topic_asks_for_them() -> None:
    messages = [message("scored", 0, 1), message("truth", 0, 1), message("scored", 0, 2)]
    scored, truth = by_source(messages, NUMBERS.source, asked={"scored": {"keys", "headers"}})[0]
    assert (truth.keys, truth.headers) == (None, None)
    assert scored.keys == [each.key() for each in (messages[0], messages[2])]
    assert scored.headers is not None
    assert len(scored.headers) == len(scored.values) == 2


def test_partitions_of_several_topics_have_numbers_of_their_own_and_keep_their_names() -> None:
    parts = [TopicPart("predictions", "eu", 0, 2), TopicPart("predictions", "us", 0, 2)]
    numbers = SourceNumbers({"eu": "predictions", "us": "predictions"}, {"eu": 2, "us": 2}, parts)
    eu, us = by_source([message("eu", 1, 7), message("us", 0, 3)], numbers.source)[0]
    assert (eu.source, eu.place) == (Source("predictions", 1), "eu-1")
    assert (us.source, us.place, us.partition) == (Source("predictions", 2), "us-0", 0)
    assert us.part(slice(1)).place == "us-0"

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, Message

from driftline.events.pane import Source
from driftline.runtime.record_batches import by_source

END: Final = KafkaError(KafkaError._PARTITION_EOF)
DOWN: Final = KafkaError(KafkaError._TRANSPORT)


def record(topic: str, partition: int, offset: int, value: bytes | None = b"{}") -> Message:
    return Message(topic=topic, partition=partition, offset=offset, value=value, timestamp=(1, 1_000 + offset))


def end(topic: str, partition: int, offset: int, error: KafkaError = END) -> Message:
    return Message(topic=topic, partition=partition, offset=offset, error=error)


def test_records_are_gathered_by_source_in_order_and_errors_are_kept_apart() -> None:
    messages = [
        end("labels", 1, 7),
        record("predictions", 0, 3),
        record("labels", 0, 9),
        end("labels", 0, 10),
        end("labels", 1, 7, DOWN),
        record("predictions", 0, 4, None),
        record("predictions", 1, 1),
        end("predictions", 1, 2),
    ]
    batches, events = by_source(messages, {"predictions": "predictions", "labels": "labels"})
    taken = {batch.source: (batch.topic, batch.offsets, batch.values, batch.timestamps_ms) for batch in batches}
    assert taken == {
        Source("predictions", 0): ("predictions", [3, 4], [b"{}", None], [1_003, 1_004]),
        Source("labels", 0): ("labels", [9], [b"{}"], [1_009]),
        Source("predictions", 1): ("predictions", [1], [b"{}"], [1_001]),
    }
    assert [(message.offset(), error.code()) for message, error in events] == [
        (7, END.code()),
        (10, END.code()),
        (7, DOWN.code()),
        (2, END.code()),
    ]


def test_only_errors_and_nothing_at_all_make_no_batch() -> None:
    assert by_source([], {"labels": "labels"}) == ([], [])
    batches, events = by_source([end("labels", 0, 1), end("labels", 1, 1)], {"labels": "labels"})
    assert batches == []
    assert len(events) == 2

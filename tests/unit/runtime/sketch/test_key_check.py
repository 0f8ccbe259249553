"""Keys and partitions of first records are checked whatever the encoding of the values."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Message

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.settings import JoinSettings, Settings
from driftline.events.record_batch import RecordBatch, Unreadable
from driftline.events.source import Source
from driftline.runtime.kafka.partitioning import partition_of
from driftline.runtime.sketch.key_check import KeyCheck

N_PARTITIONS = 3
COUNTS = {"scored": N_PARTITIONS, "truth": N_PARTITIONS}
SETTINGS = Settings(
    predictions=PredictionInput("scored"), labels=LabelInput("truth"), join=JoinSettings(repartition=False)
)


def records(topic: str, n: int, *, misplaced: bool) -> list[tuple[Message, RecordBatch]]:
    """Return n records of Avro with their documents, each in the partition of its id or in the next."""
    made = []
    for number in range(n):
        name = f"p{number}"
        partition = (partition_of(name.encode(), N_PARTITIONS) + misplaced) % N_PARTITIONS
        document: object = {"prediction_id": name, "model": "m", "label": 1}
        value = b"\x00\x00\x00\x00\x01\x04" + name.encode()
        message = Message(topic=topic, partition=partition, offset=number, key=name.encode(), value=value)
        source = Source("predictions" if topic == "scored" else "labels", partition)
        made.append((message, RecordBatch(source, topic, [value], [number], [-1], [document])))
    return made


@pytest.mark.parametrize("misplaced", [False, True])
def test_documents_are_checked(*, misplaced: bool) -> None:
    check = KeyCheck(SETTINGS, COUNTS)
    both = [*records("scored", 200, misplaced=False), *records("truth", 200, misplaced=misplaced)]
    mismatch = check.look([message for message, _ in both], [batch for _, batch in both])
    assert (mismatch is not None) == misplaced


def test_topics_in_the_same_place_of_both_lists_are_checked_with_each_other() -> None:
    settings = Settings(
        predictions=PredictionInput(("other", "scored")),
        labels=LabelInput(("wahrheit", "truth")),
        join=JoinSettings(repartition=False),
    )
    check = KeyCheck(settings, {"other": 1, "wahrheit": 1, **COUNTS})
    assert not check.done
    both = [*records("scored", 200, misplaced=False), *records("truth", 200, misplaced=True)]
    mismatch = check.look([message for message, _ in both], [batch for _, batch in both])
    assert mismatch is not None
    assert "`truth-" in str(mismatch) or "`truth`" in str(mismatch)


def test_records_that_wait_for_a_schema_do_not_count() -> None:
    check = KeyCheck(SETTINGS, COUNTS)
    waiting = records("truth", 200, misplaced=True)
    (one,) = records("scored", 1, misplaced=False)
    assert check.look([one[0], *(message for message, _ in waiting)], [one[1]]) is None


def test_records_that_cannot_be_read_say_nothing() -> None:
    check = KeyCheck(SETTINGS, COUNTS)
    both = [*records("scored", 200, misplaced=False), *records("truth", 200, misplaced=True)]
    refused: list[object] = [Unreadable("unknown_schema", "unknown")]
    batches = [batch._replace(documents=refused) if batch.topic == "truth" else batch for _, batch in both]
    assert check.look([message for message, _ in both], batches) is None
    plain = [json.dumps(batch.documents[0]).encode() for _, batch in both if batch.documents]
    batches = [batch._replace(values=[value], documents=None) for (_, batch), value in zip(both, plain, strict=True)]
    assert KeyCheck(SETTINGS, COUNTS).look([message for message, _ in both], batches) is not None

"""Send the files to a broker, predictions and labels in turn by event time, each keyed by its prediction id.

    python -m examples.late_labels.send --brokers localhost:9092 predictions.ndjson late.ndjson

Makes the topics ``predictions`` and ``labels`` with three partitions each where they are not there.
"""

from __future__ import annotations

import argparse
import heapq
import json
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITIONS = 3
TIMEOUT_S = 60.0


def make_topics(brokers: str) -> None:
    """Make both topics, unless they are there."""
    admin = AdminClient({"bootstrap.servers": brokers})
    wanted = [NewTopic(name, num_partitions=PARTITIONS, replication_factor=1) for name in ("predictions", "labels")]
    for made in admin.create_topics(wanted).values():
        try:
            made.result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def events(topic: str, path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield time, topic, id and text of each event of a file."""
    with path.open() as file:
        for line in file:
            event = json.loads(line)
            yield event["ts"], topic, event["prediction_id"], line.rstrip("\n")


def acknowledged(error: KafkaError | None, _message: Message) -> None:
    """Stop where a record was not taken."""
    if error is not None:
        raise KafkaException(error)


def main() -> None:
    """Make the topics and send everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--brokers", required=True)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("labels", type=Path, nargs="?", help="none: labels never come")
    options = parser.parse_args()
    make_topics(options.brokers)
    # murmur2, as Java's producers: a label has to be on the partition of its prediction
    settings = {"partitioner": "murmur2_random", "linger.ms": 20, "queue.buffering.max.messages": 1_000_000}
    # idempotent: what is sent again, while a new topic has no leader, does not come out of order
    producer = Producer({"bootstrap.servers": options.brokers, "enable.idempotence": True, **settings})
    files = {"predictions": options.predictions, "labels": options.labels}
    n = 0
    for _, topic, key, value in heapq.merge(*[events(topic, path) for topic, path in files.items() if path]):
        producer.produce(topic, value, key, on_delivery=acknowledged)
        n += 1
        producer.poll(0)
    left = producer.flush(TIMEOUT_S)
    print(f"sent {n - left:,} of {n:,} records to {options.brokers}")


if __name__ == "__main__":
    main()

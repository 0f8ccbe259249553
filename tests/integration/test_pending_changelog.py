"""Reading the pending changelog back on a real broker, past transactions that killed workers have left open."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import producer_configuration
from driftline.runtime.pending.pending_changelog import PendingChangelog
from driftline.sketching.joins.replayed_rows import Replay
from tests.support.real_broker import create_topics, patient

NOBODY = Credentials()


class Reader:
    """Takes blocks as a sketcher does."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.kept: int | None = None
        self.whole = False

    def restore(self, partition: int, block: bytes, offset: int, at: str) -> int:
        assert (partition, at.rsplit("-", maxsplit=1)[-1]) == (0, f"0@{offset}")
        self.blocks.append(block)
        return 1

    def restored(self, partition: int, next_offset: int, *, whole: bool) -> None:
        assert partition == 0
        self.kept = next_offset
        self.whole = whole


def from_offset(offset: int) -> Replay:
    return Replay(0, offset, offset, None, ())


def writer(kafka: KafkaSettings, name: str, timeout_ms: int) -> Producer:
    more = {"transaction.timeout.ms": timeout_ms}
    producer = Producer(producer_configuration(kafka, NOBODY, f"{kafka.prefix}-{name}", more))
    producer.init_transactions(patient(30))
    return producer


def write(producer: Producer, kafka: KafkaSettings, value: bytes) -> None:
    """Begin a transaction with one block, which the broker has taken."""
    producer.begin_transaction()
    producer.produce(kafka.topic("pending"), value, partition=0)
    assert producer.flush(patient(30)) == 0


@pytest.fixture
def kafka(real_broker: str, topic_prefix: str) -> KafkaSettings:
    create_topics(real_broker, {f"{topic_prefix}.pending": 1})
    return KafkaSettings(brokers=real_broker, prefix=topic_prefix)


def test_blocks_behind_a_killed_workers_open_transaction_are_restored(kafka: KafkaSettings) -> None:
    killed, taking_over = writer(kafka, "a", 2_000), writer(kafka, "b", 10_000)
    write(killed, kafka, b"a-committed")
    killed.commit_transaction(patient(30))
    write(killed, kafka, b"a-open")  # killed here: nobody ends the transaction but the broker
    write(taking_over, kafka, b"b-committed")
    taking_over.commit_transaction(patient(30))

    reader = Reader()
    assert PendingChangelog(kafka, NOBODY).replay(from_offset(0), reader)
    assert reader.blocks == [b"a-committed", b"b-committed"]
    later = Reader()
    assert PendingChangelog(kafka, NOBODY).replay(from_offset(1), later)
    assert later.blocks == [b"b-committed"], "what the store holds is not read again"
    assert later.kept == reader.kept


def test_a_transaction_that_stays_open_is_an_error_that_says_what_to_do(kafka: KafkaSettings) -> None:
    write(writer(kafka, "a", 60_000), kafka, b"a-open")
    changelog = PendingChangelog(kafka, NOBODY, open_transaction_s=0.5)
    with pytest.raises(BrokerError, match=r"up to offset 1 within 0\.5 s, got an open transaction.*find-hanging"):
        changelog.replay(from_offset(0), Reader())


def test_an_empty_partition_and_one_with_aborted_blocks_restore_nothing(kafka: KafkaSettings) -> None:
    changelog = PendingChangelog(kafka, NOBODY)
    assert not changelog.replay(from_offset(0), Reader())
    aborting = writer(kafka, "a", 10_000)
    write(aborting, kafka, b"a-aborted")
    aborting.abort_transaction(patient(30))
    reader = Reader()
    changelog.replay(from_offset(0), reader)
    assert reader.blocks == []


def test_a_store_that_is_ahead_of_its_changelog_is_an_error_that_says_what_to_do(kafka: KafkaSettings) -> None:
    with pytest.raises(BrokerError, match=r"up to offset 7 at least.*end at 0.*delete the folder"):
        PendingChangelog(kafka, NOBODY).replay(from_offset(7), Reader())

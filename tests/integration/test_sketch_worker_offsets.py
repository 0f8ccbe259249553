"""The sketch worker without committed offsets: at a first start, on new partitions, and where they are gone."""

from __future__ import annotations

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from driftline.config.secrets import Credentials
from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import producer_configuration
from tests.integration.test_sketch_worker import PROFILE, TIME, counted, send_labels, send_predictions
from tests.support.real_broker import patient, wait_until
from tests.support.sketch_harness import RunningWorker, SketchRun


def forget_offsets(run: SketchRun) -> None:
    """Do at once what the broker does to a group that had no member for the retention of offsets."""
    for deleted in run.admin.delete_consumer_groups([f"{run.prefix}-sketch"]).values():
        deleted.result(timeout=patient(30))


def refusal(run: SketchRun) -> str:
    """Start a worker that must not go on; return its reason."""
    running = RunningWorker(run.settings, run.profiles, "w1")
    running.thread.join(patient(60))
    assert not running.thread.is_alive()
    assert isinstance(running.error, BrokerError), running.error
    return str(running.error)


@pytest.mark.parametrize("labels", [True, False])
def test_offsets_that_are_gone_are_refused_until_the_recount_is_accepted(
    real_broker: str, topic_prefix: str, *, labels: bool
) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    if not labels:
        run.settings = msgspec.structs.replace(run.settings, labels=None)
    with run.worker() as worker:
        send_predictions(run, 20)
        if labels:
            send_labels(run, 5)
        run.await_committed(worker)
    forget_offsets(run)

    reason = refusal(run)
    assert f"Expected committed offsets of the group `{topic_prefix}-sketch` for any of its partitions" in reason
    assert f"`{topic_prefix}.panes-" in reason
    assert "`driftline run --accept-recount`" in reason
    assert counted(run)["events"] == 20

    with run.worker(accept_recount=True) as worker:
        run.await_committed(worker)
    assert counted(run)["events"] == 40
    with run.worker() as worker:
        send_predictions(run, 2, first=20)
        run.await_committed(worker)
    assert counted(run)["events"] == 42


def test_the_pending_changelog_tells_of_one_partition_whose_offsets_are_gone(
    real_broker: str, topic_prefix: str
) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    with run.worker() as worker:
        send_predictions(run, 20)
        run.await_committed(worker)
    forget_offsets(run)
    group = {"bootstrap.servers": real_broker, "group.id": f"{topic_prefix}-sketch", "enable.auto.commit": False}
    consumer = Consumer(group)
    consumer.commit(offsets=[TopicPartition(run.inputs["predictions"], 1, 10)], asynchronous=False)
    consumer.close()

    reason = refusal(run)
    assert "for partition 0, got none" in reason
    assert f"`{topic_prefix}.pending-0`" in reason


def test_a_start_without_records_and_aborted_work_are_no_earlier_work(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    with run.worker():
        wait_until(run.flushes, 30, "the worker to announce its partitions")
    assert all(offset < 0 for offset, _ in run.committed().values())
    aborted = Producer(producer_configuration(run.settings.kafka, Credentials(), f"{topic_prefix}-x"))
    aborted.init_transactions(patient(30))
    aborted.begin_transaction()
    for partition in range(run.partitions):
        aborted.produce(run.settings.kafka.topic("pending"), b"never committed", partition=partition)
        aborted.produce(run.settings.kafka.topic("panes"), b"never committed", partition=partition)
    aborted.flush(patient(30))
    aborted.abort_transaction(patient(30))
    with run.worker() as worker:
        send_predictions(run, 20)
        run.await_committed(worker)
    assert counted(run)["events"] == 20


def test_labels_without_an_offset_beside_predictions_with_one_are_no_loss(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    with run.worker() as worker:
        send_predictions(run, 20)
        run.await_committed(worker)
    assert run.committed()["labels", 0][0] < 0
    with run.worker() as worker:
        send_labels(run, 20)
        run.await_committed(worker)
    assert counted(run)["events"] == 20


def test_partitions_added_later_begin_at_their_oldest_record(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    with run.worker() as worker:
        send_predictions(run, 20)
        run.await_committed(worker)
    topics = [*run.inputs.values(), run.settings.kafka.topic("pending")]
    for widened in run.admin.create_partitions([NewPartitions(topic, 3) for topic in topics]).values():
        widened.result(timeout=patient(30))
    run.partitions = 3

    def known() -> bool:
        shown = run._producer.list_topics(timeout=patient(10)).topics  # what the producer itself knows
        return all(len(shown[topic].partitions) == 3 for topic in topics)

    wait_until(known, 30, "the new partitions to be known")
    with run.worker() as worker:
        send_predictions(run, 30, first=30)
        run.await_committed(worker)
    assert counted(run)["events"] == 50

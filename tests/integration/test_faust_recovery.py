"""The detect worker on a real broker: whatever happens to it, each delta counts once and no output is lost."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer, TopicPartition

from driftline.runtime.detect.heartbeat_guard import EXIT_HEARTBEAT_LOST
from driftline.runtime.detect.stall_watch import EXIT_STALLED
from tests.support.detect_harness import COMPACTED, Panes, Workers, workers_of
from tests.support.detect_process import PARTITIONS
from tests.support.reading import read_topic
from tests.support.real_broker import patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def panes(request: pytest.FixtureRequest, real_broker: str, topic_prefix: str) -> Panes:
    return Panes(real_broker, topic_prefix, getattr(request, "param", COMPACTED))


@pytest.fixture
def workers(panes: Panes, tmp_path: Path) -> Iterator[Workers]:
    with workers_of(panes, tmp_path) as started:
        yield started


@contextmanager
def being_written(panes: Panes) -> Iterator[None]:
    """Write in the background, so that workers are hit in the middle of it."""
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            panes.write(60, 15)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            yield
        finally:
            enough.set()
        writing.result()


def test_aborted_records_are_never_seen_and_the_position_passes_transaction_markers(
    panes: Panes, workers: Workers
) -> None:
    panes.write(3_000)
    worker = workers.start().wait_ready()
    panes.settle(worker)
    worker.stop()
    panes.expect()


def test_a_killed_worker_is_replaced_within_seconds_and_nothing_counts_twice(panes: Panes, workers: Workers) -> None:
    with being_written(panes):
        for applied in (500, 1_000, 500):
            worker = workers.start().wait_ready()
            worker.wait_applied(applied)
            worker.kill()
    worker = workers.start().wait_ready(15)
    panes.settle(worker)
    worker.stop()
    panes.expect()


def test_partitions_move_between_workers(panes: Panes, workers: Workers) -> None:
    with being_written(panes):
        first = workers.start().wait_ready()
        first.wait_applied(500)
        second = workers.start().wait_ready()
        second.wait_applied(200)
        third = workers.start().wait_ready()
        third.wait_applied(200)
        second.kill()
        first.stop()
        third.wait_applied(1_000)
    panes.settle(third)
    third.stop()
    panes.expect()


def test_a_worker_woken_after_its_successor_took_over_changes_nothing(panes: Panes, workers: Workers) -> None:
    with being_written(panes):
        sleeper = workers.start().wait_ready()
        sleeper.wait_applied(500)
        sleeper.signal(signal.SIGSTOP)
        successor = workers.start().wait_ready(30)
        successor.wait_applied(1_000)
        sleeper.signal(signal.SIGCONT)
        successor.wait_applied(1_500)
    panes.settle(successor)
    assert sleeper.process.poll() in {None, EXIT_HEARTBEAT_LOST}, sleeper.log()
    successor.stop()
    sleeper.kill()
    panes.expect()


def test_a_worker_that_stands_still_says_so_and_ends_and_the_next_one_goes_on(panes: Panes, workers: Workers) -> None:
    panes.write(300)
    panes.write_raw(b"profile")
    panes.write(60)
    stuck = workers.start("stall").wait_ready()
    assert stuck.wait() == EXIT_STALLED, stuck.log()
    assert "detection stands still: flush records can be read, and none is applied" in stuck.log()
    successor = workers.start().wait_ready(30)
    panes.settle(successor)
    successor.stop()
    panes.expect()


def test_what_a_frozen_worker_was_about_to_send_is_never_sent(panes: Panes, workers: Workers) -> None:
    panes.write(600)
    sleeper = workers.start("freeze").wait_ready()
    wait_until(lambda: sleeper.applied() >= 500, 30, sleeper.log)
    panes.write_raw(b"freeze")
    wait_until(lambda: "frozen" in sleeper.lines, 30, sleeper.log)
    successor = workers.start().wait_ready(30)
    panes.write(600)
    panes.settle(successor)
    sleeper.signal(signal.SIGCONT)
    assert sleeper.wait() == EXIT_HEARTBEAT_LOST
    assert "heartbeat lost" in sleeper.log()
    successor.stop()
    panes.expect()


def test_recovery_ends_where_the_changelog_ends_without_a_record(panes: Panes, workers: Workers) -> None:
    panes.write(900)
    first = workers.start().wait_ready()
    first.wait_applied(500)
    first.stop()
    producer = Producer({"bootstrap.servers": panes.bootstrap, "transactional.id": f"{panes.prefix}-other"})
    producer.init_transactions(patient(30))
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        producer.produce(f"{panes.prefix}.detect-state", b"never", key=b"never", partition=partition)
    producer.flush(patient(30))
    producer.abort_transaction(patient(30))
    second = workers.start().wait_ready(30)
    panes.settle(second)
    second.stop()
    panes.expect()


def test_a_monitor_that_fails_ends_the_worker_and_keeps_the_last_checkpoint(panes: Panes, workers: Workers) -> None:
    panes.write(900)
    first = workers.start().wait_ready()
    first.wait_applied(500)
    first.stop()
    kept = [panes.state(partition) for partition in range(PARTITIONS)]
    panes.write_raw(b"fail")
    panes.write(300)
    second = workers.start()
    assert second.wait() == 1
    assert "ValueError: the monitor was told to fail" in second.log()
    assert [panes.state(partition) for partition in range(PARTITIONS)] == kept


def test_profiles_are_waited_for_before_the_record_is_applied(panes: Panes, workers: Workers) -> None:
    panes.write_raw(b"profile")
    worker = workers.start().wait_ready()
    wait_until(lambda: worker.lines.count("waiting profile True") == PARTITIONS, 20, worker.log)
    worker.stop()


def test_panes_that_retention_has_deleted_are_reported(panes: Panes, workers: Workers) -> None:
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - only here

    panes.write(900)
    first = workers.start().wait_ready()
    first.wait_applied(900)  # all: a partition without a committed position has lost nothing
    first.stop()
    panes.write(300)
    admin = AdminClient({"bootstrap.servers": panes.bootstrap})
    gone = [TopicPartition(f"{panes.prefix}.panes", p, end) for p, end in enumerate(panes.ends())]
    for deletion in admin.delete_records(gone).values():
        deletion.result(timeout=patient(30))
    panes.write(30)
    second = workers.start().wait_ready()
    wait_until(lambda: sum(line.startswith("lost") for line in second.lines) == PARTITIONS, 30, second.log)
    assert "panes lost" in second.log()
    second.stop()


@pytest.mark.parametrize(
    "panes",
    [COMPACTED | {"min.cleanable.dirty.ratio": "0.01", "segment.ms": "500", "delete.retention.ms": "100"}],
    indirect=True,
)
def test_state_is_read_back_from_a_compacted_changelog(panes: Panes, workers: Workers) -> None:
    state = f"{panes.prefix}.detect-state"

    def is_compacted() -> bool:
        return all(len(read_topic(panes.bootstrap, state, p)) < end / 2 for p, end in enumerate(panes.ends(state)))

    with being_written(panes):
        first = workers.start().wait_ready()
        first.wait_applied(3_000)
        first.stop()
        second = workers.start().wait_ready()  # a segment closes when there is a record for the next one
        wait_until(is_compacted, 90, "the changelog to be compacted")
        second.kill()
        third = workers.start().wait_ready()
        third.wait_applied(500)
    panes.settle(third)
    third.stop()
    panes.expect()

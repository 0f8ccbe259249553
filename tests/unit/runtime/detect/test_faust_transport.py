"""What the consumer's thread says of each record's predecessor, while positions change."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP
from mode.utils.queues import FlowControlQueue

from driftline.runtime.detect.faust_app import LosslessFlow
from driftline.runtime.detect.faust_transport import ConsumerThread

if TYPE_CHECKING:
    from collections.abc import Callable

COMMITTED = 9_282


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


class SlowBroker(AIOKafkaConsumer):  # type: ignore[misc]  # it publishes no types
    """aiokafka's consumer whose fetcher returns records between two answers about committed offsets."""

    committed_offset: int | None = COMMITTED

    def __init__(self, partitions: list[TopicPartition], meanwhile: Callable[[TopicPartition], None]) -> None:
        self._closed = True  # nothing to close: it was never connected
        self._subscription = SimpleNamespace(assigned_partitions=lambda: set(partitions))
        self._fetcher = SimpleNamespace(seek_to=lambda _tp, _offset: None)
        self._partitions = partitions
        self._meanwhile = meanwhile

    def assignment(self) -> set[TopicPartition]:
        return set(self._partitions)

    async def committed(self, partition: TopicPartition) -> int | None:
        await asyncio.sleep(0)
        self._meanwhile(partition)
        return self.committed_offset


def test_records_that_a_fetch_returns_while_others_are_sought_are_not_forgotten() -> None:
    partitions = [TopicPartition("panes", number) for number in range(3)]
    thread = cast("Any", object.__new__(ConsumerThread))
    thread._reached, thread._fetched = {}, {}
    sought: list[TopicPartition] = []

    def fetch_those_sought(next_one: TopicPartition) -> None:
        for tp in sought:
            thread._chain(TP(*tp), records(COMMITTED, COMMITTED + 1))
        sought[:] = [next_one]

    thread._ensure_consumer = lambda: SlowBroker(partitions, fetch_those_sought)
    committed = asyncio.run(thread._seek_to_committed())
    assert committed == dict.fromkeys(partitions, COMMITTED)
    follows = {tp.partition: thread._chain(TP(*tp), records(COMMITTED + 60))[0][0] for tp in partitions}
    last = sought[0].partition
    assert follows == {number: COMMITTED if number == last else COMMITTED + 2 for number in range(3)}


def test_a_partition_without_a_committed_offset_is_sought_to_its_beginning() -> None:
    """By itself, aiokafka would stay behind what was fetched and dropped."""
    panes, changelog = TopicPartition("panes", 0), TopicPartition("state", 0)
    thread = cast("Any", object.__new__(ConsumerThread))
    thread._reached, thread._fetched = {}, {}
    thread.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={"state"}))
    broker = SlowBroker([panes, changelog], lambda _: None)
    broker.committed_offset = None
    sought: list[tuple[TopicPartition, int]] = []
    broker.seek = lambda tp, offset: sought.append((tp, offset))
    thread._ensure_consumer = lambda: broker
    thread._chain(TP(*panes), records(3, 5))
    thread._chain(TP(*changelog), records(8))
    assert thread.fetched_to() == {TP(*panes): 6}
    asyncio.run(thread._seek_to_committed())
    assert sought == [(panes, 0)]
    assert thread.fetched_to() == {}
    assert [follows for follows, _ in thread._chain(TP(*panes), records(3))] == [0]


def test_flow_that_resumes_keeps_what_was_fetched_and_a_revocation_clears_it() -> None:
    async def run() -> None:
        flow = LosslessFlow()
        queue: FlowControlQueue[int] = FlowControlQueue(flow_control=flow, clear_on_resume=True)
        flow.resume()
        await queue.put(1)
        flow.resume()
        assert queue.qsize() == 1
        flow.suspend()
        flow.clear()
        assert queue.qsize() == 0
        assert not flow.is_active()

    asyncio.run(run())

"""What the consumer's thread says of each record's predecessor, while positions change."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from driftline.runtime.detect.faust_transport import ConsumerThread

if TYPE_CHECKING:
    from collections.abc import Callable

COMMITTED = 9_282


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


class SlowBroker(AIOKafkaConsumer):  # type: ignore[misc]  # it publishes no types
    """aiokafka's consumer whose fetcher returns records between two answers about committed offsets."""

    def __init__(self, partitions: list[TopicPartition], meanwhile: Callable[[TopicPartition], None]) -> None:
        self._closed = True  # nothing to close: it was never connected
        self._subscription = SimpleNamespace(assigned_partitions=lambda: set(partitions))
        self._fetcher = SimpleNamespace(seek_to=lambda _tp, _offset: None)
        self._partitions = partitions
        self._meanwhile = meanwhile

    def assignment(self) -> set[TopicPartition]:
        return set(self._partitions)

    async def committed(self, partition: TopicPartition) -> int:
        await asyncio.sleep(0)
        self._meanwhile(partition)
        return COMMITTED


def test_records_that_a_fetch_returns_while_others_are_sought_are_not_forgotten() -> None:
    partitions = [TopicPartition("panes", number) for number in range(3)]
    thread = cast("Any", object.__new__(ConsumerThread))
    thread._reached = {}
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

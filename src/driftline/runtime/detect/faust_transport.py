"""Faust's aiokafka transport, with what the detect stage needs beyond Faust 0.15.3.

- The stream consumer reads committed records only, also at `at_least_once`.
- What is committed for the panes partitions is the position that a checkpoint gives, never what Faust makes of its
  acknowledgements: its commit stops at each offset gap that a transaction marker leaves.
- Each record carries the offset its fetch started from, so that the agent sees when a record in between went missing on
  the way from the fetcher (Faust drops records around a rebalance and relies on a seek that it races with); and the
  consumer says up to where it has fetched, so that the agent sees it also of the last records of a partition.
- After a rebalance each panes partition is sought, also to its beginning: aiokafka seeks to no committed offset of 0,
  and where nothing was committed.
- Each write asks the :class:`~driftline.runtime.detect.heartbeat_guard.HeartbeatGuard` first.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import aiokafka
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from faust.types.tuples import Message

    from driftline.runtime.detect.faust_app import DetectApp


class PanesMessage(ConsumerMessage):
    """A record with the offset behind its predecessor in the fetch; None where that is unknown."""

    __slots__ = ("follows",)
    follows: int | None


class _NeverRead(dict[TP, int | None]):
    """Replaces Faust's read offsets: Faust drops records below them, even after a seek back."""

    def __getitem__(self, _: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        """Forget."""

    def update(self, *_: object, **__: object) -> None:
        """Forget."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer, and so the heartbeats."""

    app: DetectApp

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor if self.app.tables.changelog_topics else RoundRobinPartitionAssignor
        self._reached: dict[TP, int] = {}
        self._fetched: dict[TP, int] = {}
        options: dict[str, Any] = {
            "client_id": conf.broker_client_id,
            "max_poll_records": conf.broker_max_poll_records,
            "max_poll_interval_ms": int(conf.broker_max_poll_interval * 1000),
            "max_partition_fetch_bytes": conf.consumer_max_fetch_size,
            "fetch_max_wait_ms": 500,
            "request_timeout_ms": int(conf.broker_request_timeout * 1000),
            "check_crcs": conf.broker_check_crcs,
            **self.app.client_options.consumer,
        }
        return aiokafka.AIOKafkaConsumer(
            group_id=conf.id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset=conf.consumer_auto_offset_reset,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            isolation_level="read_committed",
            **options,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def on_start(self) -> None:
        """Start the consumer, and watch its heartbeats."""
        await super().on_start()
        consumer = self._ensure_consumer()
        self.app.guard.watch_group(consumer._coordinator)  # noqa: SLF001 - has no public name

    async def on_thread_stop(self) -> None:
        """Stop the consumer, also while it waits to repeat a fetch that failed.

        aiokafka (0.14) cancels that fetch, lets the cancellation out to us and leaves its connections open: the thread
        would end with a traceback, and Faust wait for it in vain.
        """
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self._ensure_consumer()._client.close()  # noqa: SLF001 - has no public name

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Forget how far earlier assignments were read."""
        self._reached.clear()
        self._fetched.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to the committed offsets."""
        committed: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return committed

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        """Seek one partition after the other, and note each position in the same step.

        While the next committed offset is awaited, a fetch may return records of a partition that was sought already.
        """
        consumer = self._ensure_consumer()
        committed: dict[TP, int] = {}
        for assigned in consumer.assignment():
            offsets = await consumer.seek_to_committed(assigned)
            committed.update(offsets)
            tp, offset = ensure_TP(assigned), offsets[assigned]
            if not offset and tp.topic not in self.app.tables.changelog_topics:
                consumer.seek(assigned, 0)  # where retention has deleted that, the reset policy finds the oldest
            elif not offset:
                continue
            self._sought({tp: offset or 0})
        return committed

    def _sought(self, positions: Mapping[TP, int]) -> None:
        self._reached.update(positions)
        for tp in positions:
            self._fetched.pop(tp, None)

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        self._sought(partitions)
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> Mapping[TP, list[Any]]:
        fetched = await super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=max_records)
        return {tp: self._chain(ensure_TP(tp), records) for tp, records in fetched.items()}

    def _chain(self, tp: TP, records: list[Any]) -> list[tuple[int | None, Any]]:
        follows = [self._reached.get(tp), *(record.offset + 1 for record in records)]
        self._reached[tp] = self._fetched[tp] = records[-1].offset + 1
        return list(zip(follows, records, strict=False))

    def fetched_to(self) -> dict[TP, int]:
        """Return the offset behind the last record that was fetched since the last seek, of each panes partition that
        has one.
        """
        own = self.app.tables.changelog_topics
        return {tp: offset for tp, offset in self._fetched.copy().items() if tp.topic not in own}

    def fetch_positions(self) -> dict[TP, int]:
        """Return where the next fetch of each assigned partition begins, also past what holds no record."""
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001 - has no public name
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(tp) for tp in assignment.tps}
        return {
            ensure_TP(tp): state.position
            for tp, state in states.items()
            if state is not None and state.has_valid_position
        }


class Consumer(driver.Consumer):
    """Faust's consumer, committing the positions it is given and nothing else."""

    app: DetectApp
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust and aiokafka leave it untyped
        super().__init__(*args, **kwargs)
        self._read_offset = _NeverRead()
        self._positions: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}
        self.handed_over: dict[TP, int] = {}

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def commit_position(self, tp: TP, offset: int) -> None:
        """From now on, commit `offset` for `tp`."""
        self._positions[tp] = offset

    async def force_commit(self, topics: object = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Faust's signature
        """Commit each position that was given since it was last committed."""
        positions = {tp: offset for tp, offset in self._positions.items() if self._committed.get(tp) != offset}
        if not positions or not self.app.guard.is_fresh() or not await self._commit(positions):
            return False
        self._committed.update(positions)
        return True

    def ack(self, message: Message) -> bool:
        """Release a message; only checkpoints decide the committed position."""
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the agent finish before Faust stops its streams, then forget all positions."""
        await self.app.panes_reader.before_revocation()
        self._positions.clear()
        self._committed.clear()
        self.handed_over.clear()
        await super().on_partitions_revoked(revoked)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go to other positions, from which nothing has been handed over yet."""
        await super().seek_wait(partitions)
        for tp in partitions:
            self.handed_over.pop(tp, None)

    def owned_panes(self) -> set[TP]:
        """Return the panes partitions that the group has given this worker."""
        own = self.app.tables.changelog_topics
        return {tp for tp in self.assignment() if tp.topic not in own}

    def fetched_to(self) -> dict[TP, int]:
        """Return up to which offset records of each panes partition were fetched; the agent must get them all."""
        return self._thread.fetched_to()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's signature
        """Yield fetched records, and record afterwards up to which offsets all were yielded."""
        generation = self.app.consumer_generation_id
        async for item in super().getmany(timeout):
            yield item
        if self.flow_active and generation == self.app.consumer_generation_id:
            self.handed_over = self._thread.fetch_positions()

    def _to_message(self, tp: TP, record: tuple[int | None, Any]) -> PanesMessage:
        follows, plain = record
        message = PanesMessage(
            plain.topic,
            plain.partition,
            plain.offset,
            plain.timestamp / 1000.0,
            plain.timestamp_type,
            plain.headers,
            plain.key,
            plain.value,
            plain.checksum,
            plain.serialized_key_size,
            plain.serialized_value_size,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.follows = follows
        return message

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do not warn: a commit position that waits for an open pane does not mean that the stream hangs."""


class Producer(driver.Producer):
    """Faust's producer, whose connections ask the guard before they write."""

    app: DetectApp

    def _settings_default(self) -> Mapping[str, Any]:
        return {**super()._settings_default(), **self.app.client_options.producer}

    def _new_producer(self, transactional_id: str | None = None) -> aiokafka.AIOKafkaProducer:
        producer = super()._new_producer(transactional_id)
        self.app.guard.guard_client(producer.client)
        return producer


class Transport(driver.Transport):
    """Faust's Kafka transport with the consumer and the producer above."""

    Consumer = Consumer
    Producer = Producer


def panes_consumer(app: DetectApp) -> Consumer:
    """Return the application's consumer, with the methods that Faust's interface lacks."""
    return cast("Consumer", app.consumer)

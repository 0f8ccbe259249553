"""The agent on the panes topic: one monitor a partition, its outputs, its checkpoints.

The order of a checkpoint, each step acknowledged by the broker before the next begins:

1. all outputs so far,
2. the checkpoint's entries,
3. its meta entry, which makes it the valid one,
4. the position that the group commits.

A crash between 1 and 3 sends some outputs again, with the same ids and bytes; no other order can neither lose an output
nor count a delta twice.

A record that closes panes and windows of a thousand models takes many seconds. It is evaluated model by model, and in
between the event loop answers the group and sends what was found. A checkpoint waits for the end of the record. Who has
to give the partition back meanwhile finishes the record if that is soon done, else gives it back as of the last
checkpoint.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, Final, cast

from driftline.errors import DriftlineError, ProfileError
from driftline.runtime.detect.alert_log import log_alert
from driftline.runtime.detect.faust_transport import panes_consumer
from driftline.runtime.detect.lost_records import LOOK_S, LostRecords
from driftline.runtime.detect.state_table import CheckpointSlots
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.operations.memory_arenas import MemoryReturn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence

    from faust.types import TP, EventT

    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.monitoring.partition_monitor import PartitionMonitor
    from driftline.runtime.detect.faust_app import DetectApp
    from driftline.runtime.detect.faust_table import StateTable
    from driftline.runtime.detect.faust_transport import PanesMessage
    from driftline.runtime.detect.heartbeat_guard import HeartbeatGuard
    from driftline.runtime.detect.monitor_reporter import MonitorReporter
    from driftline.runtime.encodings.event_encoder import EventEncoder
    from driftline.runtime.operations.telemetry import Telemetry
    from driftline.runtime.references.reference_topic import ReferenceReader

_PROFILE_WAIT_S: Final = 30.0  # for a profile that has not been read yet; longer than the session timeout is safe
_UNACKNOWLEDGED_MAX: Final = 2_000  # outputs in flight; above it the agent waits, so a burst cannot fill the memory
_TURN_S: Final = 0.05  # of evaluation, after which others in the event loop have their turn
_FINISH_S: Final = 10.0  # for the record in hand where its partition is to be given back; well within the group's wait
_SEEK_PAUSE_S: Final = 1.0  # between two attempts to go back to a record that went missing on the way

_log = get_logger(__name__)


class _OwnedPartition:
    """A monitor, its slots, and how far it has read."""

    def __init__(self, tp: TP, slots: CheckpointSlots, monitor: PartitionMonitor) -> None:
        self.tp = tp
        self.slots = slots
        self.monitor = monitor
        self.next_offset = slots.position or 0
        self.n_since_checkpoint = 0
        self.n_shown = 0
        """Of the records since the checkpoint, those that the figures show."""
        self.is_whole = True
        """Whether the monitor is between two records: within one there is nothing to keep."""
        self.checkpoint_at_s = time.monotonic()
        self.sought_at_s = float("-inf")


class PanesAgent:
    """Applies each panes record once and in order, and writes outputs, state and position in the order that loses
    nothing.

    Lives in the event loop of one thread; only :meth:`is_ready`, :meth:`reached` and :meth:`is_computing` may be called
    from others. ``restore`` returns a partition's monitor from the entries of its last checkpoint; from none, a new
    one.
    """

    def __init__(
        self,
        settings: Settings,
        restore: Callable[[int, Mapping[bytes, bytes]], PartitionMonitor],
        references: ReferenceReader,
        telemetry: Telemetry,
        reporter: MonitorReporter,
        guard: HeartbeatGuard,
    ) -> None:
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._restore = restore
        self._references = references
        self._telemetry = telemetry
        self._reporter = reporter
        self._guard = guard
        self._memory = MemoryReturn()
        self._app: DetectApp
        self._table: StateTable
        self._encode: EventEncoder | None = None
        self._in_hand = asyncio.Lock()
        self._partitions: dict[int, _OwnedPartition] = {}
        self._generation: int | None = None
        self._revoking = asyncio.Event()
        self._finish_by_s = math.inf
        self._unacknowledged: list[asyncio.Future[Any]] = []
        self._n_taken = 0
        self._computing = False
        self._lost = LostRecords()

    def attach(self, app: DetectApp, table: StateTable, encode: EventEncoder | None = None) -> None:
        """Connect the agent to its application, its table and, unless events stay JSON, their encoder."""
        self._app = app
        self._table = table
        self._encode = encode

    def is_ready(self) -> bool:
        """True while the worker is in the group and its state is read back."""
        generation = self._generation
        return generation is not None and generation == self._app.consumer_generation_id

    def is_computing(self) -> bool:
        """True while a record is being evaluated."""
        return self._computing

    def reached(self) -> dict[int, int]:
        """Return for each owned panes partition the offset up to which all records are applied, past what holds none;
        nothing while the worker is not in the group.
        """
        if not self.is_ready():
            return {}
        consumer, open_ = panes_consumer(self._app), self._partitions.copy()
        fetched_to, handed_over = consumer.fetched_to(), consumer.handed_over.copy()
        reached: dict[int, int] = {}
        for tp in consumer.owned_panes():
            applied = open_[tp.partition].next_offset if tp.partition in open_ else 0
            waits = fetched_to.get(tp, 0) > applied
            reached[tp.partition] = applied if waits else max(applied, handed_over.get(tp, 0))
        return reached

    async def run(self, events: AsyncIterator[EventT[bytes]]) -> None:
        """Apply records until the stream ends; report the first error and apply nothing more.

        Faust would acknowledge the record, start the agent anew and go on with the next one.
        """
        besides = [asyncio.ensure_future(self._show_current()), asyncio.ensure_future(self._look_for_lost())]
        try:
            async for event in events:
                await self._take(cast("PanesMessage", event.message))
        except Exception as error:  # noqa: BLE001 - handed over whole: the worker stops and raises it
            self.fail(error)
            await asyncio.Event().wait()
        finally:
            for each in besides:
                each.cancel()

    async def _show_current(self) -> None:
        """Show what came after a checkpoint, which the next one would show, also where no further record comes."""
        try:
            while True:
                await asyncio.sleep(self._settings.detect.checkpoint_interval / 1000)
                for partition in self._partitions.values():
                    if partition.n_shown != partition.n_since_checkpoint:
                        partition.n_shown = partition.n_since_checkpoint
                        self._reporter.show(partition.monitor.status())
        except Exception as error:  # noqa: BLE001 - as in `run`
            self.fail(error)

    async def _look_for_lost(self) -> None:
        """Read again what was fetched and did not arrive, also where no further record comes that would show it."""
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                if not self._in_hand.locked():
                    fetched_to = panes_consumer(self._app).fetched_to() if self.is_ready() else {}
                    for tp in self._lost.look(self._n_taken, fetched_to):
                        await self._read_again(tp)
        except Exception as error:  # noqa: BLE001 - as in `run`
            self.fail(error)

    async def _read_again(self, tp: TP) -> None:
        async with self._in_hand:
            if self.is_ready() and tp in panes_consumer(self._app).fetched_to():
                partition = self._partitions.get(tp.partition) or await self._open(tp)
                fetched_to = panes_consumer(self._app).fetched_to().get(tp, 0)
                if fetched_to > partition.next_offset:
                    await self._go_back(partition, fetched_to)

    def fail(self, error: Exception) -> None:
        """End the worker with an error; the first one counts."""
        self._generation = None
        if not self.failure.done():
            self.failure.set_exception(error)

    def recovered(self, generation_id: int) -> None:
        """Accept records of this group generation from now on: the state is recovered."""
        self._generation = generation_id

    async def before_revocation(self) -> None:
        """Finish the record in hand, write a last checkpoint where that is safe, and forget all partitions."""
        self._generation = None
        self._revoking.set()
        self._finish_by_s = time.monotonic() + _FINISH_S
        async with self._in_hand:
            try:
                await self._let_go()
            except Exception as error:  # noqa: BLE001 - aiokafka would log it and join again
                self.fail(error)
            finally:
                self._unacknowledged.clear()
                for number in self._partitions:
                    self._reporter.forget(number)
                self._partitions.clear()
                self._revoking.clear()
                self._finish_by_s = math.inf

    async def _let_go(self) -> None:
        if self._guard.is_fresh() and not self.failure.done():
            for partition in self._partitions.values():
                if partition.is_whole:
                    await self._checkpoint(partition)
                else:
                    await self._acknowledged()
                    _log.warning(
                        "partition given back within a record: whoever has it next starts from the last checkpoint",
                        topic=f"{partition.tp.topic}-{partition.tp.partition}",
                        record=partition.next_offset,
                    )
            if self._partitions:
                await panes_consumer(self._app).force_commit()
        elif any(not future.done() for future in self._unacknowledged):
            self._guard.require("giving partitions back with records on their way")

    async def _take(self, message: PanesMessage) -> None:
        self._n_taken += 1
        async with self._in_hand:
            if self._generation is None or message.generation_id != self._generation:
                return  # read again by whoever owns the partition now
            partition = self._partitions.get(message.partition) or await self._open(message.tp)
            if message.follows is not None and message.follows > partition.next_offset:
                await self._go_back(partition, message.offset)
            elif message.offset >= partition.next_offset and await self._apply(partition, message):
                await self._checkpoint_when_due(partition)

    async def _open(self, tp: TP) -> _OwnedPartition:
        slots, entries = CheckpointSlots.restore(tp.partition, self._table.take(tp.partition))
        partition = _OwnedPartition(tp, slots, self._restore(tp.partition, entries))
        self._partitions[tp.partition] = partition
        if slots.position is not None:
            await self._report_lost_panes(tp, slots.position)
        return partition

    async def _report_lost_panes(self, tp: TP, needed: int) -> None:
        earliest = (await self._app.consumer.earliest_offsets(tp)).get(tp) or 0
        if earliest > needed:
            _log.error(
                "panes lost: the topic deleted records that open panes need; lengthen its retention",
                topic=f"{tp.topic}-{tp.partition}",
                needed=needed,
                oldest=earliest,
            )
            self._telemetry.panes_lost(tp.partition, earliest - needed)

    async def _go_back(self, partition: _OwnedPartition, reached: int) -> None:
        now = time.monotonic()
        if now - partition.sought_at_s < _SEEK_PAUSE_S:
            return  # still on its way from before the last attempt
        partition.sought_at_s = now
        _log.warning(
            "a record did not arrive; reading again from its offset",
            topic=f"{partition.tp.topic}-{partition.tp.partition}",
            missing=partition.next_offset,
            reached=reached,
        )
        await self._app.consumer.seek_wait({partition.tp: partition.next_offset})

    async def _apply(self, partition: _OwnedPartition, message: PanesMessage) -> bool:
        if message.value is not None:
            missing = partition.monitor.profiles_wanted(message.value)
            if missing:
                if not await self._may_go_on(missing):
                    return False
                self._require_known(partition, message)
            if not await self._evaluate(partition, message.value, message.offset):
                return False
        partition.next_offset = message.offset + 1
        partition.n_since_checkpoint += 1
        self._telemetry.records_applied(1)
        return True

    async def _evaluate(self, partition: _OwnedPartition, value: bytes, offset: int) -> bool:
        """Evaluate a record, and send what it makes known; return False if it was given up half-way."""
        if not partition.is_whole:
            raise DriftlineError(
                f"Expected a record to be evaluated to its end before the next one, got one that was broken off - at "
                f"`{partition.tp.topic}-{partition.tp.partition}@{offset}`. The checkpoint is safe: start this process "
                "again"
            )
        partition.is_whole, turn_s = False, time.monotonic()
        parts = partition.monitor.evaluate(value, offset)
        while (outputs := self._next_of(parts)) is not None:
            await self._send(outputs)
            if time.monotonic() - turn_s > _TURN_S:
                await asyncio.sleep(0)
                turn_s = time.monotonic()
                if turn_s > self._finish_by_s:
                    return False
        partition.is_whole = True
        return True

    def _next_of(self, parts: Iterator[Sequence[OutputRecord]]) -> Sequence[OutputRecord] | None:
        self._computing = True
        try:
            return next(parts, None)
        finally:
            self._computing = False

    async def _may_go_on(self, ids: Collection[object]) -> bool:
        """Wait for profiles until the deadline; return False if the partitions are about to be revoked."""
        deadline = time.monotonic() + _PROFILE_WAIT_S
        waits = {
            asyncio.ensure_future(self._references.wait_for(ids, deadline)),
            asyncio.ensure_future(self._revoking.wait()),
        }
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for waiting in pending:
            waiting.cancel()
        for finished in done:
            finished.result()
        return not self._revoking.is_set()

    def _require_known(self, partition: _OwnedPartition, message: PanesMessage) -> None:
        """Raise if a profile is still missing: which panes are counted must not depend on how soon it is read."""
        missing = partition.monitor.profiles_wanted(message.value or b"")
        if missing:
            names = ", ".join(f"`{id_}` of {model}" for id_, model in sorted(missing.items()))
            raise ProfileError(
                f"Expected to read the profile {names} from {self._settings.kafka.topic('references')} within "
                f"{_PROFILE_WAIT_S:g} s, got none - at `{message.tp.topic}-{message.partition}"
                f"@{message.offset}`. Panes were counted under this profile: publish it again with "
                "`driftline reference publish`. After a restart the worker continues at this record"
            )

    async def _send(self, outputs: Sequence[OutputRecord]) -> None:
        for made in outputs:
            log_alert(made)
            output = made if self._encode is None else self._encode(made)
            topic = self._settings.kafka.topic(output.channel)
            self._unacknowledged.append(
                await self._app.send_raw(topic, output.key, output.value, headers=output.headers)
            )
            self._telemetry.outputs_sent(output.channel, 1)
        if len(self._unacknowledged) >= _UNACKNOWLEDGED_MAX:
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        await asyncio.gather(*self._unacknowledged)
        self._unacknowledged.clear()

    async def _checkpoint_when_due(self, partition: _OwnedPartition) -> None:
        waited_s = time.monotonic() - partition.checkpoint_at_s
        if (
            waited_s >= self._settings.detect.checkpoint_interval / 1000
            or partition.n_since_checkpoint >= self._settings.detect.checkpoint_records
        ):
            await self._checkpoint(partition)

    async def _checkpoint(self, partition: _OwnedPartition) -> None:
        if not partition.n_since_checkpoint:
            return
        await self._guard.until_fresh("writing a checkpoint")
        started_at_s = time.monotonic()
        await self._acknowledged()
        self._reporter.show(partition.monitor.status())
        writes = partition.slots.writes(partition.monitor.checkpoint())
        self._unacknowledged = [await self._table.write(key, value) for key, value in writes.first]
        await self._acknowledged()
        self._unacknowledged = [await self._table.write(*writes.meta)]
        await self._acknowledged()
        panes_consumer(self._app).commit_position(partition.tp, writes.position)
        partition.n_since_checkpoint = partition.n_shown = 0
        partition.checkpoint_at_s = time.monotonic()
        self._telemetry.checkpoint_written(partition.checkpoint_at_s - started_at_s)
        self._memory.when_due()
        self._telemetry.position(partition.tp.partition, writes.position)

"""Detection's state as a Faust table: written to its changelog, read back whole.

- After each rebalance the changelog is read from its beginning: since it was read last, another worker may have owned
  the partition. Faust goes on from where it was, and keeps entries of partitions it has lost.
- Recovery ends by position: Faust waits for the record with the changelog's last offset, which compaction or a
  transaction marker may have left without one, and never ends.
- A step of recovery that takes longer than a request may is begun anew with all others; Faust takes it for the end of
  the service and reads nothing any more, without a word.
- Values are kept in memory only until a monitor takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from faust.stores.memory import Store
from faust.tables import Table
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped

from driftline.runtime.detect.faust_transport import panes_consumer
from driftline.runtime.detect.state_table import partition_of
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from faust.types import TP, EventT
    from faust.types.transports import ConsumerT
    from mode.services import WaitArgT
    from mode.utils.times import Seconds

    from driftline.runtime.detect.faust_app import DetectApp

_log = get_logger(__name__)


class StateStore(Store[bytes, bytes]):
    """Recovered changelog entries by partition, until a monitor takes them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._partitions: dict[int, dict[bytes, bytes]] = {}

    def apply_changelog_batch(self, batch: Iterable[EventT[bytes]], to_key: object, to_value: object) -> None:  # noqa: ARG002 - Faust's signature
        """Apply changelog records in their order; a record without value removes its key."""
        for event in batch:
            message = event.message
            key = message.key or b""
            entries = self._partitions.setdefault(message.partition, {})
            if message.value is None:
                entries.pop(key, None)
            else:
                entries[key] = message.value

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Keep all entries: they were read for exactly this assignment."""

    def forget(self) -> None:
        """Drop all entries: they are about to be read again."""
        self._partitions.clear()

    def take(self, partition: int) -> dict[bytes, bytes]:
        """Return a partition's entries and keep none of them."""
        return self._partitions.pop(partition, {})


class StateTable(Table[bytes, bytes]):
    """Detection's state: bytes to bytes, one changelog partition for each panes partition."""

    app: DetectApp

    def __init__(self, app: DetectApp, *, changelog: str, **kwargs: Any) -> None:  # noqa: ANN401 - Faust and aiokafka leave it untyped
        self._changelog_name = changelog
        super().__init__(app, key_type=bytes, value_type=bytes, **kwargs)

    def _changelog_topic_name(self) -> str:
        return self._changelog_name

    def _new_store(self) -> StateStore:
        return StateStore("memory://", self.app, self, table_name=self.name, key_type=bytes, value_type=bytes)

    async def write(self, key: bytes, value: bytes | None) -> asyncio.Future[Any]:
        """Send one change to the changelog; the future resolves when the broker has acknowledged it."""
        return await self.app.send_raw(self._changelog_name, key, value, partition_of(key))

    def take(self, partition: int) -> dict[bytes, bytes]:
        """Return all that was read back for a partition; a second call returns nothing."""
        return cast("StateStore", self.data).take(partition)

    def forget(self) -> None:
        """Drop all that was read back."""
        cast("StateStore", self.data).forget()


class StateRecovery(Recovery):
    """Recovery that reads the whole changelog after each rebalance, and ends at the changelog's end."""

    app: DetectApp

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget what was read before: since then, another worker may have written."""
        self._forget()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def _forget(self) -> None:
        self.active_offsets.clear()
        for buffer in self.buffers.values():
            buffer.clear()
        for table in self.tables.values():
            cast("StateTable", table).forget()

    async def _wait(self, coro: WaitArgT, timeout: Seconds | None = None) -> None:  # noqa: ASYNC109 - Faust's signature
        try:
            await super()._wait(coro, timeout=timeout)
        except ServiceStopped:
            if self.should_stop or self.crashed or self.signal_recovery_start.is_set():
                raise
            _log.warning("the broker was too slow while state was read back; beginning anew", timeout_s=timeout)
            await self.app.panes_reader.before_revocation()  # it may have begun with what was read back
            self._forget()
            self.active_offsets.update(dict.fromkeys(self.active_tps))
            self.signal_recovery_start.set()
            raise RebalanceAgain from None

    def need_recovery(self) -> bool:
        """True while records of the changelog have not arrived; a last offset without a record is none."""
        return any(remaining > 0 and not self._read_to_the_end(tp) for tp, remaining in self.active_remaining().items())

    def _read_to_the_end(self, tp: TP) -> bool:
        handed_over = panes_consumer(self.app).handed_over.get(tp)
        return handed_over is not None and handed_over > self.active_highwaters[tp] and self._queue_is_empty()

    def _queue_is_empty(self) -> bool:
        return bool(self.tables.changelog_queue.empty())

    async def _build_highwaters(self, consumer: ConsumerT, tps: set[TP], destination: Any, title: str) -> None:  # noqa: ANN401 - Faust and aiokafka leave it untyped
        panes_consumer(self.app).handed_over.clear()
        await super()._build_highwaters(consumer, tps, destination, title)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Notify the agent before the streams start."""
        self.app.panes_reader.recovered(generation_id)
        await super().on_recovery_completed(generation_id)


class StateTableManager(TableManager):
    """Faust's tables with the recovery above."""

    @property
    def recovery(self) -> Recovery:
        """The one recovery of this manager."""
        if self._recovery is None:
            self._recovery = StateRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

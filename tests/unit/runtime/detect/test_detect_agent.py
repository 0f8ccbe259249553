"""The agent's order of things, without a broker: what is acknowledged before what, and which records it takes."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import AsyncMock

import pytest
from faust.types import TP

from driftline.config.durations import Duration
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import DetectRuntimeSettings, Settings
from driftline.errors import BrokerError, ProfileError
from driftline.events.model_key import ModelKey
from driftline.events.output_record import OutputRecord
from driftline.monitoring.partition_monitor import Checkpoint, PartitionMonitor
from driftline.profiles.profiles import Profiles
from driftline.runtime.detect import detect_agent
from driftline.runtime.detect.detect_agent import PanesAgent
from driftline.runtime.detect.heartbeat_guard import HeartbeatGuard
from driftline.runtime.detect.monitor_reporter import MonitorReporter
from driftline.runtime.detect.state_table import META_KEY
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.references.reference_topic import ReferenceReader
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping

PANES = TP("driftline.panes", 0)
GENERATION = 4


RISK = ModelKey("risk", "3")
N_MODELS = 5


class Monitor(PartitionMonitor):
    def __init__(self, partition: int, entries: Mapping[bytes, bytes], known: set[str]) -> None:
        super().__init__(partition, Settings(), Profiles())
        self.restored = (partition, dict(entries))
        self.known = known
        self.applied: list[int] = []

    def profiles_wanted(self, record: bytes) -> dict[str, ModelKey]:
        return {"p": RISK} if record == b"wants" and "p" not in self.known else {}

    def evaluate(self, record: bytes, offset: int) -> Iterator[list[OutputRecord]]:
        if record == b"fail":
            raise ValueError("broken")
        for _ in range(N_MODELS if record == b"long" else 1):
            yield [OutputRecord("events", b"k", b"v", (("ce_id", b"1"),))]
        self.applied.append(offset)

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.applied[-1] + 1, {b"e": b"%d" % len(self.applied)}, b"")


class Reporting(Telemetry):
    """Notes in the world's log what is reported of positions and lost panes."""

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def position(self, partition: int, offset: int) -> None:
        self.log.append(f"reported {partition} {offset}")

    def panes_lost(self, partition: int, n: int) -> None:
        self.log.append(f"lost {partition} {n}")


class References(ReferenceReader):
    """A reader whose waiting ends as the world says."""

    def __init__(self, world: World, settings: Settings) -> None:
        super().__init__(settings.kafka, Credentials(), Profiles())
        self._world = world

    async def wait_for(self, ids: Collection[object], deadline: float) -> None:
        assert deadline > 0
        assert set(ids) == {"p"}
        self._world.asked.set()
        if self._world.wait_ends is None:
            await asyncio.Event().wait()
        else:
            self._world.wait_ends()


class World:
    """Kafka as the agent sees it: what was sent, acknowledged, committed and sought, in order."""

    def __init__(
        self, stored: Mapping[bytes, bytes] | None = None, *, fresh: bool = True, interval_ms: int = 3_600_000
    ) -> None:
        self.log: list[str] = []
        self.now_s = 0.0
        self.monitors: list[Monitor] = []
        self.in_flight: list[asyncio.Future[None]] = []
        self.ended: list[int] = []
        self.asked = asyncio.Event()
        self.sent = asyncio.Event()
        self.known: set[str] = set()
        self.wait_ends: Callable[[], object] | None = None
        guard = HeartbeatGuard(6.0, lambda: self.now_s, self.ended.append)
        if fresh:
            guard.note(0.0, 0)
        detect = DetectRuntimeSettings(checkpoint_interval=Duration(interval_ms), checkpoint_records=2)
        settings = Settings(kafka=KafkaSettings(panes_partitions=1), detect=detect)
        telemetry = Reporting(self.log)
        reporter = MonitorReporter(telemetry, settings, Profiles())
        references = References(self, settings)
        self.agent = PanesAgent(settings, self._monitor, references, telemetry, reporter, guard)
        consumer = SimpleNamespace(
            force_commit=self._note("commit now"),
            commit_position=lambda tp, offset: self.log.append(f"position {tp.partition} {offset}"),
            earliest_offsets=self._earliest,
            seek_wait=self._seek,
        )
        app: Any = SimpleNamespace(consumer_generation_id=GENERATION, consumer=consumer, send_raw=self._send)
        table: Any = SimpleNamespace(take=lambda _: dict(stored or {}), write=self._write)
        self.agent.attach(app, table)
        self.agent.recovered(GENERATION)

    def _monitor(self, partition: int, entries: Mapping[bytes, bytes]) -> Monitor:
        self.monitors.append(Monitor(partition, entries, self.known))
        return self.monitors[-1]

    def _note(self, text: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            self.log.append(text)

        return note

    async def _earliest(self, tp: TP) -> dict[TP, int]:
        return {tp: 0}

    async def _seek(self, positions: Mapping[TP, int]) -> None:
        self.log.append(f"seek {positions[PANES]}")

    def _acknowledge_later(self, text: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.in_flight.append(future)
        self.sent.set()

        def acknowledge() -> None:
            self.log.append(f"acknowledged {text}")
            future.set_result(None)

        asyncio.get_running_loop().call_later(0.01, acknowledge)
        return future

    async def _send(self, topic: str, key: bytes, value: bytes | None, **_: object) -> asyncio.Future[None]:
        assert (key, value) == (b"k", b"v")
        return self._acknowledge_later(topic)

    async def _write(self, key: bytes, value: bytes | None) -> asyncio.Future[None]:
        self.log.append(f"write {key.decode()}")
        return self._acknowledge_later(key.decode() if value is not None else f"removal of {key.decode()}")

    async def take(self, *messages: object) -> None:
        """Run the agent over messages until it is done with them."""
        over = asyncio.Event()

        async def events() -> AsyncIterator[Any]:
            for message in messages:
                yield SimpleNamespace(message=message)
            over.set()

        running = asyncio.ensure_future(self.agent.run(events()))
        await asyncio.wait({running, self.agent.failure}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def message(
    offset: int, *, follows: int | None = None, value: bytes | None = b"r", generation: int = GENERATION
) -> SimpleNamespace:
    return SimpleNamespace(
        tp=PANES, topic=PANES.topic, partition=0, offset=offset, value=value, generation_id=generation, follows=follows
    )


async def checkpoint_order() -> None:
    world = World()
    await world.take(message(0), message(1, follows=1))
    assert world.log == [
        "acknowledged driftline.events",
        "acknowledged driftline.events",
        "write 0/a/e",
        "acknowledged 0/a/e",
        "write 0/m",
        "acknowledged 0/m",
        "position 0 2",
        "reported 0 2",
    ]


async def a_record_is_applied_once_and_transaction_markers_are_no_gap() -> None:
    world = World()
    await world.take(message(3, follows=None), message(3), message(7, follows=4), message(2, follows=0))
    assert world.monitors[0].applied == [3, 7]
    assert not any(entry.startswith("seek") for entry in world.log)


async def a_record_that_went_missing_is_fetched_again() -> None:
    world = World()
    await world.take(message(0), message(5, follows=3), message(6, follows=6), message(1, follows=1))
    assert world.monitors[0].applied == [0, 1]
    assert world.log.count("seek 1") == 1, "one attempt, not one for each record that comes too early"


async def records_of_another_generation_and_before_recovery_are_left_alone() -> None:
    world = World()
    await world.take(message(0, generation=GENERATION - 1))
    await world.agent.before_revocation()
    await world.take(message(1))
    assert world.monitors == []
    assert not world.agent.is_ready()


async def a_revocation_writes_a_last_checkpoint_and_forgets_the_monitor() -> None:
    world = World()
    await world.take(message(0))
    await world.agent.before_revocation()
    assert world.log[-3:] == ["position 0 1", "reported 0 1", "commit now"]
    world.agent.recovered(GENERATION)
    await world.take(message(1, follows=1))
    assert len(world.monitors) == 2


async def a_revocation_after_the_session_writes_nothing() -> None:
    world = World()
    await world.take(message(0))
    await asyncio.gather(*world.in_flight)
    world.now_s = 7
    await world.agent.before_revocation()
    assert world.log == ["acknowledged driftline.events"]
    assert world.ended == []


async def a_revocation_after_the_session_with_records_on_their_way_ends_the_process() -> None:
    world = World()
    await world.take(message(0))
    world.now_s = 7
    await world.agent.before_revocation()
    assert world.ended == [75]


async def a_record_that_waits_for_a_profile_gives_way_to_a_revocation() -> None:
    world = World()
    taking = asyncio.ensure_future(world.take(message(0, value=b"wants")))
    await world.asked.wait()
    await asyncio.wait_for(world.agent.before_revocation(), patient(5))
    await taking
    assert world.monitors[0].applied == []


async def a_record_is_applied_once_its_profile_has_come() -> None:
    world = World()
    world.wait_ends = lambda: world.known.add("p")
    await world.take(message(0, value=b"wants"), message(1))
    assert world.monitors[0].applied == [0, 1]


async def a_profile_that_does_not_come_in_time_ends_the_worker() -> None:
    world = World()
    world.wait_ends = lambda: None  # the deadline has passed
    await world.take(message(0), message(1, value=b"wants"), message(2))
    with pytest.raises(ProfileError) as caught:
        world.agent.failure.result()
    text = str(caught.value)
    assert "Expected to read the profile `p` of risk@3 from driftline.references within 30 s" in text
    assert "`driftline.panes-0@1`" in text
    assert "driftline reference publish" in text
    assert world.monitors[0].applied == [0]


async def a_reader_that_has_failed_ends_the_worker() -> None:
    def fail() -> None:
        raise BrokerError("no right to read the references")

    world = World()
    world.wait_ends = fail
    await world.take(message(0, value=b"wants"))
    with pytest.raises(BrokerError, match="no right to read the references"):
        world.agent.failure.result()
    assert world.monitors[0].applied == []


async def an_error_is_reported_and_nothing_more_is_taken() -> None:
    world = World()
    await world.take(message(0), message(1, value=b"fail"), message(2))
    with pytest.raises(ValueError, match="broken"):
        world.agent.failure.result()
    assert world.monitors[0].applied == [0]
    await world.agent.before_revocation()
    assert not any(entry.startswith("write") for entry in world.log)


async def what_a_checkpoint_covers_is_not_applied_again() -> None:
    first = World()
    stored: dict[bytes, bytes] = {}

    async def keep(key: bytes, value: bytes | None) -> asyncio.Future[None]:
        assert value is not None
        stored[key] = value
        return first._acknowledge_later("")

    first.agent._table.write = keep  # type: ignore[method-assign] # the fake's own method
    await first.take(message(0), message(1))
    second = World(stored)
    await second.take(message(1), message(2, follows=2))
    assert second.monitors[0].restored == (0, {META_KEY: b"", b"e": b"2"})
    assert second.monitors[0].applied == [2]


async def figures_show_the_last_record_where_no_other_follows() -> None:
    world, shown, over = World(interval_ms=10), asyncio.Event(), asyncio.Event()

    async def events() -> AsyncIterator[Any]:
        yield SimpleNamespace(message=message(0))
        await over.wait()

    world.agent._checkpoint_when_due = AsyncMock()  # type: ignore[method-assign] # the last one was just now
    world.agent._reporter = cast("MonitorReporter", SimpleNamespace(show=lambda _: shown.set()))
    running = asyncio.ensure_future(world.agent.run(events()))
    await asyncio.wait_for(shown.wait(), patient(5))
    over.set()
    await running


async def figures_that_cannot_be_shown_end_the_worker() -> None:
    world = World(interval_ms=10)

    async def events() -> AsyncIterator[Any]:
        yield SimpleNamespace(message=message(0))
        await asyncio.wait({world.agent.failure})

    def fail(_: object) -> None:
        raise ValueError("no figures")

    world.agent._checkpoint_when_due = AsyncMock()  # type: ignore[method-assign] # the last one was just now
    world.agent._reporter = cast("MonitorReporter", SimpleNamespace(show=fail))
    await asyncio.wait_for(world.agent.run(events()), patient(5))
    with pytest.raises(ValueError, match="no figures"):
        world.agent.failure.result()


async def first_part_sent(world: World) -> asyncio.Future[None]:
    """Begin a record of several models, and return once the first of them is done."""
    taking = asyncio.ensure_future(world.take(message(0, value=b"long"), message(1)))
    await world.sent.wait()
    return taking


async def others_have_their_turn_within_a_long_record() -> None:
    world, sent = World(), []
    taking = await first_part_sent(world)
    while not world.monitors[0].applied:
        sent.append(len(world.in_flight))
        await asyncio.sleep(0)
    await taking
    assert {*sent} >= {2, 3, 4}
    assert world.monitors[0].applied == [0, 1]


async def a_partition_is_given_back_after_the_record_in_hand() -> None:
    world = World()
    taking = await first_part_sent(world)
    await world.agent.before_revocation()
    await taking
    assert world.monitors[0].applied == [0]
    assert world.log[-3:] == ["position 0 1", "reported 0 1", "commit now"]


async def a_partition_is_given_back_within_a_record_that_takes_too_long() -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect_agent, "_FINISH_S", -1.0)
        taking = await first_part_sent(world)
        await world.agent.before_revocation()
        await taking
    assert world.monitors[0].applied == []
    assert len(world.in_flight) < N_MODELS
    assert {*world.log} == {"acknowledged driftline.events", "commit now"}
    world.agent.recovered(GENERATION)
    await world.take(message(0))
    assert world.monitors[1].applied == [0]
    assert not world.agent.failure.done()


@pytest.mark.parametrize(
    "case",
    [
        checkpoint_order,
        a_record_is_applied_once_and_transaction_markers_are_no_gap,
        a_record_that_went_missing_is_fetched_again,
        records_of_another_generation_and_before_recovery_are_left_alone,
        a_revocation_writes_a_last_checkpoint_and_forgets_the_monitor,
        a_revocation_after_the_session_writes_nothing,
        a_revocation_after_the_session_with_records_on_their_way_ends_the_process,
        a_record_that_waits_for_a_profile_gives_way_to_a_revocation,
        a_record_is_applied_once_its_profile_has_come,
        a_profile_that_does_not_come_in_time_ends_the_worker,
        a_reader_that_has_failed_ends_the_worker,
        an_error_is_reported_and_nothing_more_is_taken,
        what_a_checkpoint_covers_is_not_applied_again,
        figures_show_the_last_record_where_no_other_follows,
        figures_that_cannot_be_shown_end_the_worker,
        others_have_their_turn_within_a_long_record,
        a_partition_is_given_back_after_the_record_in_hand,
        a_partition_is_given_back_within_a_record_that_takes_too_long,
    ],
)
def test_the_agent(case: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect_agent, "_TURN_S", -1.0)  # others have their turn after each part

    async def run() -> None:
        await asyncio.wait_for(case(), patient(20))

    asyncio.run(run())

"""Records that were fetched and never arrived are read again; recovery that a slow broker holds up begins anew."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from faust.tables.recovery import RebalanceAgain, ServiceStopped

from driftline.runtime.detect import detect_agent
from driftline.runtime.detect.faust_table import StateRecovery
from tests.support.real_broker import patient
from tests.unit.runtime.detect.test_detect_agent import PANES, World, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from faust.types import TP


def log_of(
    *messages: SimpleNamespace, fetched_to: int, monkeypatch: pytest.MonkeyPatch, within_s: float = 5
) -> list[str]:
    """Return what an agent logs up to its first seek, having been given some messages of those that were fetched."""
    monkeypatch.setattr(detect_agent, "LOOK_S", 0.01)

    async def run() -> list[str]:
        world, over = World(), asyncio.Event()
        consumer = cast("Any", world.agent._app.consumer)
        consumer.fetched_to = lambda: {PANES: fetched_to}

        async def seek_wait(positions: dict[TP, int]) -> None:
            world.log.append(f"seek {positions[PANES]}")
            over.set()

        consumer.seek_wait = seek_wait

        async def events() -> AsyncIterator[Any]:
            for each in messages:
                yield SimpleNamespace(message=each)
            await over.wait()

        await asyncio.wait_for(world.agent.run(events()), patient(within_s))
        return world.log

    return asyncio.run(run())


def test_the_last_records_of_a_partition_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert log_of(message(0), fetched_to=3, monkeypatch=monkeypatch)[-1] == "seek 1"


def test_records_are_read_again_of_a_partition_of_which_none_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    assert log_of(fetched_to=3, monkeypatch=monkeypatch) == ["seek 0"]


def test_nothing_is_read_again_where_all_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        log_of(message(0), message(2, follows=1), fetched_to=3, monkeypatch=monkeypatch, within_s=0.1)


class Recovering:
    """A recovery whose steps all take too long."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        recovery = cast("Any", object.__new__(StateRecovery))
        recovery._stopped, recovery._crashed = asyncio.Event(), asyncio.Event()
        recovery.active_offsets, recovery.active_tps = {PANES: 7}, {PANES}
        recovery.buffers = {"table": [1]}
        recovery.tables = {"table": SimpleNamespace(forget=lambda: self.forgotten.append("table"))}
        recovery.app = SimpleNamespace(panes_reader=SimpleNamespace(before_revocation=self._let_go))
        recovery.loop = asyncio.get_running_loop()
        self.recovery = recovery

    async def _let_go(self) -> None:
        self.forgotten.append("agent")


def test_recovery_that_waits_too_long_for_the_broker_begins_anew() -> None:
    async def run() -> None:
        recovering = Recovering()
        with pytest.raises(RebalanceAgain):
            await recovering.recovery._wait(asyncio.sleep(60), timeout=0.01)
        assert recovering.recovery.signal_recovery_start.is_set()
        assert recovering.forgotten == ["agent", "table"]
        assert recovering.recovery.active_offsets == {PANES: None}
        assert recovering.recovery.buffers == {"table": []}

    asyncio.run(run())


def test_recovery_ends_with_its_service() -> None:
    async def run() -> None:
        recovering = Recovering()
        recovering.recovery._stopped.set()
        with pytest.raises(ServiceStopped):
            await recovering.recovery._wait(asyncio.sleep(60))
        assert not recovering.forgotten

    asyncio.run(run())

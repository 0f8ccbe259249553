"""Nothing is written by a worker whose session may be over."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest
from structlog.testing import capture_logs

from driftline.runtime.detect.heartbeat_guard import EXIT_HEARTBEAT_LOST, HeartbeatGuard, boot_time_s
from tests.support.real_broker import patient


class Ended(BaseException):
    """Stands for the end of the process."""


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def end(code: int) -> None:
    raise Ended(code)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> HeartbeatGuard:
    return HeartbeatGuard(6.0, clock, end)


def test_a_worker_that_never_joined_may_not_write(guard: HeartbeatGuard) -> None:
    assert not guard.is_fresh()
    with capture_logs() as logs, pytest.raises(Ended, match=str(EXIT_HEARTBEAT_LOST)):
        guard.require("writing a checkpoint")
    assert [(line["action"], line["heartbeat_age_s"]) for line in logs] == [
        ("writing a checkpoint", "none acknowledged, or removed from the group")
    ]


def test_the_age_counts_from_sending_and_ends_at_the_session_timeout(guard: HeartbeatGuard, clock: Clock) -> None:
    guard.note(clock.now_s, 0)
    clock.now_s += 5.9
    guard.require("sending records")
    clock.now_s += 0.1
    with capture_logs() as logs, pytest.raises(Ended):
        guard.require("sending records")
    assert [(line["session_timeout_s"], line["heartbeat_age_s"]) for line in logs] == [(6.0, 6.0)]


@pytest.mark.parametrize(("error_code", "fresh"), [(0, True), (27, True), (22, False), (25, False), (82, False)])
def test_what_the_broker_answers_decides(guard: HeartbeatGuard, clock: Clock, error_code: int, *, fresh: bool) -> None:
    guard.note(clock.now_s, 0)
    guard.note(clock.now_s, error_code)
    assert guard.is_fresh() is fresh


def test_an_unclear_answer_is_no_heartbeat(guard: HeartbeatGuard, clock: Clock) -> None:
    guard.note(clock.now_s, 0)
    clock.now_s += 4
    guard.note(clock.now_s, 16)  # not the coordinator
    assert guard.age_s() == 4


def test_the_clock_never_runs_backwards() -> None:
    earlier = boot_time_s()
    assert boot_time_s() >= earlier > 0


class Connection:
    def __init__(self) -> None:
        self.sent: list[object] = []

    def send(self, request: object, *, expect_response: bool = True) -> object:
        self.sent.append(request)
        return expect_response


PRODUCE = ProduceRequest(transactional_id=None, required_acks=-1, timeout=1, topics=[])
COMMIT = OffsetCommitRequest("group", 1, "member", -1, [])


class Client:
    """An aiokafka client with one connection."""

    def __init__(self) -> None:
        self.connection = Connection()

    async def _get_conn(self, node: int) -> Connection:
        assert node == 1
        return self.connection

    async def send(self, node: int, request: object) -> object:
        return (await self._get_conn(node)).send(request)


def test_a_connection_asks_before_it_writes_records(guard: HeartbeatGuard, clock: Clock) -> None:
    client: Any = Client()
    guard.guard_client(client)
    metadata = MetadataRequest([])

    async def write_late() -> None:
        connection = await client._get_conn(1)
        connection.send(metadata)
        guard.note(clock.now_s, 0)
        connection.send(PRODUCE)
        clock.now_s += 7
        connection.send(PRODUCE)

    with pytest.raises(Ended):
        asyncio.run(write_late())
    assert client.connection.sent == [metadata, PRODUCE], "what changes nothing passes"


@pytest.mark.parametrize(("error_code", "sent"), [(0, [PRODUCE]), (25, [])], ids=["still a member", "removed"])
def test_where_the_last_heartbeat_is_old_the_next_answer_decides(
    guard: HeartbeatGuard, clock: Clock, error_code: int, sent: list[object]
) -> None:
    client: Any = Client()
    guard.guard_client(client)

    async def run() -> None:
        guard.note(clock.now_s, 0)
        clock.now_s += 10
        sending = asyncio.ensure_future(client.send(1, PRODUCE))
        await asyncio.sleep(0)
        assert client.connection.sent == []
        guard.note(clock.now_s, error_code)
        await asyncio.wait({sending}, timeout=patient(10))
        if error_code:
            with pytest.raises(Ended):
                sending.result()

    with contextlib.suppress(Ended):  # ends the loop as well
        asyncio.run(run())
    assert client.connection.sent == sent


def test_heartbeats_are_seen_and_dated_when_they_were_sent(guard: HeartbeatGuard, clock: Clock) -> None:
    async def send(request: object) -> object:
        clock.now_s += 2
        return SimpleNamespace(error_code=0, request=request)

    coordinator: Any = SimpleNamespace(_send_req=send)
    guard.watch_group(coordinator)
    request = HeartbeatRequest("group", 1, "member")
    response: Any = asyncio.run(coordinator._send_req(request))
    assert response.request is request
    assert guard.age_s() == 2
    asyncio.run(coordinator._send_req(COMMIT))
    assert guard.age_s() == 4, "only heartbeats and joins count"

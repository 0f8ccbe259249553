"""Nothing is written by a worker whose session may be over."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from driftline.runtime.heartbeat_guard import EXIT_HEARTBEAT_LOST, HeartbeatGuard, boot_time_s

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_a_worker_that_never_joined_may_not_write(guard: HeartbeatGuard, caplog: pytest.LogCaptureFixture) -> None:
    assert not guard.is_fresh()
    with pytest.raises(Ended, match=str(EXIT_HEARTBEAT_LOST)):
        guard.require("writing a checkpoint")
    assert "before writing a checkpoint, the last one was never acknowledged" in caplog.text


def test_the_age_counts_from_sending_and_ends_at_the_session_timeout(
    guard: HeartbeatGuard, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    guard.note(clock.now_s, 0)
    clock.now_s += 5.9
    guard.require("sending records")
    clock.now_s += 0.1
    with pytest.raises(Ended):
        guard.require("sending records")
    assert (
        "Expected a heartbeat within the last 6.0 s before sending records, the last one was 6.0 s ago" in caplog.text
    )


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


@pytest.mark.parametrize("request_to_stop", [PRODUCE, COMMIT], ids=["records", "offsets"])
def test_a_connection_asks_before_it_writes(guard: HeartbeatGuard, clock: Clock, request_to_stop: object) -> None:
    connection = Connection()

    async def connect(node: int, *, group: int = 0) -> Connection:
        assert (node, group) == (1, 2)
        return connection

    client: Any = SimpleNamespace(_get_conn=connect)
    guard.guard_client(client)

    async def use(action: Callable[[Connection], object]) -> None:
        action(await client._get_conn(1, group=2))

    metadata = MetadataRequest([])
    asyncio.run(use(lambda guarded: guarded.send(metadata)))
    assert connection.sent == [metadata], "what changes nothing passes"
    with pytest.raises(Ended):
        asyncio.run(use(lambda guarded: guarded.send(request_to_stop)))
    guard.note(clock.now_s, 0)
    asyncio.run(use(lambda guarded: guarded.send(request_to_stop)))
    assert connection.sent == [metadata, request_to_stop]


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

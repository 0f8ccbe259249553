"""Guards writes: a worker writes only while the group considers it alive.

A process that was stopped (SIGSTOP, a paused virtual machine) and wakes up after its successor has taken over still
holds batches it built before. Kafka fences the offsets of such a process by group generation, but not its records: sent
late, they would overwrite the successor's state. So each write asks the guard, at the last moment before the bytes
go to the socket, and goes on only while the last heartbeat that the broker acknowledged is younger than the session
timeout. Where it is older, the broker's next answer decides: a heartbeat accepted in the same generation means that
nobody else has owned the partitions (the broker was away, say), and the write goes on; where the group has removed this
worker, the process ends. What remains open is the time between the last question and the system call, microseconds.

Commits are put off in the same case, but end nothing: a position is committed only after its checkpoint, so a late
commit can at most make a successor read again what its state tells it to skip.

The age counts from the moment a heartbeat was *sent*: the broker's own timer starts later, so it cannot have run out
before ours.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiokafka.protocol.group import HeartbeatRequest, SyncGroupRequest
from aiokafka.protocol.produce import ProduceRequest

from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka.conn import AIOKafkaConnection

EXIT_HEARTBEAT_LOST: Final = 75
"""Exit code of a worker that outlived its session; `EX_TEMPFAIL` of sysexits.h: start it again."""

_ALIVE: Final = frozenset({0, 27})  # no error; rebalance in progress, during which the broker keeps the member
_GONE: Final = frozenset({22, 25, 82})  # illegal generation, unknown member id, fenced instance id

_POLL_S: Final = 0.05  # heartbeats are acknowledged in another thread

_log = get_logger(__name__)


def boot_time_s() -> float:
    """Seconds since boot, counting also those in which the machine slept; monotonic."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def exit_now(code: int) -> NoReturn:
    """End the process without running anything else."""
    sys.stderr.flush()
    os._exit(code)


class HeartbeatGuard:
    """Tracks the last acknowledged heartbeat, and ends the process when a write finds it older than the session
    timeout.

    Used from several threads: the consumer's thread reports heartbeats, any thread asks. Every operation is one
    assignment or one read of a float, which Python makes atomic.

    Parameters
    ----------
    session_timeout_s : float
        The group's session timeout, seconds, > 0.
    clock : callable
        Seconds since some fixed moment, counting sleep of the machine.
    exit_process : callable
        Ends the process with an exit code, without running anything else.
    """

    def __init__(
        self,
        session_timeout_s: float,
        clock: Callable[[], float] = boot_time_s,
        exit_process: Callable[[int], Any] = exit_now,
    ) -> None:
        self._session_timeout_s = session_timeout_s
        self._clock = clock
        self._exit_process = exit_process
        self._last_ok_s = float("-inf")

    def age_s(self) -> float:
        """Seconds since the last acknowledged heartbeat was sent; infinite outside a group."""
        return self._clock() - self._last_ok_s

    def is_fresh(self) -> bool:
        """True where the broker cannot have given this worker's partitions away by a timeout."""
        return self.age_s() < self._session_timeout_s

    def require(self, action: str) -> None:
        """End the process unless the last heartbeat is younger than the session timeout; ``action`` is logged."""
        age_s = self.age_s()
        if age_s < self._session_timeout_s:
            return
        _log.critical(
            "heartbeat lost: another worker may own these partitions. Nothing was written; start this process again",
            action=action,
            session_timeout_s=self._session_timeout_s,
            heartbeat_age_s=round(age_s, 1)
            if age_s != float("inf")
            else "none acknowledged, or removed from the group",
            exit_code=EXIT_HEARTBEAT_LOST,
        )
        self._exit_process(EXIT_HEARTBEAT_LOST)

    async def until_fresh(self, action: str) -> None:
        """Return at once if the last heartbeat is recent; otherwise wait for the broker's next answer to one.

        The process ends where the group has removed this worker; ``action`` is logged.
        """
        while not self.is_fresh():
            if self._last_ok_s == float("-inf"):
                self.require(action)
                return
            await asyncio.sleep(_POLL_S)

    def watch_group(self, coordinator: Any) -> None:  # noqa: ANN401 - Faust and aiokafka leave it untyped
        """Take note of each heartbeat and join that a started consumer's group coordinator acknowledges.

        aiokafka keeps the time of its last heartbeat in a local variable, so the coordinator's requests are watched
        instead.
        """
        send = coordinator._send_req  # noqa: SLF001 - has no public name

        async def watched(request: object) -> object:
            sent_at_s = self._clock()
            response = await send(request)
            if isinstance(request, HeartbeatRequest | SyncGroupRequest):
                self.note(sent_at_s, response.error_code)
            return response

        coordinator._send_req = watched  # noqa: SLF001 - has no public name

    def note(self, sent_at_s: float, error_code: int) -> None:
        """Take note of the broker's answer to a heartbeat or a join sent at `sent_at_s`."""
        if error_code in _ALIVE:
            self._last_ok_s = sent_at_s
        elif error_code in _GONE:
            self._last_ok_s = float("-inf")

    def guard_client(self, client: Any) -> None:  # noqa: ANN401 - Faust and aiokafka leave it untyped
        """Make a producer's aiokafka client wait for a recent heartbeat, and its connections check again, before
        records are sent.

        The client's own `send` may wait for a connection between any earlier check and the write; a connection's `send`
        writes without waiting.
        """
        send = client.send

        async def patient(node_id: object, request: object, **kwargs: object) -> object:
            if isinstance(request, ProduceRequest):
                await self.until_fresh("sending records")
            return await send(node_id, request, **kwargs)

        client.send = patient
        connect = client._get_conn  # noqa: SLF001 - has no public name

        async def guarded(*args: object, **kwargs: object) -> AIOKafkaConnection | None:
            connection: AIOKafkaConnection | None = await connect(*args, **kwargs)
            if connection is not None and "send" not in vars(connection):
                self._guard_connection(connection)
            return connection

        client._get_conn = guarded  # noqa: SLF001 - has no public name

    def _guard_connection(self, connection: AIOKafkaConnection) -> None:
        send = connection.send

        def guarded(request: object, *, expect_response: bool = True) -> object:
            if isinstance(request, ProduceRequest):
                self.require("sending records")
            return send(request, expect_response=expect_response)

        connection.send = guarded

"""Notices that detection stands still: flush records can be read, and none of them is applied.

A consumer can stop without an error: it waits for an answer that will not come, or its partitions stay paused. Its
heartbeats go on, so the group keeps it, and nobody else takes its partitions. Whether there is something to read is
therefore asked of the broker by a client and a thread of their own, and compared with what has been applied.

After `detect.stall_timeout` the log, `/readyz` and a metric say so. After twice that time the process ends with exit
code 75, and the next one goes on from the checkpoint, so that nothing is lost or counted twice. A record that is being
evaluated for that long is only reported: after a restart it would take as long.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.config.durations import Duration
from driftline.runtime.detect.heartbeat_guard import exit_now
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping

    from driftline.runtime.operations.telemetry import Telemetry

EXIT_STALLED: Final = 75
"""Exit code of a worker that stood still; `EX_TEMPFAIL` of sysexits.h: start it again."""

_LOOKS: Final = 20
"""Looks within the timeout."""
_LONGEST_LOOK_S: Final = 15.0
_ENDS_AFTER: Final = 2
"""Timeouts until the process ends."""

_log = get_logger(__name__)


class Consumption(NamedTuple):
    """What the watch asks; all are called from its thread."""

    reached: Callable[[], Mapping[int, int]]
    """For each owned partition, the offset up to which records are applied."""
    readable_ends: Callable[[Collection[int]], Mapping[int, int]]
    """Ends of partitions, without what is in open transactions; empty while no broker answers."""
    is_computing: Callable[[], bool]
    """Whether a record is being evaluated."""


class _Partition:
    """Where a partition stands, and for how long."""

    def __init__(self) -> None:
        self.position = -1
        self.end = 0
        self.still_s = 0.0
        self.told = False


class StallWatch:
    """Measures for how long each owned panes partition has had unread records and made no progress.

    :meth:`problem` may be called from any thread.

    Parameters
    ----------
    topic : str
        The panes topic.
    timeout : Duration
        How long a partition may stand still.
    consumption : Consumption
        What can be read, and how much of it is applied.
    telemetry : Telemetry
    clock : callable
        Seconds since some fixed moment.
    exit_process : callable
        Ends the process with an exit code, without running anything else.

    Notes
    -----
    Time in which the process itself did not run (SIGSTOP, a paused machine) or no broker answered does not count.
    """

    def __init__(
        self,
        topic: str,
        timeout: Duration,
        consumption: Consumption,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
        exit_process: Callable[[int], Any] = exit_now,
    ) -> None:
        self._topic = topic
        self._timeout = timeout
        self._timeout_s = timeout / 1000
        self._consumption = consumption
        self._telemetry = telemetry
        self._clock = clock
        self._exit_process = exit_process
        self._partitions: dict[int, _Partition] = {}
        self._looked_at_s = clock()
        self._problem: str | None = None
        self.interval_s = min(self._timeout_s / _LOOKS, _LONGEST_LOOK_S)

    def run(self, ended: threading.Event, fail: Callable[[Exception], object]) -> None:
        """Look again and again until ``ended``; ``fail`` is told of an error, after which nothing is watched."""
        try:
            while not ended.wait(self.interval_s):
                self.look()
        except Exception as error:  # noqa: BLE001 - handed over whole: the worker stops and raises it
            fail(error)

    def problem(self) -> str | None:
        """Return which partitions stand still, and what comes of it; None while all go on."""
        return self._problem

    def look(self) -> None:
        """Compare once what is applied with what can be read; end the process where nothing else helps."""
        reached = self._consumption.reached()
        ends = self._consumption.readable_ends(reached.keys()) if reached else {}
        now_s = self._clock()
        passed_s = min(now_s - self._looked_at_s, 2 * self.interval_s)
        self._looked_at_s = now_s
        for number in self._partitions.keys() - reached.keys():
            del self._partitions[number]
            self._telemetry.panes_stalled(number, stalled=None)
        for number, position in reached.items():
            self._note(number, position, ends.get(number), passed_s)
        stalled = {number: each for number, each in self._partitions.items() if each.told}
        self._problem = self._words(stalled) if stalled else None
        longest_s = max((each.still_s for each in stalled.values()), default=0.0)
        if longest_s >= _ENDS_AFTER * self._timeout_s and not self._consumption.is_computing():
            self._end()

    def _note(self, number: int, position: int, end: int | None, passed_s: float) -> None:
        partition = self._partitions.setdefault(number, _Partition())
        moved, partition.position = position != partition.position, position
        if end is None and not moved:
            return  # no broker answers: nothing can be said
        if moved or end is None or end <= position:
            if partition.told:
                _log.info("detection goes on", topic=f"{self._topic}-{number}", position=position)
            partition.still_s, partition.told = 0.0, False
        else:
            partition.still_s += passed_s
            partition.end = end
            if partition.still_s >= self._timeout_s and not partition.told:
                partition.told = True
                _log.error(
                    "detection stands still: flush records can be read, and none is applied",
                    topic=f"{self._topic}-{number}",
                    position=position,
                    end=end,
                    still_for=str(self._timeout),
                    evaluates_a_record=self._consumption.is_computing(),
                )
        self._telemetry.panes_stalled(number, stalled=partition.told)

    def _words(self, stalled: Mapping[int, _Partition]) -> str:
        places = ", ".join(
            f"{self._topic}-{number} (at offset {each.position} of {each.end})"
            for number, each in sorted(stalled.items())
        )
        comes = (
            "a record is being evaluated for all that time"
            if self._consumption.is_computing()
            else f"after {Duration(_ENDS_AFTER * self._timeout)} the process ends with exit code {EXIT_STALLED}: start "
            "it again, it goes on from its checkpoint"
        )
        return f"no record of {places} was applied for {self._timeout} or longer though there are some; {comes}"

    def _end(self) -> None:
        _log.critical(
            "detection stood still for too long; the checkpoint is safe: start this process again",
            reason=self._problem,
            exit_code=EXIT_STALLED,
        )
        self._exit_process(EXIT_STALLED)

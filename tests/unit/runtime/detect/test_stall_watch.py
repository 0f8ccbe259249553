"""Detection that stands still is reported, and then ended; whatever only looks like it is not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from driftline.config.durations import Duration
from driftline.runtime.detect.stall_watch import EXIT_STALLED, Consumption, StallWatch
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from collections.abc import Collection


class Detection:
    """What a watch sees; a look every second of a timeout of 10 s."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.reached: dict[int, int] = {0: 161, 5: 40}
        self.ends: dict[int, int] = {0: 215, 5: 40}
        self.computing = False
        self.codes: list[int] = []
        self.telemetry = Telemetry()
        asked = Consumption(lambda: self.reached, self._ends, lambda: self.computing)
        timeout = Duration(10_000)
        self.watch = StallWatch("d.panes", timeout, asked, self.telemetry, lambda: self.now_s, self.codes.append)

    def _ends(self, partitions: Collection[int]) -> dict[int, int]:
        return {number: end for number, end in self.ends.items() if number in partitions}

    def look(self, n: int, each_s: float = 1.0) -> str | None:
        for _ in range(n):
            self.now_s += each_s
            self.watch.look()
        return self.watch.problem()

    def stalled(self, partition: int) -> float | None:
        return self.telemetry.registry.get_sample_value("driftline_panes_stalled", {"partition": str(partition)})


@pytest.fixture
def detection() -> Detection:
    detection = Detection()
    detection.look(1)  # from here on positions are known
    return detection


def test_a_partition_that_stands_still_is_reported_once_and_then_ends_the_process(detection: Detection) -> None:
    with capture_logs() as logs:
        assert detection.look(9) is None
        assert detection.look(1) == (
            "no record of d.panes-0 (at offset 161 of 215) was applied for 10s or longer though there are some; after "
            "20s the process ends with exit code 75: start it again, it goes on from its checkpoint"
        )
        assert (detection.stalled(0), detection.stalled(5)) == (1.0, 0.0)
        detection.look(9)
        assert not detection.codes
        detection.look(1)
    assert detection.codes == [EXIT_STALLED]
    assert [(line["log_level"], line.get("topic"), line.get("position"), line.get("end")) for line in logs] == [
        ("error", "d.panes-0", 161, 215),
        ("critical", None, None, None),
    ]


def test_each_applied_record_is_progress(detection: Detection) -> None:
    detection.look(10)
    detection.reached[0] = 162
    with capture_logs() as logs:
        assert detection.look(1) is None
    assert [line["event"] for line in logs] == ["detection goes on"]
    assert detection.stalled(0) == 0.0
    for offset in range(163, 200):
        detection.reached[0] = offset
        assert detection.look(5) is None


def test_a_partition_that_is_read_to_its_end_may_rest(detection: Detection) -> None:
    detection.reached[0] = 215
    assert detection.look(100) is None


def test_time_without_an_answer_of_the_broker_does_not_count(detection: Detection) -> None:
    detection.look(5)
    detection.ends.clear()
    detection.look(100)
    detection.ends[0] = 215
    assert detection.look(4) is None
    assert detection.look(1) is not None


def test_time_in_which_the_process_was_stopped_does_not_count(detection: Detection) -> None:
    assert detection.look(1, each_s=3_600.0) is None
    assert not detection.codes


def test_a_record_that_is_being_evaluated_is_reported_and_ends_nothing(detection: Detection) -> None:
    detection.computing = True
    problem = detection.look(100)
    assert problem is not None
    assert problem.endswith("a record is being evaluated for all that time")
    assert not detection.codes
    detection.computing = False
    detection.look(1)
    assert detection.codes == [EXIT_STALLED]


def test_a_partition_that_is_given_up_is_forgotten(detection: Detection) -> None:
    detection.look(15)
    del detection.reached[0]
    assert detection.look(1) is None
    assert detection.stalled(0) is None
    detection.reached[0] = 161
    assert detection.look(10) is None


def test_what_cannot_be_watched_ends_the_worker(detection: Detection) -> None:
    detection.watch.interval_s = 0.01
    errors: list[Exception] = []
    detection.telemetry.panes_stalled = None  # type: ignore[method-assign, assignment]  # cannot be called
    thread = threading.Thread(target=detection.watch.run, args=(threading.Event(), errors.append))
    thread.start()
    thread.join(patient(5))
    assert [type(error) for error in errors] == [TypeError]


def test_a_watch_ends_with_its_worker(detection: Detection) -> None:
    over = threading.Event()
    over.set()
    errors: list[Exception] = []
    detection.watch.run(over, errors.append)
    assert not errors

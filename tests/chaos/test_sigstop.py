"""A worker that sleeps until another has taken over, and then wakes: the same events and alerts as without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.runtime.detect.heartbeat_guard import EXIT_HEARTBEAT_LOST
from tests.support.chaos import SMALL_FLUSHES, await_input_share, expect_aborted_records, freeze
from tests.support.expected import expected
from tests.support.real_broker import patient, wait_until
from tests.support.stream import Input, Stream

if TYPE_CHECKING:
    from pathlib import Path


LARGER_FLUSHES = {"batch": 200, "flush_interval": "1s", "flush_events": 3_000}
"""Between two transactions there is something in memory."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("in_transaction", [True, False], ids=["in a transaction", "between two"])
def test_a_woken_sketch_worker_changes_nothing(
    real_broker: str, topic_prefix: str, tmp_path: Path, *, in_transaction: bool
) -> None:
    wanted = expected()
    given = Input(real_broker, topic_prefix)
    given.write()
    stream = Stream(given, topic_prefix, tmp_path, SMALL_FLUSHES if in_transaction else LARGER_FLUSHES)
    with stream.workers() as workers:
        workers.start("detect", "detect-0")
        sleeper = workers.start("sketch", "sketch-0")
        await_input_share(stream, workers, 0.2)
        freeze(stream, sleeper, in_transaction=in_transaction)
        before = stream.committed()
        assert before < stream.n_input(), "stopped in the middle"

        workers.start("sketch", "sketch-1")
        stream.await_committed(workers, before + 2_000)
        sleeper.wake()
        wait_until(lambda: _knows(sleeper.log()) or not sleeper.is_running(), 60, workers.logs)
        stream.settle(workers, wanted)
    stream.expect(wanted)
    stream.expect_all_counted()
    if in_transaction:
        expect_aborted_records(stream)


def _knows(log: str) -> bool:
    """Return whether a sketch worker has been told that its partitions are another's now."""
    return '"partitions lost"' in log


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_woken_detect_worker_changes_nothing(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    wanted = expected()
    given = Input(real_broker, topic_prefix)
    given.write()
    stream = Stream(given, topic_prefix, tmp_path, SMALL_FLUSHES)
    with stream.workers() as workers:
        workers.start("sketch", "sketch-0")
        sleeper = workers.start("detect", "detect-0")
        stream.await_outputs(workers, len(wanted) // 5)
        sleeper.freeze()
        before = stream.n_outputs()
        assert not wanted <= frozenset(stream.outputs()), "stopped in the middle"

        workers.start("detect", "detect-1")
        stream.await_outputs(workers, before + len(wanted) // 5)
        sleeper.wake()
        assert sleeper.process.wait(patient(60)) == EXIT_HEARTBEAT_LOST, sleeper.log()
        stream.settle(workers, wanted)
    stream.expect(wanted)
    stream.expect_all_counted()

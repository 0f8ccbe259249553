"""Harming workers at chosen moments: in the middle of the input, in the middle of a transaction."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from driftline.panes.flush_record import decode
from tests.support.real_broker import wait_until

if TYPE_CHECKING:
    from tests.support.stream import Stream
    from tests.support.workers import WorkerProcess, Workers

SMALL_FLUSHES = {"batch": 200, "flush_interval": "50ms", "flush_events": 400}
"""Many short transactions, so that there is a middle of the run."""


def seeds(default: int) -> list[int]:
    """Return the seeds to repeat a test with; DRIFTLINE_CHAOS_RUNS asks for more."""
    return list(range(1, 1 + int(os.environ.get("DRIFTLINE_CHAOS_RUNS", str(default)))))


def freeze(stream: Stream, worker: WorkerProcess, *, in_transaction: bool) -> None:
    """Stop a sketch worker in the middle of a transaction, with records of it written, or between two of them.

    Asked twice: what the worker had sent may still have been on its way when it stopped.
    """

    def is_caught() -> bool:
        worker.expect_running()
        worker.freeze()
        if stream.has_open_transaction() == stream.has_open_transaction() == in_transaction:
            return True
        worker.wake()
        return False

    wait_until(is_caught, 60, lambda: f"{worker.name} to be caught\n{worker.log()[-3000:]}")


def await_input_share(stream: Stream, workers: Workers, share: float) -> None:
    """Wait until a share of the input has been committed, and make sure that it is not all of it."""
    stream.await_committed(workers, int(share * stream.n_input()))


def expect_aborted_records(stream: Stream) -> None:
    """Hold the panes topic to contain flush records that no reader of committed data sees."""
    committed = {(record.partition, record.offset) for record in stream.read("panes")}
    everything = stream.read("panes", "read_uncommitted")
    aborted = [record for record in everything if (record.partition, record.offset) not in committed]
    assert aborted, "a transaction was open when its worker was killed"
    for record in aborted:
        decode(record.value or b"", "panes")
    assert len(everything) == len(committed) + len(aborted)

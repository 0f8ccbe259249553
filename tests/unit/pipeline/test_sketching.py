"""What the sketch stage says between a flush and its commit."""

from __future__ import annotations

from driftline.config.settings import Settings
from driftline.events.pane import Source, decode
from driftline.pipeline.intake import RecordBatch
from driftline.pipeline.sketching import Sketcher
from driftline.profiles.book import ProfileBook
from driftline.runtime.pending_store import MemoryPendingStore

SOURCE = Source("predictions", 0)
RECORD = b'{"prediction_id": "a", "model": "m", "ts": 1772366400000, "features": {"x": 1}}'


def sketcher() -> Sketcher:
    made = Sketcher(Settings(), ProfileBook(), 1, MemoryPendingStore)
    made.assign(SOURCE, None)
    return made


def idle_marks(made: Sketcher) -> list[bool]:
    flush = made.flush()
    assert flush is not None
    return [mark.idle for mark in decode(flush.panes[0][-1], "test").watermarks]


def test_a_partition_that_is_read_again_after_an_abort_is_not_idle() -> None:
    made = sketcher()
    made.mark_idle(SOURCE, idle=True)
    assert idle_marks(made) == [True]
    made.aborted()
    made.add(RecordBatch(SOURCE, "predictions", [RECORD], [0], [-1]))
    assert idle_marks(made) == [False]


def test_there_is_nothing_to_say_twice() -> None:
    made = sketcher()
    assert made.flush() is not None
    made.committed()
    assert made.flush() is None


def test_what_was_aborted_is_said_again() -> None:
    made = sketcher()
    batch = RecordBatch(SOURCE, "predictions", [RECORD, b"garbage"], [0, 1], [-1, -1])
    made.add(batch)
    first = made.flush()
    made.aborted()
    made.add(batch)
    assert made.flush() == first

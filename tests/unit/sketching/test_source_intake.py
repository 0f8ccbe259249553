"""Records counted by the time of the records: the same spans however the records are cut, and refused ones move on."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.events.dead_letter import DeadLetter
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.intake_record import FirstRefused, IntakeMark, IntakeSpan, SeenId
from driftline.sketching.source_intake import SourceIntake

P0 = Source("predictions", 0)
SIZE = 100
NONE = np.zeros(0, dtype=np.int64)


class Record(NamedTuple):
    """A record: its Kafka timestamp or -1, and its event time; None where it is refused."""

    stamp: int
    time: int | None
    reason: str = "not_json"


def feed(intake: SourceIntake, records: list[Record], first: int) -> None:
    """Add records as one batch whose offsets begin at ``first``."""
    offsets = [*range(first, first + len(records))]
    batch = RecordBatch(P0, "p", [b""] * len(records), offsets, [record.stamp for record in records])
    usable = [i for i, record in enumerate(records) if record.time is not None]
    letters = [
        DeadLetter(record.reason, f"no {first + i}", "p", 0, first + i, b"")
        for i, record in enumerate(records)
        if record.time is None
    ]
    times = np.array([records[i].time for i in usable], dtype=np.int64)
    intake.add(batch, times, np.array([first + i for i in usable], dtype=np.int64), letters)


def plain(records: list[Record]) -> tuple[int | None, dict[int, tuple[int, Counter[str], int | None]]]:
    """Return the clock at the end; by span the records, the refused by reason, and the offset of the first of these."""
    reached: int | None = None
    spans: dict[int, tuple[int, Counter[str], int | None]] = {}
    for offset, record in enumerate(records):
        time = record.stamp if record.stamp >= 0 else record.time
        if time is not None:
            reached = time if reached is None else max(reached, time)
        if reached is None:
            continue
        start = reached - reached % SIZE
        n, refused, first = spans.get(start, (0, Counter(), None))
        if record.time is None:
            refused[record.reason] += 1
            first = offset if first is None else first
        spans[start] = n + 1, refused, first
    return reached, spans


RECORDS = st.lists(
    st.builds(
        Record,
        st.sampled_from([-1, 5, 40, 99, 100, 130, 250, 1_000]),
        st.sampled_from([None, None, 10, 180, 320]),
        st.sampled_from(["not_json", "missing_field"]),
    ),
    min_size=1,
    max_size=40,
)


@given(RECORDS, st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["flush", "abort", "restart", "go on"]))))
def test_spans_do_not_depend_on_batches_flushes_aborts_or_restarts(
    records: list[Record], steps: list[tuple[int, str]]
) -> None:
    intake, read, committed = SourceIntake(SIZE), 0, 0
    total: dict[int, tuple[int, Counter[str], int | None]] = {}

    def flush() -> None:
        for span in intake.mark(P0, 1, idle=False).spans:
            n, refused, first = total.get(span.start_ms, (0, Counter(), None))
            seen = None if span.first is None else span.first.offset
            first = seen if first is None else first
            total[span.start_ms] = n + span.n_read, refused + Counter(span.refused), first
        intake.committed()

    for n, then in [*steps, (len(records), "flush")]:
        part = records[read : read + n]
        if part:
            feed(intake, part, read)
            read += len(part)
        if then == "flush":
            flush()
            committed = read
        elif then == "abort":
            intake.aborted()
            read = committed
        elif then == "restart":
            before = intake.reached_ms if read == committed else None
            intake.aborted()
            assert before in {None, intake.reached_ms}
            intake, read = SourceIntake(SIZE, intake.reached_ms), committed
    if read < len(records):
        feed(intake, records[read:], read)
        flush()
    assert (intake.reached_ms, total) == plain(records)


def test_a_clock_moves_where_every_record_is_refused() -> None:
    intake = SourceIntake(SIZE)
    feed(intake, [Record(50, None), Record(260, None, "invalid_type"), Record(240, None)], 7)
    assert intake.mark(P0, 3, idle=True) == IntakeMark(
        P0,
        3,
        260,
        idle=True,
        spans=[
            IntakeSpan(0, 1, {"not_json": 1}, (7, 7), FirstRefused(7, "no 7 (p-0@7)")),
            IntakeSpan(200, 2, {"invalid_type": 1, "not_json": 1}, (8, 9), FirstRefused(8, "no 8 (p-0@8)")),
        ],
    )


def test_a_long_message_keeps_the_place_of_its_record() -> None:
    intake = SourceIntake(SIZE)
    batch = RecordBatch(P0, "p", [b""], [7], [50])
    intake.add(batch, NONE, NONE, [DeadLetter("not_json", f"{'x' * 500} (p-0@7)", "p", 0, 7, b"")])
    (span,) = intake.mark(P0, 1, idle=False).spans
    assert span.first == FirstRefused(7, f"{'x' * 399}… (p-0@7)")


def test_the_first_id_is_told_once_and_again_after_an_abort() -> None:
    intake = SourceIntake(SIZE)
    intake.see(["a", "b"], np.array([150, 20]), np.array([3, 4]))
    intake.aborted()
    intake.see(["x" * 100, "b"], np.array([150, 20]), np.array([3, 4]))
    assert intake.mark(P0, 1, idle=False).seen == SeenId(3, 150, "x" * 79 + "…")
    intake.committed()
    intake.see(["c"], np.array([10]), np.array([5]))
    assert intake.mark(P0, 1, idle=False).seen is None

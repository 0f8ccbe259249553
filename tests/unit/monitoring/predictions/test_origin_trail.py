"""The past by where events come from: bounded, the same after a restart, and whatever workers there are."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from msgspec.structs import replace

from driftline.checks.contract.closed_window import ClosedWindow
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.events.source_numbers import PlaceNames
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.origin_trail import PER_LEVEL, OriginTrail, _halved
from driftline.profiles.event_counter import EventCounter
from driftline.profiles.profiles import Profiles
from driftline.sketches.origin_cells import EVENT_CELL
from driftline.sketches.origin_parts import RowOrigins
from driftline.sketching.rows import AllRows
from driftline.sketching.sketcher import Sketcher
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.origin_stream import KEY, N_PARTITIONS, SETTINGS, START_MS, events, profile, records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.origin_stream import Event

PANE_MS = 10_000
HOUR_MS = 3_600_000
ONE_PANES_PARTITION = replace(SETTINGS, kafka=replace(SETTINGS.kafka, panes_partitions=1))


def broken(event: Event) -> Event:
    if event.producer != "producer-7":
        return event
    return event._replace(features={**event.features, "age": "n/a", "amount": event.features["amount"] + 30})


@cache
def parts() -> list[list[tuple[int, bytes | None, dict[str, bytes], Event]]]:
    return records(events(broken))


def flush_records(owned: Sequence[Sequence[int]], batch: int) -> list[bytes]:
    """Return what workers with these partitions write to the panes topic, worker by worker, flush by flush."""
    workers = []
    for numbers in owned:
        sketcher = Sketcher(
            ONE_PANES_PARTITION, Profiles([profile()]), N_PARTITIONS, lambda *_: pytest.fail("no labels")
        )
        for number in numbers:
            sketcher.assign(Source("predictions", number), None)
        workers.append((sketcher, numbers))
    found: list[bytes] = []
    for start in range(0, max(map(len, parts())), batch):
        for sketcher, numbers in workers:
            for number in numbers:
                chosen = parts()[number][start : start + batch]
                if chosen:
                    stamps, values, headers, _ = zip(*chosen, strict=True)
                    offsets = [*range(start, start + len(chosen))]
                    source = Source("predictions", number)
                    sketcher.add(RecordBatch(source, "t", [*values], offsets, [*stamps], headers=[*headers]))
            flush = sketcher.flush()
            found += [] if flush is None else flush.panes[0]
            sketcher.committed()
    return found


def about(found: set[Any]) -> set[tuple[str, bytes | None]]:
    return {(each.channel, each.value) for each in found if each.channel in ("events", "alerts")}


@cache
def undisturbed() -> set[tuple[str, bytes | None]]:
    found = run(flush_records([[0, 1, 2]], 100), ONE_PANES_PARTITION, [profile()]).outputs
    assert any(b'"origins":[{' in (each.value or b"") for each in found)
    return about(found)


@pytest.mark.parametrize("owned", [[[0], [1], [2]], [[2, 0], [1]]])
def test_the_number_of_workers_does_not_matter(owned: list[list[int]]) -> None:
    assert about(run(flush_records(owned, 140), ONE_PANES_PARTITION, [profile()]).outputs) == undisturbed()


@pytest.mark.parametrize("seed", [1, 2])
def test_crashes_do_not_matter(seed: int) -> None:
    written = flush_records([[0, 1, 2]], 100)
    again = run_with_crashes(written, ONE_PANES_PARTITION, [profile()], random.Random(seed), 3)
    assert about(again.outputs) == undisturbed()


def pane(start_ms: int) -> ClosedPane:
    rows = AllRows(
        np.array([0, 1], dtype=np.int64),
        ["a", "b"],
        np.array([start_ms // PANE_MS] * 2, dtype=np.int64),
        np.full(2, start_ms),
        np.zeros(2, dtype=np.bool_),
        [b'{"age":30,"amount":50}', b'{"age":"n/a"}'],
        [None, None],
        [None, None],
    )
    counted = EventCounter(profile(), SETTINGS.defaults, frozenset())(
        rows, np.zeros(2, dtype=np.int64), 1, None, RowOrigins(rows.partitions, rows.offsets, ())
    )
    (sketch,) = counted.sketches()
    ((_, origins),) = counted.origins
    return ClosedPane(start_ms, start_ms + PANE_MS, sketch, {}, frozenset(), {}, origins)


def trail_of(n_panes: int) -> OriginTrail:
    trail = OriginTrail(profile(), [HOUR_MS, 24 * HOUR_MS])
    template = pane(START_MS)
    for number in range(n_panes):
        start_ms = START_MS + number * PANE_MS
        trail.add(template._replace(start_ms=start_ms, end_ms=start_ms + PANE_MS))
    return trail


def test_spans_grow_with_their_age_and_none_is_lost() -> None:
    n = 2_000
    spans = dict(sorted(trail_of(n).tables[0].items()))
    assert len(spans) <= PER_LEVEL * 6
    starts = [*spans]
    assert starts[0] == START_MS
    assert [span.end_ms for span in spans.values()] == [*starts[1:], START_MS + n * PANE_MS]
    assert sum(int(span.tables["partition"].rows()[:, EVENT_CELL].sum()) for span in spans.values()) == 2 * n
    lengths = [span.end_ms - start for start, span in spans.items()]
    assert lengths[-9:] == [PANE_MS] * 9


def test_no_span_reaches_into_two_windows_of_the_smallest_size_before_it_has_ended() -> None:
    trail = trail_of(700)
    for start_ms, span in trail.tables[0].items():
        assert start_ms // HOUR_MS == (span.end_ms - 1) // HOUR_MS or span.end_ms <= START_MS + HOUR_MS * (700 // 360)


def test_the_past_ends_after_two_windows_of_the_largest_size() -> None:
    trail = OriginTrail(profile(), [PANE_MS * 10])
    template = pane(START_MS)
    for number in range(300):
        start_ms = START_MS + number * PANE_MS
        trail.add(template._replace(start_ms=start_ms, end_ms=start_ms + PANE_MS))
    assert len(trail.tables[0]) <= 21
    assert min(span.end_ms for _, span in trail.tables[0].items()) >= START_MS + 280 * PANE_MS


def test_panes_without_origins_leave_nothing() -> None:
    trail = OriginTrail(profile(), [HOUR_MS])
    trail.add(pane(START_MS)._replace(origins={}))
    assert not trail.tables[0]


def test_what_is_usual_is_halved_where_it_is_much_and_has_no_offsets() -> None:
    trail = OriginTrail(profile(), [HOUR_MS])
    trail.add(pane(START_MS))
    window = ClosedWindow(
        key=KEY,
        segment="all",
        kind="tumbling",
        start_ms=START_MS,
        end_ms=START_MS + HOUR_MS,
        size_ms=HOUR_MS,
        sketch=pane(START_MS).sketch,
        offsets={},
    )
    for n in range(1, 41):
        trail.located((), window, PlaceNames())
        usual = trail.tables[1].value
        assert usual["partition"].rows()[:, EVENT_CELL].tolist() == [n, n]
    assert usual["partition"].firsts.values == b""
    halved = _halved(usual["partition"])
    assert halved.rows().tolist() == (usual["partition"].rows() // 2).tolist()
    assert _halved(_halved(trail_of(1).tables[0][START_MS].tables["partition"])).values == []

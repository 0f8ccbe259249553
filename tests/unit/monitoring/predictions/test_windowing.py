from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from driftline.events.model_key import ModelKey
from driftline.monitoring.predictions.accumulator import Accumulator, ClosedPane
from driftline.monitoring.predictions.stored_sketch import stored
from driftline.monitoring.predictions.windowing import SlidingWindow, TumblingWindow, WindowPlace
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.pane_sketch import PaneSketch, merge_sketches
from tests.support.state import changes, checkpoint, restore

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ClosedWindow

KEY = ModelKey("m", "")
LAYOUT = Layout(())
PLACE = WindowPlace(KEY, LAYOUT)
YEAR_MS = 365 * 86_400_000


def pane(start_ms: int, n: int, flags: frozenset[str] = frozenset()) -> ClosedPane:
    sketch = PaneSketch(LAYOUT)
    sketch.counts[EVENTS] = n
    return ClosedPane(start_ms, start_ms + 10, sketch, {0: (start_ms, start_ms + n)}, flags)


def tumbling(since_ms: int = 0) -> TumblingWindow:
    return TumblingWindow(PLACE, 100, 50, since_ms)


def sliding(since_ms: int = 0) -> SlidingWindow:
    return SlidingWindow(PLACE, (60, 20), 5, since_ms)


def shape(window: ClosedWindow | None) -> tuple[int, int, int] | None:
    return None if window is None else (window.start_ms, window.end_ms, window.n_events)


def test_a_window_is_aligned_to_its_size_and_ends_with_enough_events() -> None:
    window = tumbling()
    window.add(pane(730, 30))
    assert window.due_ms() is None
    window.add(pane(790, 20))
    assert window.due_ms() == 800
    closed = window.close(800)
    assert shape(closed) == (700, 800, 50)
    assert closed is not None
    assert not closed.extended
    assert (closed.size_ms, closed.offsets) == (100, {0: (730, 810)})
    assert window.due_ms() is None


def test_with_too_few_events_it_goes_on_to_the_next_multiple() -> None:
    window = tumbling()
    window.add(pane(730, 30))
    window.add(pane(810, 10))
    assert window.due_ms() is None
    window.add(pane(890, 10))
    assert window.due_ms() == 900
    closed = window.close(900)
    assert shape(closed) == (700, 900, 50)
    assert closed is not None
    assert closed.extended


def test_a_year_of_silence_is_one_step() -> None:
    window = tumbling()
    window.add(pane(730, 30))
    window.add(pane(730 + YEAR_MS, 30))
    end = 730 + YEAR_MS - (730 + YEAR_MS) % 100 + 100
    assert window.due_ms() == end
    assert shape(window.close(end)) == (700, end, 60)


def test_silence_after_a_window_belongs_to_none() -> None:
    window = tumbling()
    window.add(pane(730, 60))
    window.close(800)
    window.add(pane(5_010, 60))
    assert shape(window.close(5_100)) == (5_000, 5_100, 60)


def test_a_window_does_not_begin_before_its_profile() -> None:
    window = tumbling(since_ms=720)
    window.add(pane(730, 60))
    assert shape(window.close(800)) == (720, 800, 60)


def test_closed_early_it_counts_only_with_enough_events() -> None:
    window = tumbling()
    window.add(pane(730, 49))
    assert window.close(750) is None
    window.add(pane(760, 50))
    assert shape(window.close(770)) == (700, 770, 50)


def test_flags_of_a_pane_stay_with_the_window() -> None:
    window = tumbling()
    window.add(pane(700, 60, frozenset(("idle",))))
    window.add(pane(710, 60, frozenset(("after_idle",))))
    closed = window.close(800)
    assert closed is not None
    assert closed.flags == ("after_idle", "idle")


def test_a_window_knows_its_events_by_hour_of_the_week() -> None:
    hour = 3_600_000
    window = TumblingWindow(PLACE, 24 * hour, 50, 0)
    for start_ms, n in ((20 * hour, 30), (21 * hour, 10), (21 * hour + 10, 5), (23 * hour, 40), (23 * hour + 10, 0)):
        window.add(pane(start_ms, n))
    closed = window.close(24 * hour)
    assert closed is not None
    thursday = 72
    assert closed.hours == {thursday + 20: 30, thursday + 21: 15, thursday + 23: 40}


def test_a_window_that_goes_on_for_weeks_keeps_168_hours() -> None:
    hour = 3_600_000
    window = TumblingWindow(PLACE, hour, 10_000, 0)
    for i in range(400):
        window.add(pane(i * hour, 25))
    closed = window.close(400 * hour)
    assert closed is not None
    assert closed.extended
    assert len(closed.hours) == 168
    assert sum(closed.hours.values()) == closed.n_events


def test_of_a_window_from_an_older_state_the_hours_are_not_known() -> None:
    window, other = tumbling(), tumbling()
    window.add(pane(730, 30))
    (data,) = changes(window).values()
    assert data is not None
    start_ms, end_ms, extended, union = msgspec.msgpack.decode(data)
    assert union.pop() == {72: 30}
    restore(other, {"verdict-100": msgspec.msgpack.encode([start_ms, end_ms, extended, union])})
    for each in (window, other):
        each.add(pane(740, 30))
    one, two = window.close(800), other.close(800)
    assert shape(one) == shape(two) == (700, 800, 60)
    assert one is not None
    assert two is not None
    assert (one.hours, two.hours) == ({72: 60}, {})


def test_a_tumbling_window_goes_on_from_its_state() -> None:
    window, other = tumbling(), tumbling()
    assert changes(window) == {}
    window.add(pane(730, 30, frozenset(("idle",))))
    window.add(pane(810, 10))
    state = changes(window)
    assert list(state) == ["verdict-100"]
    restore(other, state)
    for each in (window, other):
        each.add(pane(890, 10))
    one, two = window.close(900), other.close(900)
    assert shape(one) == shape(two) == (700, 900, 50)
    assert one is not None
    assert two is not None
    assert (one.flags, one.extended, one.offsets) == (two.flags, two.extended, two.offsets)


def show_all(window: SlidingWindow, limit_ms: int) -> list[tuple[int, int, int] | None]:
    shown = []
    while (due_ms := window.due_ms()) is not None and due_ms <= limit_ms:
        shown.append(shape(window.show(due_ms)))
    return shown


def test_the_sliding_window_shows_the_last_blocks_at_each_hop() -> None:
    window = sliding()
    window.add(pane(100, 6))
    assert show_all(window, 120) == [(60, 120, 6)]
    window.add(pane(120, 3))
    assert show_all(window, 140) == [(80, 140, 9)]
    assert show_all(window, 10_000) == [(100, 160, 9), None, None]
    assert window.due_ms() is None


def test_a_year_of_silence_costs_the_sliding_window_a_few_hops() -> None:
    window = sliding()
    window.add(pane(100, 6))
    assert len(show_all(window, YEAR_MS)) == 4
    window.add(pane(YEAR_MS, 6))
    start = YEAR_MS - YEAR_MS % 20
    assert show_all(window, YEAR_MS + 20) == [(start - 40, start + 20, 6)]


def test_the_sliding_window_ends_with_its_profile() -> None:
    window = sliding(since_ms=90)
    window.add(pane(100, 6))
    assert shape(window.close(110)) == (90, 110, 6)
    assert window.due_ms() is None
    assert window.close(110) is None


def test_a_sliding_window_goes_on_from_its_state() -> None:
    window, other = sliding(), sliding()
    store: dict[str, bytes] = {}
    window.add(pane(100, 6))
    show_all(window, 120)
    window.add(pane(130, 3))
    checkpoint(window, store)
    restore(other, store)
    assert show_all(window, 10_000) == show_all(other, 10_000) == [(80, 140, 9), (100, 160, 9), None, None]


def test_blocks_that_slid_out_leave_the_state() -> None:
    window = sliding()
    store: dict[str, bytes | None] = {}
    for start_ms in range(0, 1_000, 10):
        show_all(window, start_ms)
        window.add(pane(start_ms, 1))
        store.update(changes(window))
    kept = [name for name, data in store.items() if data is not None]
    assert sorted(kept) == ["block/920", "block/940", "block/960", "hop", "running-block"]
    show_all(window, 10_000)
    store.update(changes(window))
    assert all(data is None for data in store.values())


def test_the_packed_running_block_is_a_copy() -> None:
    window = sliding()
    window.add(pane(100, 6))
    state = changes(window)["running-block"]
    window.add(pane(110, 6))
    assert state is not None
    running = msgspec.msgpack.decode(state)
    assert running[1] == 6
    assert np.frombuffer(running[0][0][3], dtype="<i1").tolist() == [6]


def test_panes_that_were_joined_count_once() -> None:
    whole, joined = Accumulator(LAYOUT), Accumulator(LAYOUT)
    panes = [pane(10 * number, 5 + number) for number in range(6)]
    pieces = [stored(None, each.sketch.pack()) for each in panes]
    for each, piece in zip(panes, pieces, strict=True):
        whole.add(each, piece)
        joined.add(each, piece)
    joined.join(pieces[2:], stored(None, merge_sketches([piece.read() for piece in pieces[2:]])))
    joined.join(pieces[:2], pieces[5])
    assert joined.n_events == whole.n_events == 45
    assert joined.pack() == whole.pack()

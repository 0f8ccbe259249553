"""What a window holds by hour of the week does not depend on how its events came."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.events.model_key import ModelKey
from driftline.monitoring.predictions.accumulator import Accumulator, ClosedPane, PackedUnion
from driftline.monitoring.predictions.windowing import closed
from driftline.profiles.season import HOURS, slot_of
from driftline.profiles.season_weights import weights_of_events
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.pane_sketch import PaneSketch

LAYOUT = Layout(())
PANE_MS = 60_000


def pane(number: int, n: int) -> ClosedPane:
    sketch = PaneSketch(LAYOUT)
    sketch.counts[EVENTS] = n
    return ClosedPane(number * PANE_MS, (number + 1) * PANE_MS, sketch, {}, frozenset())


@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 1_000)), max_size=40),
    st.lists(st.integers(0, 3), min_size=40, max_size=40),
)
def test_cuts_and_restarts_do_not_matter(panes: list[tuple[int, int]], parts: list[int]) -> None:
    whole = Accumulator(LAYOUT)
    for number, n in panes:
        whole.add(pane(number, n))
    cut = [Accumulator(LAYOUT) for _ in range(4)]
    for (number, n), part in zip(panes, parts, strict=False):
        cut[part].add(pane(number, n // 3))
        cut[3 - part].add(pane(number, n - n // 3))
    merged = Accumulator(LAYOUT)
    for each in reversed(cut):
        packed = msgspec.msgpack.decode(msgspec.msgpack.encode(each.pack()), type=PackedUnion)
        merged.add_union(Accumulator.unpack(packed, LAYOUT))
    assert msgspec.msgpack.encode(merged.pack()) == msgspec.msgpack.encode(whole.pack())
    hours = closed(ModelKey("m", ""), "tumbling", (0, 1, 1), merged).hours
    expected: dict[int, int] = {}
    for number, n in panes:
        slot = slot_of(number * PANE_MS)
        expected[slot] = expected.get(slot, 0) + n
    assert hours == {slot: n for slot, n in expected.items() if n}


@given(st.dictionaries(st.integers(0, HOURS - 1), st.integers(1, 10**6), min_size=1), st.integers(1, 1_000))
def test_only_the_proportions_of_events_matter(events: dict[int, int], factor: int) -> None:
    rows, weeks = 1 << np.arange(HOURS) % 12, np.full(HOURS, 3)
    more = {slot: n * factor for slot, n in events.items()}
    assert weights_of_events(weeks, rows, events, PANE_MS) == weights_of_events(weeks, rows, more, PANE_MS)

"""Counting encoded columns into sketches: all columns and all panes of a model with one call to NumPy each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.sketches.encoding import EncodedColumn, EncodedColumns
from driftline.sketches.event_slots import EventSlots
from driftline.sketches.pane_sketch import PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.sketches.layout import Layout


def count(layout: Layout, columns: Sequence[EncodedColumn], slots: NDArray[np.int64], n_slots: int) -> list[PaneSketch]:
    """Count n events, encoded column by column, into one sketch per slot; otherwise as :func:`count_each`."""
    return list(count_each(layout, EncodedColumns.of(columns, slots.size), slots, n_slots))


def count_each(layout: Layout, columns: EncodedColumns, slots: NDArray[np.int64], n_slots: int) -> Iterator[PaneSketch]:
    """Count the columns of n events into one sketch per slot, and yield the sketches in the order of the slots.

    ``slots``, shape (n,), says which sketch each event belongs to, in [0, n_slots).

    Notes
    -----
    *Cost*: where slots are many and events few, a sketch is only as large as its layout while it is looked at: the
    counts of all are kept by key until then.
    """
    events = EventSlots(layout, columns, slots, n_slots)
    for slot in range(n_slots):
        yield PaneSketch.of_slot(events, slot)

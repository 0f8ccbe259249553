"""Events on the grid of a profile: both stages count them with this, to the same integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.events.unusable import without_unusable
from driftline.profiles.class_names import ClassNames
from driftline.sketches.column_encoder import ColumnEncoder
from driftline.sketches.columns import MISSING
from driftline.sketches.estimates import count_estimates
from driftline.sketches.event_slots import EventSlots
from driftline.sketches.layout import LATE, UNEXPECTED
from driftline.sketches.origin_cells import OriginCells
from driftline.sketches.origin_counts import count_origins
from driftline.sketches.origin_parts import parts_of
from driftline.sketches.pane_sketch import PaneSketch, packed_slots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile
    from driftline.sketches.column_encoder import RowValues
    from driftline.sketches.origin_parts import RowOrigins
    from driftline.sketches.origin_table import OriginTables
    from driftline.sketches.packed import PackedEstimates
    from driftline.sketches.pane_sketch import PackedSketch


class CountedEvents(NamedTuple):
    """What events add to the panes that they belong to."""

    events: EventSlots
    """The events by slot, of which sketches are made: all of them as they are, or all packed."""
    estimates: Iterator[tuple[int, PackedEstimates]]
    """Slot and what the profile's estimator says of its events; none where it has no estimator."""
    origins: Iterator[tuple[int, OriginTables]] = iter(())
    """Slot and its events by where they come from, where that is given; to be asked for after the sketches."""

    def sketches(self) -> Iterator[PaneSketch]:
        """Yield the sketch of each slot, in their order."""
        for slot in range(self.events.n_slots):
            yield PaneSketch.of_slot(self.events, slot)

    def packed(self) -> Iterator[PackedSketch]:
        """Yield the sketch of each slot packed, in their order: less work where slots are many and events few."""
        return packed_slots(self.events)


class EventCounter:
    """Counts events under one profile.

    ``not_features`` are names in a features object that are no features, besides the columns that the settings ignore
    and those that the profile leaves out.

    Notes
    -----
    *State*: names of unexpected features and spellings of classes that were met; what is returned does not
    depend on it.
    """

    def __init__(self, profile: Profile, settings: ModelSettings, not_features: frozenset[str]) -> None:
        self._profile = profile
        self._cells = OriginCells(profile.layout)
        self._names = ClassNames(profile.task.classes, settings.classes) if profile.task.classes else None
        ignored = {name for name, column in settings.columns.items() if column.kind == "ignore"}
        self._encode = ColumnEncoder(
            profile.columns,
            profile.task.positive,
            not_features.union(ignored, profile.left_out),
            texts=frozenset(name for name, column in settings.columns.items() if column.kind == "numeric"),
            hashed=profile.joint is not None and profile.joint.sampled,
            names=self._names,
            rare=profile.rare,
        )

    def __call__(
        self,
        rows: RowValues,
        slots: NDArray[np.int64],
        n_slots: int,
        failed: NDArray[np.bool_] | None = None,
        origins: RowOrigins | None = None,
        n_late: NDArray[np.int64] | None = None,
    ) -> CountedEvents:
        """Count n events, none of them late; ``slots``, shape (n,), says which pane each belongs to.

        ``failed``, shape (n,), are events of which the model made no prediction: a prediction or score that they do
        not have is not missing. ``origins`` say where the events come from; ``n_late``, shape (n_slots,), how many
        events more were late.
        """
        profile = self._profile
        columns, unexpected = self._encode(rows)
        more = [(UNEXPECTED, np.bincount(slots[unexpected], minlength=n_slots))]
        more += [(cell, -n) for cell, n in self._not_missing(rows, slots, n_slots, failed)]
        if n_late is not None:
            more.append((LATE, n_late))
        parts = None if origins is None or slots.size == 0 else parts_of(origins, slots)
        events = EventSlots(profile.layout, columns, slots, n_slots, parts, more)

        def by_origin() -> Iterator[tuple[int, OriginTables]]:
            if parts is not None:
                yield from enumerate(count_origins(self._cells, parts, events, unexpected, n_slots))

        if profile.estimator is None:
            return CountedEvents(events, iter(()), by_origin())
        evaluated = profile.estimator.evaluate(columns, without_unusable(rows.scores), self._names)
        estimates = count_estimates(profile.estimator.layout, evaluated, slots)
        return CountedEvents(events, estimates, by_origin())

    def _not_missing(
        self, rows: RowValues, slots: NDArray[np.int64], n_slots: int, failed: NDArray[np.bool_] | None
    ) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Yield the cell of missing predictions, then of scores, and how many in each slot are of failed events."""
        if failed is None or not failed.any():
            return
        values = {"prediction": rows.predictions, "score": rows.scores}
        for column, place in zip(self._profile.columns, self._profile.layout.places, strict=True):
            if column.role in values:
                without = np.array([value is None for value in values[column.role]], dtype=np.bool_)
                yield place.quality.start + MISSING, np.bincount(slots[failed & without], minlength=n_slots)

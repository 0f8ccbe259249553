"""The burn-in: how much unchanged data vary, learnt from production where the reference cannot tell it.

Until it is known for a size of verdict window, those windows are calibrating and page nobody. Once it is known it
stays as it is until the profile changes: data that drift must not teach the tests that drifting is usual. A column that
had values in too few panes by then goes on alone, until it has had enough.

Where hours show that the events of a column depend on each other, nothing says how far that goes until days are known
as well: a mean that wanders for days looks like that too. Such a column goes on calibrating in windows of hours.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xxhash
from msgspec import Struct, field

from driftline.checks.references.learning_remarks import burn_in_ms
from driftline.monitoring.state.table import Codec, Value
from driftline.profiles.error_spread import DAY_MS
from driftline.significance.clumps import resting_on_clumps
from driftline.significance.dispersion import LEAST_PANES, LEAST_WINDOWS, Dispersion, estimate
from driftline.sketches.columns import QUALITY
from driftline.sketches.dispersion_sums import DispersionSums, PackedSums
from driftline.sketches.group_counts import GroupCounts
from driftline.sketches.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.references.reference_view import ReferenceView
    from driftline.monitoring.predictions.accumulator import ClosedPane


class BurnInState(Struct, array_like=True):
    """What is known for one size of window."""

    n_panes: int
    known_from_ms: int | None
    sums: PackedSums
    grouped: int
    """Which groups of bins the sums are of: others, as with another ``checks.bins``, begin anew."""
    missing: PackedSums | None = None
    """Of events with a value, and without; None of what an earlier version kept, which begins anew."""
    late: dict[int, bool] = {}
    """Columns that are still gathered when the others are known, and whether they have had any values."""


class SizeSums(Struct):
    """The sums for one size of verdict window."""

    sums: DispersionSums
    missing: DispersionSums
    n_panes: int = 0
    known_from_ms: int | None = None
    late: dict[int, bool] = field(default_factory=dict)
    dispersions: list[Dispersion] | None = None
    held_back: list[Dispersion] = field(default_factory=list)
    """The same while longer windows are not known: what depends on each other is calibrating."""
    of_missing: list[Dispersion] | None = None


class BurnIn:
    """Dispersion learnt from the panes of production, for the sizes of window whose dispersion the reference does not
    show.

    Notes
    -----
    *State*: the sums of :class:`~driftline.sketches.dispersion_sums.DispersionSums` for each unknown size, about 7 KB a
    column of 20 groups, and of its events with a value and without; nothing where the reference tells all. *Cost* of a
    pane: one grouping of all cells, and the sums.
    """

    def __init__(self, view: ReferenceView) -> None:
        self._settings = view.settings
        self._pane_ms = view.pane_ms
        self._longest_ms = int(view.settings.alerts.false_alarm_budget.horizon)
        unknown = view.unknown_sizes()
        layout, self._groupings = (view.profile.layout, view.groupings) if unknown else (Layout(()), [])
        self._group_counts = GroupCounts(layout, self._groupings)
        self._quality = layout.quality_starts + np.arange(len(QUALITY))
        indices = [grouping.index for grouping in self._groupings]
        self._grouped = xxhash.xxh3_64_intdigest(b"".join(index.astype("<i8").tobytes() for index in indices))
        self._sizes = {size: self._fresh(size) for size in unknown}
        view.observed = self
        self.tables = tuple(self._sizes.values())

    def _fresh(self, size_ms: int) -> Value[SizeSums]:
        per_window = max(1, size_ms // self._pane_ms)
        n_columns, n_groups = len(self._groupings), self._group_counts.n_groups
        sums = SizeSums(
            DispersionSums(n_columns, n_groups, panes_per_window=per_window),
            DispersionSums(n_columns, 2, panes_per_window=per_window),
        )
        return Value(f"burn-in-{size_ms:d}", Codec(BurnInState, self._pack, self._unpack), sums)

    def _pack(self, size: SizeSums) -> BurnInState:
        return BurnInState(
            size.n_panes, size.known_from_ms, size.sums.pack(), self._grouped, size.missing.pack(), size.late
        )

    def _unpack(self, state: BurnInState) -> SizeSums | None:
        if state.grouped != self._grouped or state.missing is None:
            return None
        sums, missing = (DispersionSums.unpack([each]) for each in (state.sums, state.missing))
        return SizeSums(sums, missing, state.n_panes, state.known_from_ms, state.late)

    def add(self, pane: ClosedPane) -> None:
        """Count a pane of the profile's grid, in the order of time."""
        gathering = [size for size in self._sizes.values() if size.value.known_from_ms is None or size.value.late]
        if not gathering:
            return
        counts = self._group_counts.of(pane.sketch.counts)
        absent = pane.sketch.counts[self._quality].sum(axis=1)
        in_two = np.stack([counts.sum(axis=1), absent], axis=1)
        for size in gathering:
            size.value.sums.add(pane.start_ms // self._pane_ms, counts * self._wanted(size.value))
            if size.value.known_from_ms is None:
                size.value.missing.add(pane.start_ms // self._pane_ms, in_two)
            size.value.n_panes += 1
            size.changed()

    def _wanted(self, size: SizeSums) -> NDArray[np.int64]:
        """Return 1 for each column that is still gathered, 0 for others, shape (C, 1)."""
        wanted = np.full((len(self._groupings), 1), size.known_from_ms is None, dtype=np.int64)
        wanted[[*size.late]] = 1
        return wanted

    def settle(self, at_ms: int) -> None:
        """At the end of windows: take as known what has been looked at for long enough, for windows from now on."""
        for size_ms, size in self._sizes.items():
            if size.value.known_from_ms is None or size.value.late:
                size.value.sums.end(at_ms // self._pane_ms)
                if size.value.known_from_ms is None:
                    size.value.missing.end(at_ms // self._pane_ms)
                if size.value.known_from_ms is None and self._enough(size_ms, size.value, at_ms):
                    size.value.known_from_ms = at_ms
                if size.value.known_from_ms is not None:
                    self._leave_known(size.value, at_ms)
                size.changed()

    def _leave_known(self, size: SizeSums, at_ms: int) -> None:
        """Go on with those columns alone that have had values in too few panes, for as long as the budget looks."""
        n_panes = size.sums.panes_of_columns
        given_up = size.sums.full or at_ms - size.sums.first_pane * self._pane_ms > self._longest_ms
        few = [] if given_up else np.flatnonzero(n_panes < LEAST_PANES).tolist()
        late = {index: bool(n_panes[index]) for index in few}
        if late != size.late:
            size.late, size.dispersions = late, None
        known = np.ones(n_panes.size, dtype=bool)
        known[few] = False
        size.sums.leave(known)

    def _enough(self, size_ms: int, size: SizeSums, at_ms: int) -> bool:
        """Whether enough panes were counted, over long enough, and windows enough to see slow variation."""
        span_ms = at_ms - size.sums.first_pane * self._pane_ms
        if span_ms < burn_in_ms(self._settings, size_ms):
            return False
        least_panes = self._settings.checks.dispersion.panes
        return size.sums.full or (size.n_panes >= least_panes and size.sums.n_windows >= LEAST_WINDOWS)

    def _known(self, size_ms: int, start_ms: int) -> SizeSums | None:
        """Return the sums for windows of a size; None for a window that began before they were enough."""
        sums = self._sizes.get(size_ms)
        size = None if sums is None else sums.value
        return None if size is None or size.known_from_ms is None or start_ms < size.known_from_ms else size

    def of_missing(self, size_ms: int, start_ms: int) -> Sequence[Dispersion] | None:
        """Return the same of events with a value and without."""
        size = self._known(size_ms, start_ms)
        if size is None:
            return None
        if size.of_missing is None:
            sums = (size.missing.column(index) for index in range(len(self._groupings)))
            size.of_missing = [resting_on_clumps(estimate(each, (0, 1), least_span=1)) for each in sums]
        return size.of_missing

    def dispersions(self, size_ms: int, start_ms: int) -> Sequence[Dispersion] | None:
        """Return each column's dispersion for windows of a size; None for a window that began before it was known."""
        size = self._known(size_ms, start_ms)
        if size is None:
            return None
        if size.dispersions is None:
            size.dispersions = [self._dispersion(size, index) for index in range(len(self._groupings))]
            size.held_back = [
                each if each.independent else replace(each, status="calibrating") for each in size.dispersions
            ]
        return size.held_back if self._days_unknown(size_ms, start_ms) else size.dispersions

    def _days_unknown(self, size_ms: int, start_ms: int) -> bool:
        """Whether longer windows, of up to a day, are still being learnt."""
        longer = (size for size in self._sizes if size_ms < size <= DAY_MS)
        return any(self._known(size, start_ms) is None for size in longer)

    def _dispersion(self, size: SizeSums, index: int) -> Dispersion:
        """Return a column's dispersion; of one that is still gathered only that it is calibrating, as sums go on."""
        groups = tuple(range(self._groupings[index].n_groups))
        if index not in size.late:
            shown = estimate(size.sums.column(index), groups, least_span=1)
            # how dependent events vary between windows so long is known from so many of them
            most = math.inf if shown.independent else max(1.0, shown.n_windows - 1.0)
            return replace(shown, freedom=min(shown.freedom, most))
        nothing = DispersionSums(1, size.sums.column(index).events.size, panes_per_window=1)
        return replace(estimate(nothing.column(0), groups, least_span=1), n_panes=int(size.late[index]))

    @property
    def unknown(self) -> tuple[tuple[int, int], ...]:
        """What is still being learnt: sizes of verdict windows, and of how many columns; changes when more is known."""
        sizes = ((size_ms, size.value) for size_ms, size in sorted(self._sizes.items()))
        every = len(self._groupings)
        return tuple(
            (size_ms, every if size.known_from_ms is None else len(size.late))
            for size_ms, size in sizes
            if size.known_from_ms is None or size.late
        )

    @property
    def calibrating(self) -> tuple[int, ...]:
        """Sizes of verdict windows for which something is not known yet, ascending."""
        return tuple(size_ms for size_ms, size in sorted(self._sizes.items()) if size.value.known_from_ms is None)

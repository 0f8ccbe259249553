"""What the windows of one profile are held against: groups of bins, reference counts, and how much data vary."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from driftline.checks.references.column_reference import ColumnGroups, ColumnReference
from driftline.checks.references.missing_hours import between_hours, hours_factor
from driftline.checks.references.share_dispersion import ShareDispersion
from driftline.checks.references.value_groups import ValueGroups
from driftline.checks.references.view_parts import FORM, ColumnDispersions, ViewParts
from driftline.errors import ParameterError
from driftline.profiles.season import HOURS
from driftline.profiles.season_counts import season_counts
from driftline.profiles.shelf import keep
from driftline.significance.clumps import not_contradicting, resting_on_clumps
from driftline.significance.dispersion import LEAST_WINDOWS, Dispersion, estimate, independent
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grouping import Grouping, base_grouping, checked_grouping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.config.model import ModelSettings
    from driftline.profiles.profile import Profile
    from driftline.profiles.shelf import Shelf


UNKNOWN: Final = ShareDispersion(math.inf, None)
"""As long as nothing has been learnt."""

NEVER_MS: Final = 1 << 62
"""Later than any window: what is known by now is known to it."""


class Observed(Protocol):
    """Dispersion learnt from production, where the reference cannot tell it."""

    def dispersions(self, size_ms: int, start_ms: int) -> Sequence[Dispersion] | None:
        """Return each column's, for verdict windows of one size; None for a window that began before it was known."""

    @property
    def unknown(self) -> tuple[tuple[int, int], ...]:
        """Sizes of verdict windows of which something is not known yet, ascending, and of how many columns."""

    def of_missing(self, size_ms: int, start_ms: int) -> Sequence[Dispersion] | None:
        """Return the same as :meth:`dispersions` of each column's events with a value and without."""


class ReferenceView:
    """What the windows of one profile are held against; changes only by what :class:`Observed` learns.

    What is worked out from the profile stays on the shelf while no window needs it.

    Notes
    -----
    Where a column's dispersion comes from, for each size of verdict window: the reference's own panes, where it has
    times and shows at least :data:`~driftline.significance.dispersion.LEAST_WINDOWS` windows with values of the column
    and the span that is asked for; else what production shows before it may page. With a reference that saw every hour
    of the week in two weeks or more, windows are compared with the same hours, each weighing as much as the window has
    events in it, and the dispersion is that of what is left.
    """

    def __init__(self, profile: Profile, settings: ModelSettings, pane_ms: int, shelf: Shelf | None = None) -> None:
        self.profile = profile
        self.settings = settings
        self.pane_ms = pane_ms
        self.shelf = shelf
        self._kept = keep(shelf, ViewParts([self._grouped(index) for index in range(len(profile.columns))]), FORM)
        self.observed: Observed | None = None

    @property
    def _parts(self) -> ViewParts:
        return self._kept.value

    def _grouped(self, index: int) -> ColumnGroups:
        column = self.profile.columns[index]
        counts = self.profile.reference.counts[self.profile.layout.places[index].bins]
        base = base_grouping(column, counts)
        n_groups = self.settings.checks.groups(ordered=isinstance(column, NumericColumn))
        grouping, unions = checked_grouping(column, counts, n_groups)
        return ColumnGroups(base, grouping, Grouping(unions, grouping.labels), base.grouped(counts))

    @property
    def groupings(self) -> list[Grouping]:
        """The groups of each column."""
        return [groups.grouping for groups in self._parts.groups]

    @property
    def estimates(self) -> bool:
        """Whether the dispersion is asked for at all."""
        return self.settings.checks.dispersion.mode == "estimate"

    def unknown_sizes(self) -> tuple[int, ...]:
        """Return the sizes of verdict windows of which only production can tell some column's dispersion, ascending."""
        sizes = sorted(int(size) for size in self.settings.windows.verdict) if self.estimates else ()
        return tuple(size for size in sizes if self._of_reference(size, seasonless=self.seasonal).unknown)

    def unknown_columns(self, size_ms: int) -> list[int]:
        """Return the indices of the columns whose dispersion in windows of a size the reference does not show."""
        return list(self._of_reference(size_ms, seasonless=self.seasonal).unknown) if self.estimates else []

    @cached_property
    def seasonal(self) -> bool:
        """Whether windows are compared with the same hours of the week."""
        history = self.profile.history
        if not self.estimates or history is None or self.settings.reference.season == "none":
            return False
        sizes = [int(size) for size in self.settings.windows.verdict]
        return history.n_hours == HOURS and any(
            history.has_sums(index, size, seasonless=True)
            for index in range(len(self.profile.columns))
            for size in sizes
        )

    def column(self, index: int, window: ClosedWindow) -> ColumnReference:
        """Return what one column of a window is held against; that of the latest window is remembered."""
        asked = (window.start_ms, window.end_ms, window.size_ms, window.hours)
        parts = self._parts
        if asked != parts.window:
            parts.window, parts.of_window = asked, {}
        if index not in parts.of_window:
            parts.of_window[index] = self._column(index, window)
        return parts.of_window[index]

    def _column(self, index: int, window: ClosedWindow) -> ColumnReference:
        groups = self._parts.groups[index]
        seasonal, base_reference = False, groups.base_reference
        if self.seasonal:
            season = season_counts(self.profile, index, window.start_ms, window.end_ms, window.hours, self.pane_ms)
            if season is not None and season.n > 0:
                seasonal, base_reference = True, season.counts
        dispersions = self._dispersions(window, seasonless=self.seasonal)
        whole = self._dispersions(window, seasonless=False) or dispersions
        return self._reference(index, window, base_reference, (dispersions, whole), seasonal=seasonal, by_base=seasonal)

    def rolling_column(self, index: int, window: ClosedWindow) -> ColumnReference:
        """Return the recent past that a column is held against; the window brings its sketch.

        All hours of the week are in it, so the dispersion is that of windows with their season.
        """
        if window.rolling is None:
            raise ParameterError("a window with a rolling reference", None, "$.window.rolling")
        groups = self._parts.groups[index]
        base_reference = groups.base.grouped(window.rolling.counts[self.profile.layout.places[index].bins])
        dispersions = self._dispersions(window, seasonless=False)
        return self._reference(index, window, base_reference, (dispersions, dispersions), seasonal=False, by_base=True)

    def _reference(
        self,
        index: int,
        window: ClosedWindow,
        base_reference: NDArray[np.int64],
        dispersions: tuple[Sequence[Dispersion] | None, Sequence[Dispersion] | None],
        *,
        seasonal: bool,
        by_base: bool,
    ) -> ColumnReference:
        """Return what a column is held against, given all columns' dispersions: of the comparison, of whole windows."""
        groups, (own, whole) = self._parts.groups[index], dispersions
        return ColumnReference(
            grouping=groups.grouping,
            reference=groups.union.grouped(base_reference),
            base=groups.base,
            base_reference=base_reference,
            dispersion=own[index] if own is not None and seasonal else self._of_part(own, index, window),
            whole=self._of_part(whole, index, window),
            seasonal=seasonal,
            by_base=by_base,
            calibrating=self._calibrating(own, index),
            missing=self._missing(index, self._size_of(window), window.start_ms) if self.estimates else None,
        )

    def _of_part(self, dispersions: Sequence[Dispersion] | None, index: int, window: ClosedWindow) -> Dispersion | None:
        """Return a column's dispersion in a window that may lack hours, compared with all hours."""
        if dispersions is None:
            return None
        span = window.start_ms, window.end_ms
        factor = hours_factor(self.profile.history, *span, window.hours, self.pane_ms)
        return dispersions[index].with_excess(factor * self._between_hours(index)) if factor else dispersions[index]

    def _between_hours(self, index: int) -> NDArray[np.float64]:
        """Return the covariance of a column's groups between hours of the week."""
        if index not in self._parts.by_hour:
            groups, history = self._parts.groups[index].union, self.profile.history
            seasons = [] if history is None else [groups.grouped(row) for row in history.season(index)]
            every = np.array(seasons, dtype=np.int64).reshape(-1, groups.n_groups)
            self._parts.by_hour[index] = between_hours(every)
        return self._parts.by_hour[index]

    def _calibrating(self, dispersions: Sequence[Dispersion] | None, index: int) -> bool:
        """Whether a column's dispersion is asked for and not known, as where it had values in too few panes."""
        return self.estimates and (dispersions is None or _is_calibrating(dispersions[index]))

    def of_whole(self, window: ClosedWindow) -> DispersionLookup:
        """Return how much the shares of all events vary: as those of the column that varies most of all known ones."""

        def lookup(_column: str, share: str) -> ShareDispersion:
            columns = (self.column(index, window) for index in range(len(self.profile.columns)))
            n = window.n_events
            shares = (each.of_shares(n, n)("", share) for each in columns if not each.calibrating)
            return max(shares, key=lambda each: each.factor, default=UNKNOWN)

        return lookup

    def groups_of(self, index: int) -> ColumnGroups:
        """Return the groups of a column."""
        return self._parts.groups[index]

    def value_groups(self, index: int, column: NumericColumn) -> ValueGroups:
        """Return the groups of a numeric column that e-detectors bet on."""
        if index not in self._parts.values:
            grouping, counts = self._parts.groups[index].grouping, self.profile.reference.counts
            self._parts.values[index] = ValueGroups(column, counts[self.profile.layout.places[index].bins], grouping)
        return self._parts.values[index]

    def unknown_now(self) -> tuple[tuple[int, int], ...]:
        """Return the sizes of verdict windows of which something is still being learnt, and of how many columns."""
        return () if self.observed is None else self.observed.unknown

    def dispersions_known(self, *, seasonless: bool) -> list[tuple[float, Sequence[Dispersion]]]:
        """Return all columns' dispersions that are known by now, with the size of the verdict windows, ascending.

        Infinite windows, where events are taken as independent.
        """
        if not self.estimates:
            return [(math.inf, [independent(groups.grouping.n_groups) for groups in self._parts.groups])]
        sizes = sorted(map(int, self.settings.windows.verdict))
        known = ((size, self._dispersions_at(size, NEVER_MS, seasonless=seasonless)) for size in sizes)
        return [(float(size), dispersions) for size, dispersions in known if dispersions is not None]

    def _dispersions(self, window: ClosedWindow, *, seasonless: bool) -> Sequence[Dispersion] | None:
        if not self.estimates:
            return None
        return self._dispersions_at(self._size_of(window), window.start_ms, seasonless=seasonless)

    def _size_of(self, window: ClosedWindow) -> int:
        """Return the size of verdict windows that a window is taken for."""
        sizes = {int(size) for size in self.settings.windows.verdict}
        return window.size_ms if window.size_ms in sizes else min(sizes)

    def _missing(self, index: int, size_ms: int, start_ms: int) -> Dispersion | None:
        """Return the dispersion of a column's events with a value and without, in windows of a size; None if unknown.

        A reference in whose time none was missing says that they do not come in clumps: if some come, that is new.
        """
        if (index, size_ms) not in self._parts.of_missing:
            self._parts.of_missing[index, size_ms] = self._missing_of_reference(index, size_ms)
        shown = self._parts.of_missing[index, size_ms]
        if shown is not None or self.observed is None:
            return shown
        seen = self.observed.of_missing(size_ms, start_ms)
        if seen is None or _is_calibrating(seen[index]):
            return None
        place, reference = self.profile.layout.places[index], self.profile.reference.counts
        absent = int(reference[place.quality].sum())
        return not_contradicting(seen[index], absent / max(absent + int(reference[place.bins].sum()), 1))

    def _missing_of_reference(self, index: int, size_ms: int) -> Dispersion | None:
        history, place = self.profile.history, self.profile.layout.places[index]
        if history is None:
            return None
        sums = history.missing_sums(index, size_ms)
        if sums is None:
            return None if self.profile.reference.counts[place.quality].any() else independent(2)
        least_span = -(-int(self.settings.checks.dispersion.span) // history.pane_ms)
        shown = resting_on_clumps(estimate(sums, (0, 1), source="reference", least_span=least_span))
        return shown if shown.n_windows >= LEAST_WINDOWS and not _is_calibrating(shown) else None

    def missing_known(self, index: int) -> list[tuple[float, Dispersion]]:
        """Return the dispersion of a column's events with a value and without, by the sizes that it is known for."""
        if not self.estimates:
            return [(math.inf, independent(2))]
        sizes = sorted(int(size) for size in self.settings.windows.verdict)
        known = ((float(size), self._missing(index, size, NEVER_MS)) for size in sizes)
        return [(size, dispersion) for size, dispersion in known if dispersion is not None]

    def _dispersions_at(self, size_ms: int, start_ms: int, *, seasonless: bool) -> Sequence[Dispersion] | None:
        """Return each column's dispersion in windows of a size, which vary no less than longer ones that are known."""
        own = self._known_at(size_ms, start_ms, seasonless=seasonless)
        if own is None:
            return None
        sizes = (size for size in sorted(map(int, self.settings.windows.verdict)) if size > size_ms)
        longer = (self._known_at(size, start_ms, seasonless=seasonless) for size in sizes)
        parts = [own, *(known for known in longer if known is not None)]
        before, carried = self._parts.carried.get((size_ms, seasonless), ([], []))
        if [*map(id, before)] != [*map(id, parts)]:
            carried = [reduce(Dispersion.carrying, each) for each in zip(*parts, strict=True)]
            self._parts.carried[size_ms, seasonless] = parts, carried
        return carried

    def _known_at(self, size_ms: int, start_ms: int, *, seasonless: bool) -> Sequence[Dispersion] | None:
        """Return each column's dispersion: the reference's, and where that tells too little, production's."""
        shown, unknown = self._of_reference(size_ms, seasonless=seasonless)
        if self.observed is None or not unknown:
            return shown
        seen = self.observed.dispersions(size_ms, start_ms)
        if shown is None or seen is None:
            return shown or seen
        before, completed = self._parts.completed.get((size_ms, seasonless), (None, []))
        if before is not seen:
            completed = list(shown)
            for index in unknown:
                completed[index] = seen[index]
            self._parts.completed[size_ms, seasonless] = seen, completed
        return completed

    def _of_reference(self, size_ms: int, *, seasonless: bool) -> ColumnDispersions:
        """Return each column's dispersion as the reference shows it, calibrating where that is too little."""
        key = (size_ms, seasonless)
        if key not in self._parts.by_size:
            shown = self._estimated(size_ms, seasonless=seasonless)
            every = range(len(self.profile.columns))
            unknown = tuple(index for index in every if shown is None or _is_calibrating(shown[index]))
            self._parts.by_size[key] = ColumnDispersions(shown, unknown)
        return self._parts.by_size[key]

    def _estimated(self, size_ms: int, *, seasonless: bool) -> list[Dispersion] | None:
        history = self.profile.history
        if history is None:
            return None
        dispersions = []
        least_span = -(-int(self.settings.checks.dispersion.span) // history.pane_ms)
        for index, groups in enumerate(self._parts.groups):
            sums = history.sums(index, size_ms, seasonless=seasonless)
            if sums is None:
                return None
            dispersion = estimate(sums, groups.union.groups, source="reference", least_span=least_span)
            enough = dispersion.n_windows >= LEAST_WINDOWS
            dispersions.append(dispersion if enough else replace(dispersion, status="calibrating"))
        return dispersions


def _is_calibrating(dispersion: Dispersion) -> bool:
    return dispersion.status == "calibrating"

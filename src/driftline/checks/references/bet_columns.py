"""The groups of each column that e-detectors bet on, what the reference has in them, and what the column can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.detectors.mixture.directions import categorical_directions
from driftline.profiles.season import HOURS
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grouping import UNLISTED, Grouping

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.references.reference_view import ReferenceView
    from driftline.detectors.mixture.directions import Direction
    from driftline.profiles.history import History
    from driftline.sketches.columns import Column

LEAST_SHARE: Final = 0.5
"""Events that stand for a group without any in the reference."""


class BetColumn(NamedTuple):
    """One column's groups: those of its distribution test, but unlisted categories, and the outermost values, are
    groups of their own.
    """

    grouping: Grouping
    of_base: NDArray[np.float64]
    """Part of each base group that belongs to each group, shape (base groups, G)."""
    of_dispersion: tuple[int, ...]
    """Which of the groups whose dispersion is known each belongs to."""
    counts: NDArray[np.int64]
    """The reference's, and last its events without a value: shape (G + 1,)."""
    directions: tuple[Direction, ...]


def bet_column(view: ReferenceView, index: int) -> BetColumn:
    """Return a column of a profile, given its position."""
    column: Column = view.profile.columns[index]
    if isinstance(column, NumericColumn):
        return _of_numbers(view, index, column)
    groups, profile = view.groups_of(index), view.profile
    union, labels = groups.union.groups, groups.grouping.labels
    of_base, of_dispersion = union, tuple(range(len(labels)))
    of_bins = [union[base] for base in groups.base.groups]
    unlisted = of_bins[-1]
    if of_bins.count(unlisted) > 1:  # it stands among other rare categories there, here by itself
        of_dispersion, unlisted = (*of_dispersion, unlisted), len(labels)
        of_bins[-1], labels = unlisted, (*labels, UNLISTED)
        of_base = (*union[:-1], unlisted) if groups.base.labels[-1] == UNLISTED else union
    grouping = Grouping(tuple(of_bins), labels)
    place = profile.layout.places[index]
    reference = profile.reference.counts
    values = grouping.grouped(reference[place.bins])
    # as many events as there are categories with one event (Good 1953, doi:10.1093/biomet/40.3-4.237) would be of new
    # categories in another sample of this size
    values[unlisted] = max(int(values[unlisted]), int((reference[place.bins][:-1] == 1).sum()))
    counts = np.append(values, reference[place.quality].sum())
    named = [group for group in range(len(labels)) if group != unlisted and of_bins.count(group) == 1]
    directions = categorical_directions(*shares_of(counts), named, unlisted) if values.any() else ()
    return BetColumn(grouping, np.eye(len(labels))[list(of_base)], of_dispersion, counts, directions)


def _of_numbers(view: ReferenceView, index: int, column: NumericColumn) -> BetColumn:
    groups, profile, place = view.groups_of(index), view.profile, view.profile.layout.places[index]
    reference = profile.reference.counts
    held = view.value_groups(index, column)
    values = held.grouping.grouped(reference[place.bins])
    counts = np.append(values, reference[place.quality].sum())
    parts = np.zeros((groups.base.n_groups, held.grouping.n_groups))
    np.add.at(parts, (groups.base.index, held.grouping.index), reference[place.bins])
    empty = parts.sum(axis=1) == 0
    np.add.at(parts, (groups.base.index, held.grouping.index), np.where(empty[groups.base.index], 1.0, 0.0))
    parts /= parts.sum(axis=1, keepdims=True)
    directions = held.directions(*shares_of(counts)) if values.any() else ()
    return BetColumn(held.grouping, parts, held.parents, counts, directions)


def shares_of(counts: NDArray[np.int64] | NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the shares of values by group, each above 0, and that of events without one, which is last: (0, 1) both.

    A group that the reference does not have counts as half an event, and so do events without a value.
    """
    values = np.maximum(counts[:-1], LEAST_SHARE)
    missing = max(float(counts[-1]), LEAST_SHARE) / max(float(counts.sum()), 1.0)
    return values / values.sum(), min(missing, 1 - 1e-6)


def counts_by_hour(history: History, index: int, column: BetColumn) -> NDArray[np.int64]:
    """Return a column's reference counts by hour of the week, events without a value last: shape (168, G + 1).

    What an outermost group of an hour holds is divided as that of all hours is.
    """
    season = history.season(index)
    counts = np.zeros((HOURS, column.counts.size), dtype=np.int64)
    counts[:, :-1] = np.rint(season @ column.of_base)
    values, rows = season.sum(axis=1), history.events.unpacked()
    if (values > rows).any():  # after a re-baseline of some columns the rows may be those of others
        rows = values + values * int(column.counts[-1]) // max(int(column.counts[:-1].sum()), 1)
    counts[:, -1] = rows - values
    return counts

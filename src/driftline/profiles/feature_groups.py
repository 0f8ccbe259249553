"""Into which groups the values of a model's most important features are divided, to compare errors by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.columns import CategoricalColumn, EmbeddingColumn, NumericColumn
from driftline.sketches.feature_errors import ABSENT, MAX_FEATURES, N_CODES
from driftline.sketches.grouping import checked_grouping, range_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import Column
    from driftline.sketches.grouping import Grouping
    from driftline.sketches.layout import Place

NUMERIC_GROUPS: Final = 8
CATEGORY_GROUPS: Final = 12
"""Groups that a feature gets, of categories with one for all others; a few more where numbers have atoms."""
LONGEST_RUN: Final = 4
"""Neighbouring groups of numbers that are looked at together."""
ABSENT_LABEL: Final = "missing"
_MOST: Final = N_CODES - 1
_LEAST: Final = 2
"""Groups that are asked for."""


class Part(NamedTuple):
    """Groups of a feature that are looked at together."""

    groups: tuple[int, ...]
    """Their codes less 1."""
    label: str


class FeatureGroups(NamedTuple):
    """The groups of one feature."""

    place: int
    """Of its column in the profile."""
    column: Column
    grouping: Grouping
    """Of its bins."""

    @property
    def codes(self) -> NDArray[np.uint64]:
        """Code of each bin, shape (B,)."""
        return (self.grouping.index + ABSENT + 1).astype(np.uint64)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each code from 1 on is called."""
        return (ABSENT_LABEL, *self.grouping.labels)

    def parts(self) -> Iterator[Part]:
        """Yield each group, then runs of neighbouring groups of numbers."""
        for group, label in enumerate(self.labels):
            yield Part((group,), label)
        column = self.column
        if not isinstance(column, NumericColumn):
            return
        for length in range(2, LONGEST_RUN + 1):
            for first in range(self.grouping.n_groups - length + 1):
                if length < self.grouping.n_groups:
                    groups = tuple(range(ABSENT + first, ABSENT + first + length))
                    yield Part(groups, self._run_label(column, first, first + length))

    def _run_label(self, column: NumericColumn, first: int, stop: int) -> str:
        """Return what the groups from ``first`` to ``stop``, without it, are called together."""
        starts = np.searchsorted(self.grouping.index, [first, stop]).tolist()
        bounds = tuple(start for start in (0, *starts) if start < column.n_bins)
        labels = range_labels(column.edges, tuple(dict.fromkeys(bounds)))
        return labels[1 if first else 0]


def feature_groups(
    columns: Sequence[Column], places: Sequence[Place], counts: NDArray[np.int64], importances: Mapping[str, float]
) -> tuple[FeatureGroups, ...]:
    """Return the groups of a profile's most important features, at most :data:`MAX_FEATURES` of them.

    Parameters
    ----------
    columns : sequence of Column
        Of the profile.
    places : sequence of Place
        Of the columns, in its layout.
    counts : ndarray of int64
        The reference's cells.
    importances : mapping of str to float
        By column name; 1 where none is given.

    Returns
    -------
    tuple of FeatureGroups
        The most important first, of equally important ones the first column. Features of which the
        reference has one value have no groups, and numbers that are made of vectors are left out.
    """
    ranked = sorted(
        (i for i, column in enumerate(columns) if column.role == "feature" and not isinstance(column, EmbeddingColumn)),
        key=lambda i: -importances.get(columns[i].name, 1.0),
    )
    found: list[FeatureGroups] = []
    for index in ranked:
        bins, absent = counts[places[index].bins], int(counts[places[index].quality].sum())
        grouping = _grouping(columns[index], bins)
        if np.count_nonzero(grouping.grouped(bins)) + (absent > 0) > 1:
            found.append(FeatureGroups(index, columns[index], grouping))
        if len(found) == MAX_FEATURES:
            break
    return tuple(found)


def _grouping(column: Column, counts: NDArray[np.int64]) -> Grouping:
    wanted = CATEGORY_GROUPS if isinstance(column, CategoricalColumn) else NUMERIC_GROUPS
    grouping, _ = checked_grouping(column, counts, wanted)
    while grouping.n_groups > _MOST and wanted > _LEAST:
        wanted -= 1
        grouping, _ = checked_grouping(column, counts, wanted)
    return grouping

"""What one flush adds to performance windows, row by row, before it is added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.events.source import Source
    from driftline.sketches.joined import LabelledPairs


class Address(NamedTuple):
    """Where n contributions belong, and what they stem from."""

    profile: NDArray[np.int64]
    """Index in the profile table, shape (n,)."""
    effective_ms: NDArray[np.int64]
    """Decides the join pane, shape (n,)."""
    time_ms: NDArray[np.int64]
    """Of the prediction, shape (n,); decides the performance window."""
    source: Source
    offset: NDArray[np.int64]
    segments: NDArray[np.uint32] | None = None
    """Bits of the slices that the prediction belongs to, shape (n,); none for None."""

    def rows(self, chosen: NDArray[np.int64]) -> Address:
        """Return some of the rows."""
        return Address(
            self.profile[chosen],
            self.effective_ms[chosen],
            self.time_ms[chosen],
            self.source,
            self.offset[chosen],
            None if self.segments is None else self.segments[chosen],
        )


class Pairs(NamedTuple):
    """Predictions with their labels, at their address."""

    at: Address
    pairs: LabelledPairs
    first: NDArray[np.bool_]
    """Which predictions had no label before, shape (n,)."""
    groups: NDArray[np.uint64] | None = None
    """The groups of their features (:mod:`driftline.sketches.feature_errors`), shape (n,); none for None."""


class CountedPredictions(NamedTuple):
    """Predictions at their address, without regard to labels."""

    at: Address
    cell: int
    """Of the performance vector, that counts them."""
    predicted: NDArray[np.float64] | None = None
    scores: NDArray[np.float64] | None = None
    """Class codes and scores of predictions that may get a label, shape (n,)."""


class UnknownLabels(NamedTuple):
    """Labels of classes that their prediction's task does not know, or may not, n of them, at their address."""

    at: Address
    actual: NDArray[np.float64]
    """As the pairs have them, shape (n,)."""
    which: NDArray[np.int64]
    """Position in ``names``, shape (n,)."""
    names: tuple[str, ...]
    """How they are called."""

    def rows(self, chosen: NDArray[np.int64]) -> UnknownLabels:
        """Return some of the labels."""
        return UnknownLabels(self.at.rows(chosen), self.actual[chosen], self.which[chosen], self.names)


class OfProfile(NamedTuple):
    """The rows of one profile."""

    pairs: list[Pairs]
    predictions: list[CountedPredictions]
    unknown: list[UnknownLabels]


def of_profile(
    pairs: list[Pairs], predictions: list[CountedPredictions], unknown: list[UnknownLabels], index: int
) -> OfProfile:
    """Return the rows of one profile, without the parts that have none."""
    own_pairs, own_predictions, own_unknown = [], [], []
    for labels in unknown:
        rows = np.flatnonzero(labels.at.profile == index)
        if rows.size:
            own_unknown.append(labels.rows(rows))
    for part in pairs:
        rows = np.flatnonzero(part.at.profile == index)
        if rows.size:
            groups = None if part.groups is None else part.groups[rows]
            own_pairs.append(Pairs(part.at.rows(rows), part.pairs.rows(rows), part.first[rows], groups))
    for each in predictions:
        rows = np.flatnonzero(each.at.profile == index)
        if rows.size:
            predicted = None if each.predicted is None else each.predicted[rows]
            scores = None if each.scores is None else each.scores[rows]
            own_predictions.append(CountedPredictions(each.at.rows(rows), each.cell, predicted, scores))
    return OfProfile(own_pairs, own_predictions, own_unknown)

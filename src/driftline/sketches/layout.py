"""Where each column's cells stand in the flat vectors that are a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from driftline.sketches.columns import QUALITY, Column, NumericColumn

HEAD: Final = ("events", "late", "unexpected_features")
"""First cells of every count vector: events sketched, events that came too late, events with a feature
that the profile does not know."""
EVENTS, LATE, UNEXPECTED = range(len(HEAD))


@dataclass(frozen=True, slots=True)
class Place:
    """Where one column stands.

    Attributes
    ----------
    bins : slice
        Its histogram in the count vector.
    quality : slice
        Its quality cells in the count vector, in the order of :data:`QUALITY`.
    moments : int
        Its row in the sums (``z``, ``z²``, clipped) and extremes (``-min z``, ``max z``) arrays; -1 if categorical.
    """

    bins: slice
    quality: slice
    moments: int


class Layout:
    """The places of all columns; equal columns give equal layouts.

    Parameters
    ----------
    columns : tuple of Column
        In the profile's order.

    Attributes
    ----------
    n_cells : int
        Length of the count vector.
    n_numeric : int
        Rows of the sums and extremes arrays.
    """

    __slots__ = ("columns", "n_cells", "n_numeric", "places")

    def __init__(self, columns: tuple[Column, ...]) -> None:
        places = []
        cell, row = len(HEAD), 0
        for column in columns:
            bins = slice(cell, cell + column.n_bins)
            quality = slice(bins.stop, bins.stop + len(QUALITY))
            numeric = isinstance(column, NumericColumn)
            places.append(Place(bins, quality, row if numeric else -1))
            cell = quality.stop
            row += numeric
        self.columns = columns
        self.places = tuple(places)
        self.n_cells = cell
        self.n_numeric = row

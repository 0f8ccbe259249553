"""Where each column's cells stand in the flat vectors that are a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.columns import QUALITY, Column, NumericColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    numeric : ndarray of int64, shape (n_numeric,)
        Which column each of these rows is of.
    bin_starts, quality_starts : ndarray of int64, shape (len(columns), 1)
        Where the bins and the quality cells of each column begin.
    """

    __slots__ = ("bin_starts", "columns", "n_cells", "n_numeric", "numeric", "places", "quality_starts")

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
        self.numeric: NDArray[np.int64] = np.array(
            [i for i, place in enumerate(places) if place.moments >= 0], np.int64
        )
        starts = np.array([(place.bins.start, place.quality.start) for place in places], dtype=np.int64).reshape(-1, 2)
        self.bin_starts: NDArray[np.int64] = starts[:, :1]
        self.quality_starts: NDArray[np.int64] = starts[:, 1:]

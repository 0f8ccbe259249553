"""Where each column's cells stand in the flat vectors that are a sketch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.columns import QUALITY, Column, NumericColumn
from driftline.sketches.grouping import tail_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.joint import Joint

HEAD: Final = ("events", "late", "unexpected_features")
"""First cells of every count vector: events sketched, events that came too late, events with a feature
that the profile does not know."""
EVENTS, LATE, UNEXPECTED = range(len(HEAD))


@dataclass(frozen=True, slots=True)
class Place:
    """Where one column stands."""

    index: int
    """Its position in the profile."""
    bins: slice
    """Its histogram in the count vector."""
    quality: slice
    """Its quality cells in the count vector, in the order of :data:`QUALITY`."""
    moments: int
    """Its row in the sums (``z``, ``z²``, clipped) and extremes (``-min z``, ``max z``) arrays; -1 if categorical."""
    tails: slice
    """Its tail bins in the tail sums and tail extremes: those below the reference's range, then those above."""
    n_low: int
    """How many of them are below; they are its first bins, as those above are its last."""

    @property
    def moment_rows(self) -> slice:
        """Its row in the sums and extremes; no rows if categorical."""
        return slice(self.moments, self.moments + 1) if self.moments >= 0 else slice(0)

    @property
    def inside(self) -> tuple[int, int]:
        """Its first and its last bin inside the reference's range, as :func:`driftline.sketches.grouping.tail_bins`."""
        n_high = self.tails.stop - self.tails.start - self.n_low
        return self.n_low, self.bins.stop - self.bins.start - 1 - n_high

    @property
    def tail_bins(self) -> NDArray[np.int64]:
        """The bin of each tail cell."""
        n_bins, n_tails = self.bins.stop - self.bins.start, self.tails.stop - self.tails.start
        n_high = n_tails - self.n_low
        return np.concatenate([np.arange(self.n_low), np.arange(n_bins - n_high, n_bins)])


class Layout:
    """The places of all columns; equal columns give equal layouts.

    Parameters
    ----------
    columns : tuple of Column
        In the profile's order.
    joint : Joint or None
        What is kept of several of them together.
    """

    __slots__ = (
        "_high_offsets",
        "_low_offsets",
        "_low_tails",
        "bin_starts",
        "columns",
        "joint",
        "n_cells",
        "n_joint",
        "n_numeric",
        "n_tails",
        "numeric",
        "places",
        "quality_starts",
        "tail_signs",
    )

    def __init__(self, columns: tuple[Column, ...], joint: Joint | None = None) -> None:
        places = []
        cell, row, tail = len(HEAD), 0, 0
        signs: list[int] = []
        for index, column in enumerate(columns):
            bins = slice(cell, cell + column.n_bins)
            quality = slice(bins.stop, bins.stop + len(QUALITY))
            numeric, n_low, n_high = isinstance(column, NumericColumn), 0, 0
            if isinstance(column, NumericColumn):
                first, last = tail_bins(column)
                n_low, n_high = first, column.n_bins - 1 - last
            tails = slice(tail, tail + n_low + n_high)
            places.append(Place(index, bins, quality, row if numeric else -1, tails, n_low))
            signs += [-1] * n_low + [1] * n_high
            cell, tail = quality.stop, tails.stop
            row += numeric
        self.columns = columns
        self.joint = joint
        self.n_joint = 0 if joint is None else joint.n_cells
        """Cells of what is kept of several columns together."""
        self.places = tuple(places)
        self.n_cells = cell
        """Length of the count vector."""
        self.n_numeric = row
        """Rows of the sums and extremes arrays."""
        self.n_tails = tail
        """Length of the tail extremes."""
        self.tail_signs: NDArray[np.int64] = np.array(signs, dtype=np.int64)
        """-1 for a bin below the reference's range, 1 for one above, shape (n_tails,)."""
        self.numeric: NDArray[np.int64] = np.array(
            [i for i, place in enumerate(places) if place.moments >= 0], np.int64
        )
        """Which column each row of the sums and extremes is of, shape (n_numeric,)."""
        starts = np.array([(place.bins.start, place.quality.start) for place in places], dtype=np.int64).reshape(-1, 2)
        self.bin_starts: NDArray[np.int64] = starts[:, :1]
        self.quality_starts: NDArray[np.int64] = starts[:, 1:]
        """Where the bins and the quality cells of each column begin, both of shape (len(columns), 1)."""
        numeric_places = [places[i] for i in self.numeric.tolist()]
        self._low_tails: NDArray[np.int64] = np.array([place.n_low for place in numeric_places], dtype=np.int64)
        self._low_offsets: NDArray[np.int64] = np.array([place.tails.start for place in numeric_places], dtype=np.int64)
        self._high_offsets: NDArray[np.int64] = np.array(
            [place.tails.stop - (place.bins.stop - place.bins.start) for place in numeric_places], dtype=np.int64
        )

    def tail_cells(self, numeric: NDArray[np.int64], bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tail cells of values, given which of the numeric columns and which tail bin; shape (t,)."""
        low = bins < self._low_tails[numeric]
        return np.where(low, self._low_offsets[numeric], self._high_offsets[numeric]) + bins

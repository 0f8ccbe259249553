"""The sketch of one model's events in one pane (or any union of panes): integer vectors that merge by addition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.sketches.dense import pack_words, unpack_words
from driftline.sketches.fixed_point import SQUARE_SCALE, Z_SCALE, carry, join
from driftline.sketches.packed import PackedSketch
from driftline.sketches.row_sample import merge_rows
from driftline.sketches.sparse import cells, pack, pack_cells, unpack_into
from driftline.sketches.tails import NO_EXTREME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.layout import Layout
    from driftline.sketches.row_sample import SampledRows

UNSEEN_NAMES: Final = 8
"""Unlisted categories that are remembered by name, per column: those with the smallest hash, so that the choice
is the same in whatever order sketches merge, and each one's count is exact."""

UnseenNames = dict[int, dict[int, tuple[str, int]]]
"""Column index to (hash of the name to (name, count))."""


class ValueSummary(Struct, frozen=True, array_like=True):
    """Count, mean and variance of a run of values, in standardised units; what sequential detectors consume."""

    count: int
    mean: float
    variance: float
    """Population variance, never negative."""


class PaneSketch:
    """Exact counts and fixed-point moments of a set of events.

    Merging is addition (maximum for the extremes): associative and commutative without rounding.

    Parameters
    ----------
    layout : Layout
        Gives the length of the vectors.

    Attributes
    ----------
    counts : ndarray of int64, shape (layout.n_cells,)
    sums : ndarray of int64, shape (2, layout.n_numeric, 3)
        Words (:func:`driftline.sketches.fixed_point.split`) of Σz, Σz² and the number of clipped values.
    extremes : ndarray of int64, shape (layout.n_numeric, 2)
        -min z and max z in units of 2⁻²⁴; ``NO_EXTREME`` where there was no value.
    unseen : dict
        Names and counts of unlisted categories, at most ``UNSEEN_NAMES`` a column.
    tail_sums : ndarray of int64, shape (2, layout.n_tails)
        Words of Σz of each tail bin in units of 2⁻²⁰, not clipped; see :mod:`driftline.sketches.tails`.
    tail_extremes : ndarray of int64, shape (layout.n_tails,)
        The outermost |z| of each tail bin in units of 2⁻²⁰; ``NO_EXTREME`` where there was no value.
    joint : ndarray of int64, shape (2, layout.n_joint)
        Words of what is kept of several columns together; see :mod:`driftline.sketches.joint`.
    rows : dict of int to bytes
        A sample of complete rows, where one is kept; see :mod:`driftline.sketches.row_sample`.

    Notes
    -----
    *State*: 8 bytes a cell, 448 bytes a numeric column, and the names. *Cost* of a merge: one addition a cell.
    """

    __slots__ = ("counts", "extremes", "joint", "rows", "sums", "tail_extremes", "tail_sums", "unseen")

    def __init__(self, layout: Layout) -> None:
        self.counts: NDArray[np.int64] = np.zeros(layout.n_cells, dtype=np.int64)
        self.sums: NDArray[np.int64] = np.zeros((2, layout.n_numeric, 3), dtype=np.int64)
        self.extremes: NDArray[np.int64] = np.full((layout.n_numeric, 2), NO_EXTREME, dtype=np.int64)
        self.unseen: UnseenNames = {}
        self.tail_sums: NDArray[np.int64] = np.zeros((2, layout.n_tails), dtype=np.int64)
        self.tail_extremes: NDArray[np.int64] = np.full(layout.n_tails, NO_EXTREME, dtype=np.int64)
        self.joint: NDArray[np.int64] = np.zeros((2, layout.n_joint), dtype=np.int64)
        self.rows: SampledRows = {}

    def merge(self, other: PaneSketch) -> None:
        """Add another sketch of the same layout."""
        self.counts += other.counts
        self.sums += other.sums
        np.maximum(self.extremes, other.extremes, out=self.extremes)
        merge_unseen(self.unseen, other.unseen)
        self.tail_sums += other.tail_sums
        np.maximum(self.tail_extremes, other.tail_extremes, out=self.tail_extremes)
        self.joint += other.joint
        merge_rows(self.rows, other.rows)

    def merge_packed(self, packed: PackedSketch) -> None:
        """Add a packed sketch of the same layout without unpacking it first."""
        unpack_into(packed.counts, self.counts)
        self.sums += np.frombuffer(packed.sums, dtype="<i8").reshape(self.sums.shape)
        other = np.frombuffer(packed.extremes, dtype="<i8").reshape(self.extremes.shape)
        np.maximum(self.extremes, other, out=self.extremes)
        merge_unseen(self.unseen, packed.unseen)
        unpack_into(packed.tail_sums, self.tail_sums.reshape(-1))
        indices, extremes = cells(packed.tail_extremes)
        self.tail_extremes[indices] = np.maximum(self.tail_extremes[indices], extremes)
        if packed.joint.low:
            self.joint += unpack_words(packed.joint)
        merge_rows(self.rows, packed.rows)

    def pack(self) -> PackedSketch:
        """Return the sparse form for the wire and the state; equal sketches give equal bytes."""
        held = np.flatnonzero(self.tail_extremes != NO_EXTREME)
        return PackedSketch(
            pack(self.counts),
            carry(self.sums).astype("<i8").tobytes(),
            self.extremes.astype("<i8").tobytes(),
            {column: dict(sorted(names.items())) for column, names in sorted(self.unseen.items())},
            pack(carry(self.tail_sums).reshape(-1)),
            pack_cells(held, self.tail_extremes[held]),
            pack_words(self.joint),
            dict(sorted(self.rows.items())),
        )

    def normalise(self) -> None:
        """Give the sketch the one form that all orders of merging share: carried words, names in order, no sample
        of rows.
        """
        self.sums[:] = carry(self.sums)
        self.tail_sums[:] = carry(self.tail_sums)
        self.joint[:] = carry(self.joint)
        self.rows.clear()  # a reference keeps rows of its own
        self.unseen = {column: dict(sorted(names.items())) for column, names in sorted(self.unseen.items())}

    @classmethod
    def unpack(cls, packed: PackedSketch, layout: Layout) -> PaneSketch:
        """Return the sketch that was packed."""
        sketch = cls(layout)
        sketch.merge_packed(packed)
        return sketch

    def block(self, layout: Layout, column: int) -> ValueSummary | None:
        """Return count, mean and variance of a numeric column's standardised values; None where there are none."""
        place = layout.places[column]
        count = int(self.counts[place.bins].sum())
        if count == 0 or place.moments < 0:
            return None
        z, squares, _clipped = join(self.sums[:, place.moments])
        mean = z / Z_SCALE / count
        return ValueSummary(count, mean, max(squares / SQUARE_SCALE / count - mean * mean, 0.0))


def merge_unseen(into: UnseenNames, other: UnseenNames) -> None:
    """Add counts by name, keeping the names with the smallest hashes."""
    for column, names in other.items():
        kept = into.setdefault(column, {})
        for key, (name, count) in names.items():
            kept[key] = (name, kept[key][1] + count if key in kept else count)
        if len(kept) > UNSEEN_NAMES:
            for key in sorted(kept)[UNSEEN_NAMES:]:
                del kept[key]

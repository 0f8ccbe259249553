"""Open panes of predictions: sparse pieces as they come, merged where there are many, so that memory is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from driftline.events.pane import NO_WORDS, DenseWords, Offsets, PackedEstimates, PackedSketch, Sparse
from driftline.sketches.dense import pack_words, unpack_words
from driftline.sketches.pane_sketch import merge_unseen
from driftline.sketches.row_sample import Rows, merge_rows
from driftline.sketches.sparse import cells, pack_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.events.pane import PaneDelta, SampleRow

MAX_PIECES: Final = 16
"""Pieces of one pane that are kept apart; more are merged into one, so a pane's memory does not grow with flushes."""


def merge_sparse(pieces: Sequence[Sparse]) -> Sparse:
    """Return the sum of sparse vectors, without knowing their length.

    Examples
    --------
    >>> piece = pack_cells(np.array([1, 5]), np.array([2, 3]))
    >>> merged = merge_sparse([piece, pack_cells(np.array([5]), np.array([-3]))])
    >>> [part.tolist() for part in cells(merged)]
    [[1], [2]]
    """
    unpacked = [cells(piece) for piece in pieces]
    indices = np.concatenate([index for index, _ in unpacked])
    values = np.concatenate([value for _, value in unpacked])
    distinct, inverse = np.unique(indices, return_inverse=True)
    totals = np.zeros(distinct.size, dtype=np.int64)
    np.add.at(totals, inverse, values)
    present = totals != 0
    return pack_cells(distinct[present], totals[present])


def greatest_sparse(pieces: Sequence[Sparse]) -> Sparse:
    """Return the greatest value of each cell that a piece holds.

    Examples
    --------
    >>> piece = pack_cells(np.array([1, 5]), np.array([2, -3]))
    >>> [part.tolist() for part in cells(greatest_sparse([piece, pack_cells(np.array([5]), np.array([0]))]))]
    [[1, 5], [2, 0]]
    """
    unpacked = [cells(piece) for piece in pieces]
    indices = np.concatenate([index for index, _ in unpacked])
    distinct, inverse = np.unique(indices, return_inverse=True)
    greatest = np.full(distinct.size, np.iinfo(np.int64).min)
    np.maximum.at(greatest, inverse, np.concatenate([value for _, value in unpacked]))
    return pack_cells(distinct, greatest)


def merge_dense(pieces: Sequence[DenseWords]) -> DenseWords:
    """Return the sum of sums in words."""
    held = [unpack_words(piece) for piece in pieces if piece.low]
    return pack_words(np.sum(held, axis=0, dtype=np.int64)) if held else NO_WORDS


def merge_sketches(pieces: Sequence[PackedSketch]) -> PackedSketch:
    """Return the sum of packed sketches of one layout, without knowing it."""
    sums = np.sum([np.frombuffer(piece.sums, dtype="<i8") for piece in pieces], axis=0, dtype="<i8")
    extremes = np.max([np.frombuffer(piece.extremes, dtype="<i8") for piece in pieces], axis=0)
    unseen: dict[int, dict[int, tuple[str, int]]] = {}
    for piece in pieces:
        merge_unseen(unseen, piece.unseen)
    rows: Rows = {}
    for piece in pieces:
        merge_rows(rows, piece.rows)
    counts = merge_sparse([piece.counts for piece in pieces])
    return PackedSketch(
        counts,
        sums.tobytes(),
        extremes.astype("<i8").tobytes(),
        unseen,
        merge_sparse([piece.tail_sums for piece in pieces]),
        greatest_sparse([piece.tail_extremes for piece in pieces]),
        merge_dense([piece.joint for piece in pieces]),
        rows,
    )


def merge_estimates(known: PackedEstimates | None, other: PackedEstimates) -> PackedEstimates:
    """Return the sum of packed estimates of one estimator."""
    if known is None:
        return other
    return PackedEstimates(merge_sparse([known.sums, other.sums]), merge_sparse([known.counts, other.counts]))


def merge_offsets(into: Offsets, other: Offsets) -> None:
    """Widen offset ranges by others."""
    for partition, (low, high) in other.items():
        known = into.get(partition)
        into[partition] = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))


def smallest(rows: Iterable[SampleRow], n: int) -> list[SampleRow]:
    """Return the n rows with the smallest hashes, in their order; the same whatever order they came in."""
    return sorted(rows, key=_row_order)[:n]


def _row_order(row: SampleRow) -> tuple[int, bytes]:
    return row.hash, msgspec.msgpack.encode(row)


class Part:
    """The share of a prediction pane that was sketched under one profile id.

    Attributes
    ----------
    n_events : int
    offsets : Offsets
    pieces : list of PackedSketch
    rows : list of SampleRow
        At most twice the sample.
    estimates : PackedEstimates or None
    """

    __slots__ = ("estimates", "n_events", "offsets", "pieces", "rows")

    def __init__(self) -> None:
        self.n_events = 0
        self.offsets: Offsets = {}
        self.pieces: list[PackedSketch] = []
        self.rows: list[SampleRow] = []
        self.estimates: PackedEstimates | None = None

    def add(self, delta: PaneDelta, n_sample: int) -> None:
        """Add a delta, keeping at least the ``n_sample`` rows with the smallest hashes."""
        self.n_events += delta.n_events
        merge_offsets(self.offsets, delta.offsets)
        if delta.sketch is not None:
            self.pieces.append(delta.sketch)
            if len(self.pieces) > MAX_PIECES:
                self.pieces = [merge_sketches(self.pieces)]
        if delta.estimates is not None:
            self.estimates = merge_estimates(self.estimates, delta.estimates)
        self.rows.extend(delta.sample)
        if len(self.rows) > 2 * n_sample:
            self.rows = smallest(self.rows, n_sample)


class OpenPane:
    """One pane of one model's predictions.

    Parameters
    ----------
    offset : int
        Of the first record of the panes topic that added to it.
    """

    __slots__ = ("first_offset", "parts")

    def __init__(self, offset: int) -> None:
        self.first_offset = offset
        self.parts: dict[str, Part] = {}

    def add(self, delta: PaneDelta, n_sample: int) -> None:
        """Add a delta."""
        part = self.parts.get(delta.profile_id)
        if part is None:
            part = self.parts[delta.profile_id] = Part()
        part.add(delta, n_sample)

"""Merging packed sketches without knowing their layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from driftline.sketches.dense import pack_words, unpack_words
from driftline.sketches.packed import NO_WORDS, DenseWords, PackedEstimates, PackedSketch, Sparse
from driftline.sketches.pane_sketch import merge_unseen
from driftline.sketches.row_sample import SampledRows, merge_rows
from driftline.sketches.sparse import cells, pack_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.sketches.packed import SampleRow


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
    rows: SampledRows = {}
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


def smallest(rows: Iterable[SampleRow], n: int) -> list[SampleRow]:
    """Return the n rows with the smallest hashes, in their order; the same whatever order they came in."""
    return sorted(rows, key=_row_order)[:n]


def _row_order(row: SampleRow) -> tuple[int, bytes]:
    return row.hash, msgspec.msgpack.encode(row)

"""Sketches as they stand in records and in the state."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Sparse(Struct, frozen=True, array_like=True):
    """The non-zero cells of an integer vector; :mod:`driftline.sketches.sparse` packs and unpacks."""

    index_type: int
    """Position in u1, u2, u4."""
    value_type: int
    """Position in i1, i2, i4, i8."""
    indices: bytes
    values: bytes


NO_CELLS: Final = Sparse(0, 0, b"", b"")
"""A sparse vector of nothing but zeros."""


class DenseWords(Struct, frozen=True, array_like=True):
    """Sums in two words; :mod:`driftline.sketches.dense` packs and unpacks."""

    high_type: int
    """Position in i1, i2, i4, i8."""
    high: bytes
    low: bytes
    """uint32 little-endian."""


NO_WORDS: Final = DenseWords(0, b"", b"")
"""Sums that are all zero."""


class PackedSketch(Struct, frozen=True, array_like=True):
    """A :class:`driftline.sketches.pane_sketch.PaneSketch`."""

    counts: Sparse
    sums: bytes
    """int64 little-endian, shape (2, n_numeric, 3): words of the sums of z, z² and clips."""
    extremes: bytes
    """int64 little-endian, shape (n_numeric, 2)."""
    unseen: dict[int, dict[int, tuple[str, int]]]
    """Unlisted categories: column index to (hash of the name to (name, count))."""
    tail_sums: Sparse = NO_CELLS
    """Of shape (2 × n_tails,): high words, then low words of the sums of z of the tail bins."""
    tail_extremes: Sparse = NO_CELLS
    """Outermost |z| of each tail bin that holds a value."""
    joint: DenseWords = NO_WORDS
    """Of shape (layout.n_joint,): what is kept of several features together."""
    rows: dict[int, bytes] = {}
    """A sample of complete rows: hash of the id to z of the joint features as int16."""


class PackedEstimates(Struct, frozen=True, array_like=True):
    """What estimators said of a set of events, in a :class:`driftline.sketches.estimates.EstimateLayout`."""

    sums: Sparse
    counts: Sparse


class SampleRow(Struct, frozen=True, array_like=True):
    """One event of a bootstrap sample."""

    hash: int
    """xxh3 of the prediction id: the rows with the smallest hashes are the sample."""
    features: bytes
    """The features object as JSON."""
    prediction: str | float | None
    score: float | None


NO_EXTREME_BYTES: Final = b"\0\0\0\0\0\0\0\x80"
"""The smallest int64, little-endian: an extreme of no value."""

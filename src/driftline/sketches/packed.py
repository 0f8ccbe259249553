"""The pieces that sketches consist of in records and in the state.

They hold no containers, so they can be part of no cycle: garbage collection leaves them out (``gc=False``).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from driftline.events.unusable import Unusable  # a struct's fields are read at run time


class Sparse(Struct, frozen=True, array_like=True, gc=False):
    """The non-zero cells of an integer vector; :mod:`driftline.sketches.sparse` packs and unpacks."""

    index_type: int
    """Position in u1, u2, u4."""
    value_type: int
    """Position in i1, i2, i4, i8."""
    indices: bytes
    values: bytes


NO_CELLS: Final = Sparse(0, 0, b"", b"")
"""A sparse vector of nothing but zeros."""


class DenseWords(Struct, frozen=True, array_like=True, gc=False):
    """Sums in two words; :mod:`driftline.sketches.word_types` packs and unpacks."""

    high_type: int
    """Position in i1, i2, i4, i8."""
    high: bytes
    low: bytes
    """uint32 little-endian."""


NO_WORDS: Final = DenseWords(0, b"", b"")
"""Sums that are all zero."""


class PackedEstimates(Struct, frozen=True, array_like=True, gc=False):
    """What estimators said of a set of events, in a :class:`driftline.sketches.estimates.EstimateLayout`."""

    sums: Sparse
    counts: Sparse


class RowOrigin(Struct, frozen=True, array_like=True, gc=False):
    """Where one event comes from, as :class:`~driftline.sketches.origin_parts.RowOrigins` has it of many."""

    partition: int
    offset: int
    values: tuple[tuple[str, str], ...] = ()
    """Dimension and value, beside the partition."""
    by_partition: bool = True


class SampleRow(Struct, frozen=True, array_like=True, gc=False):
    """One event as it came, for those who have no profile to count it under yet, or make one of it."""

    hash: int
    """xxh3 of the prediction id: the rows with the smallest hashes are a sample."""
    features: bytes
    """The features object as JSON."""
    prediction: str | bool | int | float | Unusable | None
    score: float | dict[str, float] | Unusable | None
    """A probability, or a map of class to probability."""
    failed: bool = False
    """Whether the model failed: then it is not missing a prediction or score that it does not have."""
    origin: RowOrigin | None = None
    """None where events are not told apart by where they come from."""

"""Merging packed vectors and estimates without knowing their layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.sketches.packed import PackedEstimates, Sparse
from driftline.sketches.sparse import combine

if TYPE_CHECKING:
    from collections.abc import Sequence


def merge_sparse(pieces: Sequence[Sparse]) -> Sparse:
    """Return the sum of sparse vectors, without knowing their length."""
    return combine(pieces, np.add, 0)


def merge_estimates(one: PackedEstimates | None, other: PackedEstimates) -> PackedEstimates:
    """Return the sum of packed estimates of one estimator."""
    if one is None:
        return other
    return PackedEstimates(merge_sparse([one.sums, other.sums]), merge_sparse([one.counts, other.counts]))

"""What is kept of how predictions were made: failures by their reason, and each quantity on a fixed grid.

Everything merges in any order, whole numbers by addition; it depends on no profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import xxhash
from msgspec import Struct

from driftline.sketches.log_grid import N_BINS, UNIT, middle_of, quantile_bin
from driftline.sketches.packed import NO_CELLS, Sparse
from driftline.sketches.sparse import merge_sparse, unpack_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

MAX_REASONS: Final = 64
"""Reasons that are kept, those with the smallest hashes."""
SHOWN_REASONS: Final = 16
_LOW_BITS: Final = 32
_LOW_MASK: Final = (1 << _LOW_BITS) - 1


class Measure(Struct, frozen=True, array_like=True, gc=False):
    """A quantity of events, such as latency."""

    counts: Sparse = NO_CELLS
    """By bin of :mod:`driftline.sketches.log_grid`."""
    high: int = 0
    low: int = 0
    """The sum in units of 2⁻²⁰, cut into what is above 2³² of them and the rest."""
    greatest: float = 0.0
    n_unusable: int = 0
    """Values that are no number, not finite, or below 0."""

    def merged(self, other: Measure) -> Measure:
        """Return both together."""
        low = self.low + other.low
        return Measure(
            merge_sparse([self.counts, other.counts]),
            self.high + other.high + (low >> _LOW_BITS),
            low & _LOW_MASK,
            max(self.greatest, other.greatest),
            self.n_unusable + other.n_unusable,
        )

    def vector(self) -> NDArray[np.int64]:
        """Return the counts of all bins, shape (N_BINS,)."""
        counts = np.zeros(N_BINS, dtype=np.int64)
        unpack_into(self.counts, counts)
        return counts

    @property
    def total(self) -> float:
        """The sum of all values."""
        return ((self.high << _LOW_BITS) + self.low) / UNIT


def measure_of(counts: Sparse, units: int, greatest: float, n_unusable: int) -> Measure:
    """Return a measure, given the sum in units of 2⁻²⁰."""
    return Measure(counts, units >> _LOW_BITS, units & _LOW_MASK, greatest, n_unusable)


class Operations(Struct, frozen=True, array_like=True):
    """How the predictions of a pane or window were made, where events say anything of it."""

    n_failed: int = 0
    reasons: dict[str, int] = {}
    """Failed predictions by reason: those of the reasons that are kept."""
    measures: dict[str, Measure] = {}
    """``latency_ms`` and the further numbers, by name; those that some event has."""

    def merged(self, other: Operations) -> Operations:
        """Return both together."""
        return Operations(
            self.n_failed + other.n_failed,
            merged_reasons(self.reasons, other.reasons),
            {
                name: self.measures[name].merged(other.measures[name])
                if name in self.measures and name in other.measures
                else self.measures.get(name) or other.measures[name]
                for name in sorted(self.measures.keys() | other.measures.keys())
            },
        )


def merged_reasons(*parts: Mapping[str, int]) -> dict[str, int]:
    """Return counts by reason, of the :data:`MAX_REASONS` reasons with the smallest hashes.

    What is kept is counted in full whatever the order: a reason among the smallest of the whole is among the smallest
    of every part that has it.

    Examples
    --------
    >>> merged_reasons({"timeout": 5}, {"timeout": 1, "OOM": 2})
    {'OOM': 2, 'timeout': 6}
    """
    whole: dict[str, int] = {}
    for part in parts:
        for reason, n in part.items():
            whole[reason] = whole.get(reason, 0) + n
    kept = sorted(whole, key=lambda reason: (xxhash.xxh3_64_intdigest(reason.encode()), reason))[:MAX_REASONS]
    return {reason: whole[reason] for reason in sorted(kept)}


def merge_operations(parts: Iterable[Operations | None]) -> Operations | None:
    """Return all parts together; None where nothing is said."""
    whole: Operations | None = None
    for part in parts:
        whole = part if whole is None else whole if part is None else whole.merged(part)
    return whole


def quantiles(counts: NDArray[np.int64], *shares: float) -> list[float]:
    """Return quantiles of counts by bin, of which some are above 0.

    Examples
    --------
    >>> counts = np.zeros(N_BINS, dtype=np.int64)
    >>> counts[1281] = 3
    >>> quantiles(counts, 0.5, 0.99)
    [1.0078125, 1.0078125]
    """
    return [middle_of(quantile_bin(counts, share)) for share in shares]

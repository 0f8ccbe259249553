"""Categories that the reference does not list: how large their share is, and how many they are.

What is knowable: of each column the sketch counts all events with an unlisted category, and keeps the
``UNSEEN_NAMES`` names with the smallest hashes with their exact counts. Their number is exact while it is smaller than
that, and else estimated from the largest hash kept, as the k-th smallest of D even numbers is about k / D (a standard
error of some 40 % at k = 8).

What is not: where the reference has more categories than a profile lists, the unlisted bin is what the list has left
out, chosen by the reference itself, and how much of it a window holds when nothing has changed cannot be told. Such a
column has no test here; the distribution's test sees the bin as one category.

Source: the number of distinct names: Bar-Yossef et al. (2002), doi:10.1007/3-540-45726-7_1, algorithm 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.checks.contract.wording import number, percent
from driftline.checks.quality.families import CARDINALITY
from driftline.checks.quality.novelty import log_chances, log_tail_bound
from driftline.checks.quality.outcome import GROWTH, share_pair
from driftline.checks.quality.shares import share_p_value
from driftline.checks.references.share_dispersion import widened
from driftline.profiles.task import MAX_CLASSES
from driftline.sketches.columns import MAX_CATEGORIES
from driftline.sketches.kept_names import UNSEEN_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.quality.outcome import Quality
    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.sketches.columns import CategoricalColumn

_HASHES: Final = float(1 << 64)
_SHOWN: Final = 3
"""Names told in a message."""


class Unseen(NamedTuple):
    """The unlisted categories of a window."""

    names: list[tuple[str, int]]
    """Those that were kept, by name, with their counts."""
    n_distinct: float
    """How many there are: exact, or the estimate."""
    exact: bool
    """Whether all names were kept."""

    @classmethod
    def of(cls, kept: Mapping[int, tuple[str, int]]) -> Unseen:
        """Return what the names with the smallest hashes say."""
        present = {key: entry for key, entry in kept.items() if entry[1] > 0}
        names, n = sorted(present.values()), len(present)
        if n < UNSEEN_NAMES:
            return cls(names, float(n), exact=True)
        share = (max(present) + 1) / _HASHES
        return cls(names, max(float(n), (n - 1) / share), exact=False)


def unseen_outcomes(
    about: Quality,
    column: CategoricalColumn,
    current: NDArray[np.int64],
    reference: NDArray[np.int64],
    kept: Mapping[int, tuple[str, int]],
) -> list[Outcome]:
    """Test whether unseen categories are more than a reference of this size misses; empty where a side has no value.

    One test, by the number of their events, and two ways in which it can matter: by the share of values, or by how many
    names there are beside those of the reference. Counts have the shape (column.n_bins,); ``kept`` are names and counts
    of unlisted categories by the hash of the name, at most ``UNSEEN_NAMES``.
    """
    n, n_reference = int(current.sum()), int(reference.sum())
    if n == 0 or n_reference == 0:
        return []
    here, there = (int(current[column.unlisted]), n), (int(reference[column.unlisted]), n_reference)
    unseen = Unseen.of(kept)
    p_value, expected = _p_value(column, current, reference, unseen, about.lookup)
    n_listed = max(1, int((reference[: column.unlisted] > 0).sum()))
    names = ", ".join(f"{name!r} {count:,}" for name, count in sorted(unseen.names, key=lambda each: -each[1])[:_SHOWN])
    words = (
        f"categories that the reference does not have {percent(there[0] / n_reference)} -> {percent(here[0] / n)} of "
        "values" + (f": {names}" if names else "")
    )
    evidence = share_pair(("unseen", "listed"), here, there, dict(unseen.names))
    return [
        about.share("unseen", here, there, p_value, words, evidence),
        about.outcome(
            CARDINALITY,
            ("distinct_unseen", p_value),
            (GROWTH, unseen.n_distinct / n_listed),
            (unseen.n_distinct, expected),
            (n, n_reference),
            f"{'' if unseen.exact else 'about '}{number(unseen.n_distinct)} categories beside the reference's "
            f"{n_listed:,}, where {number(expected)} would be expected",
            evidence,
        ),
    ]


def _p_value(
    column: CategoricalColumn,
    current: NDArray[np.int64],
    reference: NDArray[np.int64],
    unseen: Unseen,
    lookup: DispersionLookup,
) -> tuple[float, float]:
    """Return the p-value, and how many unseen names are expected."""
    n, n_reference = int(current.sum()), int(reference.sum())
    here, there = int(current[column.unlisted]), int(reference[column.unlisted])
    if not here or (there and len(column.categories) >= _listed_at_most(column)):
        return 1.0, unseen.n_distinct
    dispersion = lookup(column.name, "unseen")
    if there:  # the list was fixed on other events than these, and the unlisted share is a share as any other
        return share_p_value((here, n), (there, n_reference), "greater", dispersion), unseen.n_distinct
    listed = current[: column.unlisted] + reference[: column.unlisted]
    kept = [count for _, count in unseen.names]
    # Of names that were not kept the counts are unknown; as one event each they make the bound largest.
    rest = max(0, here - sum(kept))
    sizes, inverse = np.unique(np.array([*listed[listed > 0], *kept, 1], dtype=np.float64), return_inverse=True)
    times = np.bincount(inverse, weights=[*np.ones(inverse.size - 1), float(rest)]).astype(np.float64)
    log_chance = log_chances(sizes, n, n_reference)
    expected = float((np.exp(log_chance) * times).sum())
    return widened(log_tail_bound(log_chance, sizes, times, here), dispersion), expected


def _listed_at_most(column: CategoricalColumn) -> int:
    return MAX_CLASSES if column.role == "prediction" else MAX_CATEGORIES

"""Categories that the reference does not list: how large their share is, and how many they are.

What is knowable: of each column the sketch counts all events with an unlisted category, and keeps the
``UNSEEN_NAMES`` names with the smallest hashes with their exact counts. Their number is exact while it is smaller than
that, and else estimated from the largest hash kept, as the k-th smallest of D even numbers is about k / D (a standard
error of some 40 % at k = 8).

Where the reference has more categories than a profile lists, the unlisted bin holds what the list has left out as
well. The profile then keeps the hashes of those names (:mod:`driftline.sketches.rare_categories`), and the names that
are kept are new ones first. Fewer new ones than k = ``UNSEEN_NAMES`` are exact, and tested as ever. Of more, the key
of the k-th new name in the order of keys is small where new names are many: that it is at most t says that k new names
have keys up to t, and the chance of this in unchanged data has the same bound, over the categories with keys up to t.
Which of both tests it is the window decides, so the p-value is twice that of the one. How many events each of a
reference's rare categories has is not kept: the bound takes what makes it largest.

What is not knowable: which names are new where the reference has so many categories that their hashes are not kept, or
where a profile comes from before they were. Such a column has no test here; the distribution's test sees the bin as one
category.

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
from driftline.sketches.kept_names import UNSEEN_NAMES, name_hash
from driftline.sketches.rare_categories import FIRST_KNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.quality.outcome import Quality
    from driftline.checks.references.share_dispersion import DispersionLookup
    from driftline.sketches.columns import CategoricalColumn
    from driftline.sketches.rare_categories import RareCategories

_KEYS: Final = 1 << 64
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
    last: int = 0
    """The largest key that was kept."""

    @property
    def n_events(self) -> float:
        """Their events in the window: exact, or the estimate."""
        return sum(count for _, count in self.names) * self.n_distinct / max(1, len(self.names))

    @classmethod
    def of(cls, kept: Mapping[int, tuple[str, int]], *, rare: bool = False) -> Unseen:
        """Return what the names with the smallest keys say; with ``rare`` names of the reference among them."""
        keys = FIRST_KNOWN if rare else _KEYS
        present = {key: entry for key, entry in kept.items() if entry[1] > 0 and key < keys}
        names, n = sorted(present.values()), len(present)
        if n < UNSEEN_NAMES:
            return cls(names, float(n), exact=True)
        last = max(present)
        return cls(names, max(float(n), (n - 1) / ((last + 1) / keys)), exact=False, last=last)


def unseen_outcomes(
    about: Quality,
    column: CategoricalColumn,
    current: NDArray[np.int64],
    reference: NDArray[np.int64],
    kept: Mapping[int, tuple[str, int]],
    rare: RareCategories | None = None,
) -> list[Outcome]:
    """Test whether unseen categories are more than a reference of this size misses; empty where a side has no value.

    One test, by the number of their events, and two ways in which it can matter: by the share of values, or by how many
    names there are beside those of the reference. Counts have the shape (column.n_bins,); ``kept`` are names and counts
    of unlisted categories by the key of the name, at most ``UNSEEN_NAMES``; ``rare`` are the categories that the
    reference has and does not list, where their hashes are known.
    """
    n, n_reference = int(current.sum()), int(reference.sum())
    if n == 0 or n_reference == 0:
        return []
    unseen = Unseen.of(kept, rare=rare is not None)
    here, there = (int(current[column.unlisted]), n), (int(reference[column.unlisted]), n_reference)
    n_known = int((reference[: column.unlisted] > 0).sum())
    if rare is None:
        p_value, expected = _p_value(column, current, reference, unseen, about.lookup)
    else:  # of the bin only what is new, of which the reference has nothing
        here, there = (min(here[0], round(unseen.n_events)), n), (0, n_reference)
        log_bound, expected = _novelty_beside(rare, column, current, reference, unseen)
        p_value = min(1.0, 2 * widened(log_bound, about.lookup(column.name, "unseen")))
        n_known += len(rare)
    n_known = max(1, n_known)
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
            (GROWTH, unseen.n_distinct / n_known),
            (unseen.n_distinct, expected),
            (n, n_reference),
            f"{'' if unseen.exact else 'about '}{number(unseen.n_distinct)} categories beside the reference's "
            f"{n_known:,}, where {number(expected)} would be expected",
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
    sizes = [*listed[listed > 0].tolist(), *kept]
    log_bound, expected = _novelty((n, n_reference), sizes, {1: max(0, here - sum(kept))}, here)
    return widened(log_bound, dispersion), expected


def _novelty_beside(
    rare: RareCategories,
    column: CategoricalColumn,
    current: NDArray[np.int64],
    reference: NDArray[np.int64],
    unseen: Unseen,
) -> tuple[float, float]:
    """Return the logarithm of the p-value's bound where the reference has rare categories, and the expected names."""
    n, n_reference = int(current.sum()), int(reference.sum())
    listed = current[: column.unlisted] + reference[: column.unlisted]
    kept = [count for _, count in unseen.names]
    n_known = int(current[column.unlisted]) + int(reference[column.unlisted]) - sum(kept)
    if unseen.exact:
        sizes = [*listed[listed > 0].tolist(), *kept]
        return _novelty((n, n_reference), sizes, _rare_sizes(len(rare), n_known), sum(kept))
    keys = np.array([rare.key(name_hash(name)) for name in column.categories], dtype=np.uint64)
    early = listed[(keys <= np.uint64(unseen.last)) & (listed > 0)].tolist()
    others = {1: rare.n_up_to(unseen.last)}
    log_bound, expected = _novelty((n, n_reference), [*early, *kept], others, UNSEEN_NAMES, by_name=True)
    return log_bound, expected * unseen.n_distinct / UNSEEN_NAMES


def _novelty(
    sides: tuple[int, int], sizes: list[int], others: Mapping[int, int], threshold: int, *, by_name: bool = False
) -> tuple[float, float]:
    """Return the logarithm of the bound on the chance of so many unseen events, and how many names are expected.

    ``sides`` are the events of the window and of the reference, ``sizes`` the events of single categories in both, and
    ``others`` say of how many more categories each has so many events. ``threshold`` are the unseen events, or
    ``by_name`` the unseen names.
    """
    each, inverse = np.unique(np.array([*sizes, *others], dtype=np.float64), return_inverse=True)
    times = np.bincount(inverse, weights=[*np.ones(len(sizes)), *others.values()]).astype(np.float64)
    log_chance = log_chances(each, *sides)
    expected = float((np.exp(log_chance) * times).sum())
    return log_tail_bound(log_chance, np.ones(each.size) if by_name else each, times, threshold), expected


def _rare_sizes(n_rare: int, n_events: int) -> dict[int, int]:
    """Return sizes of rare categories of the reference that make the bound largest: all but one have one event.

    The exponent of the bound is convex in the size of a category, so that of all ways to divide events among so many
    names the most uneven one makes it largest.

    Examples
    --------
    >>> _rare_sizes(3, 10), _rare_sizes(3, 3), _rare_sizes(1, 5)
    ({1: 2, 8: 1}, {1: 3}, {5: 1})
    """
    largest = max(1, n_events - n_rare + 1)
    return {1: n_rare} if largest == 1 else {size: n for size, n in ((1, n_rare - 1), (largest, 1)) if n}


def _listed_at_most(column: CategoricalColumn) -> int:
    return MAX_CLASSES if column.role == "prediction" else MAX_CATEGORIES

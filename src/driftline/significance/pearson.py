"""Two-sample Pearson test on histograms, for a change of a column's distribution."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct
from scipy import special

from driftline.errors import ParameterError
from driftline.significance.merging import Counts, all_but_the_most_frequent, merge_ordered, merge_unordered, merged
from driftline.significance.partition import partition_statistic
from driftline.significance.share import share_test

LEAST_EXPECTED = 10.0
"""Bins are merged until each expects this many events in both samples: twice Cochran's rule (1954,
doi:10.2307/3001616), as with 5 the exact tail rejects only a fifth to a third as often as a level of 10⁻⁵ allows, with
10 nearly as often (:mod:`driftline.significance.partition`)."""

LEAST_EXPECTED_FOR_CHI_SQUARED = 200.0
"""From here on Pearson's statistic is referred to chi-squared; below, the exact partition is. The least expected count
decides, not events per bin: with 1,000 events, 20 bins and 90 % in one of them Pearson's statistic reaches 6.7 times
a level of 10⁻⁵ (``benchmarks/small_sample_pearson.py``)."""

Tail = Literal["chi_squared", "exact_partition", "untestable"]


class PearsonResult(Struct, frozen=True, kw_only=True):
    """Outcome of the test, with everything needed to repeat it.

    Parameters
    ----------
    statistic : float
        Pearson's chi-squared of the merged table, at least 0.
    degrees_of_freedom : int
        Groups less one, at least 0.
    p_value : float
        In [0, 1]; 0 only where the true value is below 10⁻³⁰⁰.
    tail : {"chi_squared", "exact_partition", "untestable"}
        Where the p-value comes from; "untestable" (p-value 1) where all events are in one bin.
    tail_statistic : float
        The value referred to the chi-squared distribution: `statistic`, or the partition's.
    smallest_expected : float
        Smallest expected count in either sample after merging.
    n, n_reference : int
        Events counted in the window and in the profile, at least 1.
    groups : tuple of int
        Group of each original bin.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    tail: Tail
    tail_statistic: float
    smallest_expected: float
    n: int
    n_reference: int
    groups: tuple[int, ...]

    @property
    def n_bins(self) -> int:
        """Groups that were compared."""
        return self.degrees_of_freedom + 1


def pearson(current: Counts, reference: Counts, *, ordered: bool) -> PearsonResult | None:
    """Two-sample Pearson test for independent events; its level holds far into the tail, even with few events.

    With pooled shares πᵢ = (cᵢ + rᵢ) / (n + N) over the merged bins::

        X² = Σ (cᵢ − nπᵢ)² / (nπᵢ) + Σ (rᵢ − Nπᵢ)² / (Nπᵢ)

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins. The events of the two must be disjoint.
    ordered : bool
        Whether the bins are in the order of the values: then neighbours are merged, else the rare bins form one group.

    Returns
    -------
    PearsonResult or None
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are negative or not integers, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B), about 0.03 ms with the chi-squared tail and 0.1 ms to 0.3 ms with the exact one.

    The p-value is chi-squared's where every group expects 200 events on both sides. Below that Pearson's statistic
    exceeds its quantiles too often, and the statistic of :mod:`driftline.significance.partition`, where the measured
    figures are, is referred to chi-squared instead. Where no two groups expect :data:`LEAST_EXPECTED` events, the most
    frequent bin is tested against all others by Fisher's exact test (:mod:`driftline.significance.share`), and
    `tail_statistic` is chi-squared's quantile for its p-value: a value that was constant in the reference of 20,000
    events is otherwise free to change in 300 of a window's 300 events, for these expect 4.4. Which bin is the most
    frequent depends on the pooled counts alone, so the choice favours no outcome. Events are taken as independent: in
    autocorrelated streams the p-value is too small.

    Source: Pearson (1900), doi:10.1080/14786440009463897; merging: Cochran (1954), doi:10.2307/3001616. Deviations:
    the tail for small samples.

    Oracle: ``scipy.stats.chi2_contingency(correction=False)`` of SciPy 1.17.1 for the statistic and the large-sample
    tail.

    Examples
    --------
    >>> import numpy as np
    >>> result = pearson(np.array([30, 40, 30]), np.array([1000, 1000, 1000]), ordered=True)
    >>> round(result.statistic, 3), result.degrees_of_freedom, round(result.p_value, 3), result.tail
    (1.929, 2, 0.397, 'exact_partition')
    >>> pearson(np.array([3, 4]), np.array([0, 0]), ordered=True) is None
    True
    """
    n, n_reference = _size(current, "$.current"), _size(reference, "$.reference")
    if current.shape != reference.shape:
        raise ParameterError(f"{reference.size} bins as in the reference", current.size, "$.current")
    if n == 0 or n_reference == 0:
        return None
    smaller = min(n, n_reference) / (n + n_reference)
    merge = merge_ordered if ordered else merge_unordered
    groups = merge((current + reference) * np.float64(smaller), LEAST_EXPECTED)
    too_few = max(groups) == 0
    if too_few:
        groups = all_but_the_most_frequent(current + reference)
    c, r = merged(current, groups), merged(reference, groups)
    pooled = (c + r) / (n + n_reference)
    statistic = float(
        ((c - n * pooled) ** 2 / (n * pooled) + (r - n_reference * pooled) ** 2 / (n_reference * pooled)).sum()
    )
    smallest = float((c + r).min()) * smaller
    freedom = c.size - 1
    tail: Tail
    if freedom == 0:
        tail, value, p_value = "untestable", 0.0, 1.0
    elif too_few:
        exact = share_test(int(c[1]), n, int(r[1]), n_reference)
        p_value = 1.0 if exact is None else exact.p_value
        tail, value = "exact_partition", float(special.chdtri(freedom, p_value))
    elif smallest >= LEAST_EXPECTED_FOR_CHI_SQUARED:
        tail, value = "chi_squared", statistic
        p_value = float(special.chdtrc(freedom, value))
    else:
        tail, value = "exact_partition", float(partition_statistic(c[None, :], r[None, :])[0])
        p_value = float(special.chdtrc(freedom, value))
    return PearsonResult(
        statistic=statistic,
        degrees_of_freedom=freedom,
        p_value=p_value,
        tail=tail,
        tail_statistic=value,
        smallest_expected=smallest,
        n=n,
        n_reference=n_reference,
        groups=groups,
    )


def _size(counts: Counts, at: str) -> int:
    """Return the number of events of a vector of counts, which is validated."""
    if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
        raise ParameterError("a one-dimensional array of integers", f"{counts.ndim} dimensions of {counts.dtype}", at)
    if counts.size and int(counts.min()) < 0:
        raise ParameterError("counts of at least 0", int(counts.min()), at)
    return int(counts.sum())

"""Tests that the user may choose in the place of Pearson's: a statistic of the shares, referred to simulated draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import xxhash

from driftline.checks.references.mean_variance import group_centres
from driftline.errors import ParameterError
from driftline.significance.monte_carlo import (
    MOST_DRAWS,
    kolmogorov_smirnov,
    l_infinity,
    monte_carlo_test,
    permutation_test,
    total_variation,
    wasserstein,
)
from driftline.sketches.columns import NumericColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.references.cases import ColumnCase
    from driftline.checks.references.column_reference import ColumnReference
    from driftline.significance.monte_carlo import MonteCarloResult, Statistic
    from driftline.sketches.columns import Column
    from driftline.sketches.grouping import Grouping

Chosen = Literal["kolmogorov_smirnov", "total_variation", "l_infinity", "wasserstein"]
NEEDS_ORDER: Final[frozenset[Chosen]] = frozenset({"kolmogorov_smirnov", "wasserstein"})
"""Do not apply to categories, which are tested by Pearson's statistic all the same."""
_OF_SHARES: Final[dict[Chosen, Statistic]] = {
    "kolmogorov_smirnov": kolmogorov_smirnov,
    "total_variation": total_variation,
    "l_infinity": l_infinity,
}


LARGEST_LEVEL: Final = 0.5
"""Above it no more draws are saved."""


def applies(name: Chosen, column: Column) -> bool:
    """Return whether a chosen test can be made of a column."""
    return name not in NEEDS_ORDER or isinstance(column, NumericColumn)


def simulated_test(
    name: Chosen, case: ColumnCase, reference: ColumnReference, counts: NDArray[np.int64]
) -> MonteCarloResult | None:
    """Return the outcome of a chosen test, from draws seeded by what it is about; the case's level gives their number.

    Parameters
    ----------
    name : {"kolmogorov_smirnov", "total_variation", "l_infinity", "wasserstein"}
        One that applies to the column.
    reference : ColumnReference
        Of the column. Independent events are permuted, which is exact; others are drawn from the normal law.
    counts : ndarray of int64, shape (groups,)
        Of the window, by the reference's groups.

    Returns
    -------
    MonteCarloResult or None
        None where either side counted nothing, and at levels that no number of draws allowed reaches: there a simulated
        test could never reject, and Pearson's decides.
    """
    there, dispersion, column, window = reference.reference, reference.dispersion, case.column, case.window
    n, n_reference = int(counts.sum()), int(there.sum())
    if n == 0 or n_reference == 0 or case.level * (MOST_DRAWS + 1) < 1:
        return None
    level = min(case.level, LARGEST_LEVEL)
    statistic = _statistic(name, column, reference.grouping)
    about = (str(window.key), window.segment, column.name, str(window.start_ms), str(window.size_ms), name)
    seed = xxhash.xxh3_64_intdigest("\0".join(about).encode())
    if dispersion is None or dispersion.independent:
        return permutation_test(counts, there, statistic, seed=seed, level=level)
    between = dispersion.covariance + dispersion.excess * dispersion.window_events
    covariance = dispersion.covariance / n + dispersion.excess + between / n_reference
    difference = counts / n - there / n_reference
    freedom = dispersion.freedom if np.isfinite(dispersion.freedom) else None
    return monte_carlo_test(difference, covariance, statistic, seed=seed, level=level, degrees_of_freedom=freedom)


def _statistic(name: Chosen, column: Column, grouping: Grouping) -> Statistic:
    if name != "wasserstein":
        return _OF_SHARES[name]
    if not isinstance(column, NumericColumn):
        raise ParameterError("a numeric column for the test `wasserstein`", column.name, "$.checks.test")
    return wasserstein(np.diff(group_centres(column, grouping)))

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

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.references.reference_view import ColumnReference
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


def chosen_test(
    name: Chosen,
    column: Column,
    window: ClosedWindow,
    standard: ColumnReference,
    counts: NDArray[np.int64],
    level: float,
) -> MonteCarloResult | None:
    """Return the outcome of a chosen test, from draws seeded by what it is about.

    Parameters
    ----------
    name : {"kolmogorov_smirnov", "total_variation", "l_infinity", "wasserstein"}
        One that applies to the column.
    column : Column
    window : ClosedWindow
    standard : ColumnReference
        Of the column. Independent events are permuted, which is exact; others are drawn from the normal law.
    counts : ndarray of int64, shape (groups,)
        Of the window, by the standard's groups.
    level : float in (0, 1]
        Gives the number of draws.

    Returns
    -------
    MonteCarloResult or None
        None where either side counted nothing, and at levels that no number of draws allowed reaches: there a simulated
        test could never reject, and Pearson's decides.
    """
    reference, known = standard.reference, standard.dispersion
    n, n_reference = int(counts.sum()), int(reference.sum())
    if n == 0 or n_reference == 0 or level * (MOST_DRAWS + 1) < 1:
        return None
    level = min(level, LARGEST_LEVEL)
    statistic = _statistic(name, column, standard.grouping)
    about = (str(window.key), window.segment, column.name, str(window.start_ms), str(window.size_ms), name)
    seed = xxhash.xxh3_64_intdigest("\0".join(about).encode())
    if known is None or known.independent:
        return permutation_test(counts, reference, statistic, seed=seed, level=level)
    between = known.covariance + known.excess * known.window_events
    covariance = known.covariance / n + known.excess + between / n_reference
    difference = counts / n - reference / n_reference
    freedom = known.freedom if np.isfinite(known.freedom) else None
    return monte_carlo_test(difference, covariance, statistic, seed=seed, level=level, degrees_of_freedom=freedom)


def _statistic(name: Chosen, column: Column, grouping: Grouping) -> Statistic:
    if name != "wasserstein":
        return _OF_SHARES[name]
    if not isinstance(column, NumericColumn):
        raise ParameterError("a numeric column for the test `wasserstein`", column.name, "$.checks.test")
    return wasserstein(np.diff(group_centres(column, grouping)))

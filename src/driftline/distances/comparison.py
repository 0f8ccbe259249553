"""Several distances of one column at once, each on its own kind of bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.distances.base import get

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.distances.sides import Counts, DistanceResult
    from driftline.distances.support import Support


def compare(
    names: Iterable[str],
    current_grouped: Counts,
    reference_grouped: Counts,
    current_grid: Counts,
    reference_grid: Counts,
    support: Support | None,
    *,
    dispersion: float = 1.0,
) -> dict[str, DistanceResult]:
    """Return the named distances of a column that apply to it, by name.

    Parameters
    ----------
    names : iterable of str
        Registered keys.
    current_grouped, reference_grouped : NDArray[int64], shape (G,), unit events
        Counts of the window and of the profile in groups of near equal reference share.
    current_grid, reference_grid : NDArray[int64], shape (B,), unit events
        The same over all bins of the column.
    support : Support or None
        Which values the bins of the grid hold; None where they are categories, to which only distances of shares apply.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    dict of str to DistanceResult
        In the order of `names`; without those that do not apply, and empty where either side counted nothing.

    Raises
    ------
    ParameterError
        A name that is not registered; counts or a support of unequal shape.

    Examples
    --------
    >>> import numpy as np
    >>> from driftline import distances
    >>> here, there = np.array([5, 9]), np.array([50, 50])
    >>> list(distances.compare(["psi", "kolmogorov_smirnov"], here, there, here, there, None))
    ['psi']
    """
    results: dict[str, DistanceResult] = {}
    for name in names:
        distance = get(name)
        if distance.needs_order and support is None:
            continue
        grouped = distance.on == "groups"
        current = current_grouped if grouped else current_grid
        reference = reference_grouped if grouped else reference_grid
        result = distance(current, reference, dispersion=dispersion, support=support)
        if result is not None:
            results[name] = result
    return results

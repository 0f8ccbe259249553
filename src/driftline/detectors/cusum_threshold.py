"""The threshold of the CUSUM that may open alerts, as a function of its false-alarm budget, from a table."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from driftline.detectors.cusum_table import ALLOWANCES, DEGREES, EXPONENTS, THRESHOLDS
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_ALLOWANCE: Final = 0.25
"""k in standard deviations of a block's mean: half the shift of a block that is detected soonest."""
STANDARD_ERRORS: Final = 6.0
"""Least k in standard errors of the reference's mean: an error of the reference is no drift."""
LEAST_DEGREES: Final = DEGREES[0]
"""With fewer degrees of freedom the variance is too uncertain for any threshold."""

MOST_BLOCKS_AN_ALARM: Final = round(10 ** EXPONENTS[-1])
"""Smallest rate in the table: one alarm in this many blocks."""


def threshold_for(
    expected_alarms: float,
    n_blocks: float,
    degrees_of_freedom: float = math.inf,
    allowance: float = LEAST_ALLOWANCE,
) -> float:
    """Return the least threshold that keeps to the expected number of false alarms, both directions together.

    Parameters
    ----------
    expected_alarms : float, greater than 0
        Expected number of false alarms allowed in the horizon, averaged over the errors of the reference's mean and of
        the variance.
    n_blocks : float, at least 1
        Number of blocks within the horizon; overstating it is safe, understating it is not.
    degrees_of_freedom : float, at least 20
        Degrees of freedom of the estimated variance ratio; infinite where it is known.
    allowance : float, at least 0.25
        k of the smallest blocks, in standard deviations of their means.

    Returns
    -------
    float
        h, in standard deviations of a block's mean.

    Raises
    ------
    ParameterError
        Too few degrees of freedom, or less than one alarm in 10⁸ blocks.

    Notes
    -----
    The threshold is interpolated linearly in log₁₀ of the rate, in 1/ν and in k; h is convex in each, so interpolated
    thresholds err on the large side. Source and derivation: ``scripts/cusum_thresholds.py``.

    Examples
    --------
    >>> round(threshold_for(0.01, 8640), 1), round(threshold_for(0.01, 8640, degrees_of_freedom=50), 1)
    (27.1, 34.0)
    """
    if not (expected_alarms > 0 and n_blocks >= 1):
        raise ParameterError("more than 0 alarms in at least 1 block", (expected_alarms, n_blocks), "$.expected_alarms")
    if not degrees_of_freedom >= LEAST_DEGREES:
        raise ParameterError(
            f"at least {LEAST_DEGREES:g} degrees of freedom", degrees_of_freedom, "$.degrees_of_freedom"
        )
    exponent = max(-math.log10(expected_alarms / n_blocks), EXPONENTS[0])
    if exponent > EXPONENTS[-1]:
        raise ParameterError(
            f"at least 1e-{EXPONENTS[-1]:g} expected alarms a block", expected_alarms / n_blocks, "$.expected_alarms"
        )
    if not allowance >= LEAST_ALLOWANCE:
        raise ParameterError(f"an allowance of at least {LEAST_ALLOWANCE}", allowance, "$.allowance")
    scarcities = tuple(-1 / degrees for degrees in DEGREES)
    by_allowance = [
        _between(scarcities, [_between(EXPONENTS, row, exponent) for row in table], -1 / degrees_of_freedom)
        for table in THRESHOLDS
    ]
    return _between(ALLOWANCES, by_allowance, min(allowance, ALLOWANCES[-1]))


def _between(points: Sequence[float], values: Sequence[float], at: float) -> float:
    """Return the linearly interpolated value at a point between the first and the last."""
    right = min(max(bisect_right(points, at), 1), len(points) - 1)
    low, high = points[right - 1], points[right]
    return values[right - 1] + (values[right] - values[right - 1]) * (at - low) / (high - low)

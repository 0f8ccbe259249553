"""The threshold of the paging CUSUM: from the false alarms it may cost, by a table made beforehand."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Final

from driftline.detectors.cusum_table import DEGREES, EXPONENTS, THRESHOLDS
from driftline.errors import ParameterError

LEAST_ALLOWANCE: Final = 0.25
"""k in standard deviations of a block's mean: half the shift of a block that is found soonest."""
STANDARD_ERRORS: Final = 6.0
"""k is at least so many standard errors of the reference's mean: what the reference may be off is no drift."""
LEAST_DEGREES: Final = DEGREES[0]
"""With fewer degrees of freedom the variance is not known well enough for any threshold to hold."""


def threshold_for(expected_alarms: float, n_blocks: float, degrees_of_freedom: float = math.inf) -> float:
    """Return the least threshold that keeps the expected number of false alarms, in both directions together.

    Parameters
    ----------
    expected_alarms : float, greater than 0
        False alarms that may be expected in the horizon, over the error of the reference's mean and of the variance.
    n_blocks : float, at least 1
        Blocks that come within the horizon; their number may be overstated, not understated.
    degrees_of_freedom : float, at least 20
        Of the estimated variance ratio; infinite where it is known.

    Returns
    -------
    float
        h, in standard deviations of a block's mean.

    Raises
    ------
    ParameterError
        Where there are too few degrees of freedom, or less than one alarm in 10⁸ blocks is asked for.

    Notes
    -----
    Between the table's cells it is linear in log₁₀ of the rate and in 1/ν; h is convex in both, so what lies between
    two cells is rather too large. Source and derivation: ``scripts/cusum_thresholds.py``.

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
    upper = bisect_right(DEGREES, degrees_of_freedom)
    first = _in_row(upper - 1, exponent)
    if upper == len(DEGREES):
        return first
    second = _in_row(upper, exponent)
    scarcest, scarcer = 1 / DEGREES[upper - 1], 1 / DEGREES[upper]
    return second + (first - second) * (1 / degrees_of_freedom - scarcer) / (scarcest - scarcer)


def _in_row(row: int, exponent: float) -> float:
    column = min(bisect_right(EXPONENTS, exponent), len(EXPONENTS) - 1)
    low, high = EXPONENTS[column - 1], EXPONENTS[column]
    left, right = THRESHOLDS[row][column - 1], THRESHOLDS[row][column]
    return left + (right - left) * (exponent - low) / (high - low)

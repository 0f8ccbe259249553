"""How much more the counts of a share vary than those of independent events would, and what that makes of a p-value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from driftline.significance.tails import student_tail


class ShareDispersion(NamedTuple):
    """Overdispersion of a share's counts."""

    factor: float
    """Variance of the counts over that of independent events, at least 1."""
    degrees_of_freedom: float | None
    """Of its estimate; None where it is known."""


DispersionLookup = Callable[[str, str], ShareDispersion]
"""From the name of a column and of one of its quality tests to the dispersion of that share."""

INDEPENDENT: Final = ShareDispersion(1.0, None)


def independent(column: str, share: str) -> ShareDispersion:
    """Return the dispersion of independent events, whatever the column and the share."""
    del column, share
    return INDEPENDENT


def widened(log_p: float, dispersion: ShareDispersion) -> float:
    """Return the p-value of a one-sided tail of independent events, for events that come in clumps.

    Parameters
    ----------
    log_p : float, at most 0
        Natural logarithm of the tail's probability for independent events.

    Returns
    -------
    float in [0, 1]
        Of n events in clumps of ``factor`` equal ones only ``n / factor`` are independent, and every exponent that
        grows with n shrinks by as much: p to the power of ``1 / factor``. Where the factor is an estimate, the normal
        score of that is referred to Student's t, which has the wider tail.

    Examples
    --------
    >>> f"{widened(math.log(1e-8), ShareDispersion(1.0, None)):.2g}"
    '1e-08'
    >>> f"{widened(math.log(1e-8), ShareDispersion(2.0, None)):.2g}"
    '0.0001'
    >>> f"{widened(math.log(1e-8), ShareDispersion(2.0, 30.0)):.2g}"
    '0.00041'
    """
    log_p = min(0.0, log_p / max(1.0, dispersion.factor))
    p_value = math.exp(log_p) if log_p > -math.inf else 0.0
    freedom = dispersion.degrees_of_freedom
    return student_tail(p_value, None if freedom is None else max(1.0, freedom))

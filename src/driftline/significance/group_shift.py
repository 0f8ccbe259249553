"""Whether a share rose in one group by more than in all others: a test of homogeneity that says where.

A share that changes in all groups alike is a common shift of its log-odds. A group is held against what that shift, as
all other groups show it, would make of its own share in the profile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import special

from driftline.errors import ParameterError
from driftline.significance.overdispersed_share import tails_of_estimated_share
from driftline.significance.tails import student_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_OF_OTHERS = 5
"""Effective events, marked and unmarked ones, that the other groups need on both sides: else they show no shift."""
_HALF = 0.5
"""Added to counts before their log-odds are taken."""
_LEAST_TAIL = 1e-300
"""The normal score of anything smaller is not finite."""
_NONE_LEFT = 1e-9
_NAMES = ("group", "others", "group_before", "others_before")


class Marked(NamedTuple):
    """k marked events of n."""

    k: int
    n: int


class GroupShift(NamedTuple):
    """Outcome of the test.

    Attributes
    ----------
    log_odds : float
        Change of the group's log-odds less that of the other groups.
    expected : float
        The group's share if it had changed as the other groups did, in [0, 1].
    p_value : float in [0, 1]
    """

    log_odds: float
    expected: float
    p_value: float


def group_shift_test(
    group: Marked,
    others: Marked,
    group_before: Marked,
    others_before: Marked,
    *,
    dispersion: float = 1.0,
    degrees_of_freedom: float | None = None,
) -> GroupShift | None:
    """Test whether a group's share rose by more than a shift that it has in common with all other groups.

    Parameters
    ----------
    group, others : Marked, unit events
        Counts of the window, in the group and outside of it.
    group_before, others_before : Marked, unit events
        The same of the profile, whose events are disjoint from the window's.
    dispersion : float, at least 1
        λ, the variance of the counts over that of binomial counts.
    degrees_of_freedom : float greater than 0, or None
        ν, degrees of freedom of the estimated λ; None where λ is known.

    Returns
    -------
    GroupShift or None
        None where the group has no event on one side, or the others have fewer than :data:`LEAST_OF_OTHERS` marked or
        unmarked events on one, divided by λ.

    Raises
    ------
    ParameterError
        Counts or a dispersion outside their range.

    Notes
    -----
    State: none. Cost: 0.1 ms to 1 ms.

    Of independent events the test is exact: given the sums over both sides, of the group and of the others, and the sum
    of both counts now, the count of the group has a distribution that the common shift cancels from (Zelen 1971).
    Events in bursts are no less likely. With θ the log-odds of the group's share in the profile, δ the shift of the
    others' and v the sum of both variances, their count is referred to the tail of
    :mod:`driftline.significance.overdispersed_share` for a profile of 1 / (v π (1 - π)) events with the share
    π = expit(θ + δ).

    Source: Zelen (1971), doi:10.1093/biomet/58.1.129; Breslow and Day (1980), Statistical Methods in Cancer Research I,
    section 4.4. Deviations: the tail is one-sided, by the count.

    Oracle: exact fractions.

    Examples
    --------
    >>> found = group_shift_test(Marked(60, 200), Marked(80, 800), Marked(400, 4000), Marked(1600, 16000))
    >>> round(found.expected, 3), f"{found.p_value:.1e}"
    (0.101, '7.8e-11')
    """
    for name, each in zip(_NAMES, (group, others, group_before, others_before), strict=True):
        if not 0 <= each.k <= each.n:
            raise ParameterError(f"a count in [0, {each.n}]", each.k, f"$.{name}")
    if not 1 <= dispersion < math.inf:
        raise ParameterError("a finite dispersion of at least 1", dispersion, "$.dispersion")
    least = min(min(each.k, each.n - each.k) for each in (others, others_before))
    if not group.n or not group_before.n or least < LEAST_OF_OTHERS * dispersion:
        return None
    before, of_before = _log_odds(group_before)
    (now, of_now), (then, of_then) = _log_odds(others), _log_odds(others_before)
    expected = 1 / (1 + math.exp(-(before + now - then)))
    upper = _exact_tail(group, others, group_before, others_before)
    if dispersion > 1:
        events = 1 / ((of_before + of_now + of_then) * expected * (1 - expected))
        marked, unmarked = (max(events * share - _HALF, _NONE_LEFT) for share in (expected, 1 - expected))
        _, of_bursts = tails_of_estimated_share(group.k, group.n, marked, marked + unmarked, dispersion)
        upper = max(upper, of_bursts)
    if degrees_of_freedom is not None:
        upper = student_tail(max(upper, _LEAST_TAIL), degrees_of_freedom)
    return GroupShift(_log_odds(group)[0] - before - (now - then), expected, min(1.0, upper))


def _log_odds(side: Marked) -> tuple[float, float]:
    """Return the log-odds of a share, and their variance."""
    marked, unmarked = side.k + _HALF, side.n - side.k + _HALF
    return math.log(marked / unmarked), 1 / marked + 1 / unmarked


def _exact_tail(group: Marked, others: Marked, group_before: Marked, others_before: Marked) -> float:
    """Return how likely the group has as many marked events as it has, or more, given all sums."""
    total = group.k + others.k
    of_group, of_others = group.k + group_before.k, others.k + others_before.k
    least = max(0, total - others.n, of_group - group_before.n, total - of_others)
    most = min(group.n, total, of_group, others_before.n - of_others + total)
    x = np.arange(least, most + 1, dtype=np.float64)
    logs = _log_choose(group.n, x) + _log_choose(group_before.n, of_group - x)
    logs += _log_choose(others.n, total - x) + _log_choose(others_before.n, of_others - total + x)
    return float(np.exp(special.logsumexp(logs[group.k - least :]) - special.logsumexp(logs)))


def _log_choose(n: int, k: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = -special.betaln(n - k + 1, k + 1) - math.log(n + 1)
    return result

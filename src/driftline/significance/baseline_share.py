"""Test of a share against a baseline of earlier groups of events, which accounts for the variation between groups.

Days differ: labels of a Friday wait for Monday. With k of n events marked in each of m groups, and p the share over all
groups, Pearson's sum over m - 1 estimates the dispersion: the variance of the counts of unchanged groups over the
binomial one. Its excess over 1 grows with the size of a group, as the cause of the differences affects all events of a
group alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.significance.share import share_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.significance.share import Alternative, ShareResult


class BaselineShare(Struct, frozen=True, kw_only=True):
    """The share of marked events in earlier groups, and its dispersion between the groups.

    Parameters
    ----------
    k, n : int
        Marked events and all events of all groups together.
    n_groups : int, at least 2
    dispersion : float, at least 1
        Of the counts of a group of mean size.
    """

    k: int
    n: int
    n_groups: int
    dispersion: float

    def dispersion_at(self, n: int) -> float:
        """Return the dispersion of a group of n events."""
        return 1.0 + (self.dispersion - 1.0) * n * self.n_groups / self.n


def baseline_share(groups: Sequence[tuple[int, int]]) -> BaselineShare | None:
    """Return the baseline of groups of (marked events, events); None with fewer than two groups that have events.

    Examples
    --------
    >>> baseline_share([(50, 100), (50, 100), (50, 100)]).dispersion
    1.0
    >>> baseline_share([(30, 100), (70, 100)])
    BaselineShare(k=100, n=200, n_groups=2, dispersion=32.0)

    Notes
    -----
    *Source*: McCullagh and Nelder (1989), Generalized Linear Models, 2nd edition, equation 4.21 (the moment estimate of
    the dispersion of binomial counts); Williams (1982), doi:10.2307/2347977, for dispersion that grows with n.
    Deviations: held at 1 from below.
    """
    filled = [(k, n) for k, n in groups if n > 0]
    if len(filled) < 2:  # noqa: PLR2004  # one group shows no variance
        return None
    k_all, n_all = sum(k for k, _ in filled), sum(n for _, n in filled)
    share = k_all / n_all
    spread = share * (1 - share)
    pearson = sum((k - n * share) ** 2 / (n * spread) for k, n in filled) if spread > 0 else 0.0
    return BaselineShare(k=k_all, n=n_all, n_groups=len(filled), dispersion=max(1.0, pearson / (len(filled) - 1)))


def baseline_share_test(k: int, n: int, baseline: BaselineShare, alternative: Alternative) -> ShareResult | None:
    """Test whether the share of k in n events differs from that of earlier groups; None without events.

    Parameters
    ----------
    k, n : int, 0 ≤ k ≤ n
    baseline : BaselineShare
    alternative : {"two_sided", "greater", "less"}

    Notes
    -----
    Rejections of unchanged groups over the level, at 5 % / 1 % / 0.2 % (1,500 each; 20,000 events a group, share 0.7):
    of 7 groups 0.4 / 0.1 / 0 where events are independent, 1.3 / 1.0 / 1.3 where shares vary by 1.4 points from group
    to group; of 60 groups 1.0 / 0.9 / 0.7 and 1.2 / 1.3 / 1.0. With weekends that are 20 points lower the test needs a
    larger change.

    The exact test of :func:`driftline.significance.share.share_test`, with the tails of the estimated dispersion's
    degrees of freedom, also where groups showed no more variance than binomial counts: few groups may hide it.

    Examples
    --------
    >>> baseline = baseline_share([(80, 100), (84, 100), (79, 100), (82, 100), (80, 100), (78, 100), (83, 100)])
    >>> result = baseline_share_test(40, 100, baseline, "less")
    >>> f"{result.p_value:.0e}"
    '9e-05'
    """
    return share_test(
        k,
        n,
        baseline.k,
        baseline.n,
        alternative=alternative,
        dispersion=baseline.dispersion_at(n),
        degrees_of_freedom=baseline.n_groups - 1,
    )

"""How much a share varies between windows in a part of a feature's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scipy.special import chdtri

from driftline.profiles.error_spread import SpreadOfMetric

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_BY_CHANCE: Final = 0.01
"""A group that varies more than so few would by chance has a dispersion of its own."""


def spread_of_part(of_groups: Mapping[int, SpreadOfMetric], part: Collection[int]) -> SpreadOfMetric:
    """Return the spread of a part of the values: that of all groups of the feature together, or of a group in the part
    that varies more than these by more than chance.

    Parameters
    ----------
    of_groups : mapping of int to SpreadOfMetric
        By group.
    part : collection of int
        Groups, each among them, at least one.

    Notes
    -----
    One group in so many windows says little of its dispersion, and a test has to allow for that; eight of them say
    eight times as much.

    Examples
    --------
    >>> groups = {g: SpreadOfMetric(1.0, 31, 100.0) for g in range(4)} | {4: SpreadOfMetric(5.0, 31, 100.0)}
    >>> spread_of_part(groups, [0, 1])
    SpreadOfMetric(dispersion=1.8, n_windows=151, n_per_window=100.0)
    >>> spread_of_part(groups, [3, 4])
    SpreadOfMetric(dispersion=5.0, n_windows=31, n_per_window=100.0)
    """
    every = [of_groups[group] for group in sorted(of_groups)]
    freedom = sum(each.n_windows - 1 for each in every)
    dispersion = sum((each.n_windows - 1) * each.dispersion for each in every) / freedom
    size = sum((each.n_windows - 1) * each.n_per_window for each in every) / freedom
    own = [each for each in (of_groups[group] for group in part) if _varies_more(each, dispersion)]
    if own:
        return max(own, key=lambda each: each.dispersion)
    return SpreadOfMetric(dispersion, freedom + 1, size)


def _varies_more(spread: SpreadOfMetric, usual: float) -> bool:
    freedom = spread.n_windows - 1
    return spread.dispersion > max(1.0, usual) * float(chdtri(freedom, _BY_CHANCE)) / freedom

"""Mix or within: how much of a change is that groups have other shares of the cases, and how much that they changed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.performance.cases import Part, sampling_variance, side_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.performance.cases import Cases, Floats, Side


class GroupSplit(NamedTuple):
    """What one group adds to a change.

    Attributes
    ----------
    share, share_before : float in [0, 1]
        Of the cases, now and before.
    rate, rate_before : float or None
        None where the group has no case.
    mix, within : Part
    """

    share: float
    share_before: float
    rate: float | None
    rate_before: float | None
    mix: Part
    within: Part


class MixSplit(NamedTuple):
    """A change, the two parts that it is the sum of, and those of each group, in the order given."""

    value: float
    value_before: float
    mix: Part
    within: Part
    groups: tuple[GroupSplit, ...]

    @property
    def change(self) -> float:
        """The change of the mean over all groups."""
        return self.value - self.value_before


class _Slopes(NamedTuple):
    """Derivatives of parts by the shares and rates of one side, shape (2, g + 1, g): mix and within, all groups' sum
    last.
    """

    by_share: Floats
    by_rate: Floats


def mix_or_within(now: Sequence[Cases], before: Sequence[Cases], *, dispersion: float = 1.0) -> MixSplit | None:
    """Split the change of a mean over groups into what other shares and what other means of the groups explain.

    Parameters
    ----------
    now, before : sequence of Cases, length g
        The same disjoint groups on both sides; together they are all cases.
    dispersion : float, at least 1
        How many times the values vary as much as independent ones.

    Returns
    -------
    MixSplit or None
        None where a side has no case. ``mix`` and ``within`` add up to the change, and so do the groups' parts to both,
        to the last digits of the means.

    Notes
    -----
    With shares w, means r (0 marks the side before) and bars for midpoints: Δ = Σ (w - w⁰) r̄ + Σ w̄ (r - r⁰), which
    has no interaction to be shared out, and of which the two sides can be exchanged. As the shares add up to 1, a
    group's part of the mix is (w - w⁰)(r̄ - R̄) with the midpoint R̄ of the overall means: more of a group that is as
    good as the others explains nothing. A group that is new or has vanished has one mean only, which is taken for
    both: all that it adds is mix.

    *Source*: Kitagawa (1955), doi:10.1080/01621459.1955.10501299; Oaxaca (1973), doi:10.2307/2525981. Deviations: the
    groups' parts of the mix are about the overall mean.

    *Cost*: O(g²).

    Examples
    --------
    >>> from driftline.performance.cases import Cases
    >>> now, before = (Cases(48, 36, 36, 48), Cases(52, 47, 47, 52)), (Cases(20, 15, 15, 20), Cases(80, 72, 72, 80))
    >>> split = mix_or_within(now, before)
    >>> round(split.change, 6), round(split.mix.value, 6), round(split.within.value, 6)
    (-0.04, -0.042538, 0.002538)
    """
    here, there = side_of(now), side_of(before)
    if here is None or there is None:
        return None
    values = _parts(here, there)
    variances = dispersion * (_variances(here, _slopes(here, there)) + _variances(there, _slopes(there, here)))
    errors = np.sqrt(variances)
    (mix, within), (mix_errors, within_errors) = values, errors
    groups = tuple(
        GroupSplit(
            float(here.shares[g]),
            float(there.shares[g]),
            now[g].rate,
            before[g].rate,
            Part(float(mix[g]), float(mix_errors[g])),
            Part(float(within[g]), float(within_errors[g])),
        )
        for g in range(len(now))
    )
    return MixSplit(
        here.rate,
        there.rate,
        Part(math.fsum(mix), float(mix_errors[-1])),
        Part(math.fsum(within), float(within_errors[-1])),
        groups,
    )


def _parts(here: Side, there: Side) -> Floats:
    """Return each group's part, shape (2, g): mix and within."""
    middle, centre = _middle_rates(here, there), (here.rate + there.rate) / 2
    both = (here.shares > 0) & (there.shares > 0)
    mix = (here.shares - there.shares) * (middle - centre)
    within = np.where(both, (here.shares + there.shares) / 2 * (here.rates - there.rates), 0.0)
    return np.stack([mix, within])


def _middle_rates(here: Side, there: Side) -> Floats:
    by_here = _parts_of_middle(here, there)
    middle: Floats = by_here * here.rates + (1 - by_here) * there.rates
    return middle


def _parts_of_middle(side: Side, other: Side) -> Floats:
    """Return how much of each group's middle rate is this side's: half, or all of the only one there is."""
    return np.where(other.shares > 0, np.where(side.shares > 0, 0.5, 0.0), 1.0)


def _slopes(side: Side, other: Side) -> _Slopes:
    """Return the derivatives by one side's shares and rates; up to their sign they are alike on both sides."""
    every = np.eye(side.shares.size)
    both = ((side.shares > 0) & (other.shares > 0)).astype(np.float64)
    change, middle = side.shares - other.shares, _middle_rates(side, other)
    centre = (side.rate + other.rate) / 2
    own = change * _parts_of_middle(side, other)
    mix_by_share = every * (middle - centre) - np.outer(change, side.rates) / 2
    mix_by_rate = every * own - np.outer(change, side.shares) / 2
    within_by_share = every * (both * (side.rates - other.rates) / 2)
    within_by_rate = every * (both * (side.shares + other.shares) / 2)
    by_share = [np.vstack([each, each.sum(axis=0)]) for each in (mix_by_share, within_by_share)]
    by_rate = [np.vstack([each, each.sum(axis=0)]) for each in (mix_by_rate, within_by_rate)]
    return _Slopes(np.stack(by_share), np.stack(by_rate))


def _variances(side: Side, slopes: _Slopes) -> Floats:
    return sampling_variance(side, slopes.by_share, slopes.by_rate)

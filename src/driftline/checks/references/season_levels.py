"""Which hours a pane is compared with: all, the same hour of the day, or the same hour of the week.

Of four weeks an hour of the week is known by four hours of data, and what it is off by counts as variation. So the
coarsest level is taken that the reference does not contradict: hours of the day only where these differ, hours of the
week only where days differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from scipy.special import chdtri

from driftline.profiles.season import HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.references.bet_columns import BetColumn

Level = Literal["all", "hour of day", "hour of week"]

DIFFERS: Final = 1e-3
"""Level of the tests of whether hours differ, divided over the directions."""
_DAY: Final = 24
_LEAST_VARIANCE: Final = 1e-12


class Season(NamedTuple):
    """What each hour of the week is compared with."""

    level: Level
    counts: NDArray[np.int64]
    """The reference's, by hour of the week and group: shape (168, G); rows of equal hours are equal."""

    def by_hour_of_day(self) -> Season:
        """Return the same with the hours of all days as one."""
        by_hour = self.counts.reshape(-1, _DAY, self.counts.shape[1]).sum(axis=0)
        return Season("hour of day", np.tile(by_hour, (HOURS // _DAY, 1)))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Events of the reference behind each hour, shape (168,)."""
        sizes: NDArray[np.int64] = self.counts.sum(axis=1)
        return sizes


class ColumnSeason(NamedTuple):
    """What a column is compared with in each hour of the week, and its categories that the profile does not list."""

    counts: NDArray[np.int64]
    """As :attr:`Season.counts`, events without a value last."""
    unlisted: tuple[tuple[int, int], ...]
    """The group of unlisted categories and what it holds in all hours, if a direction is about them."""
    total: int
    """Events of all hours."""

    @classmethod
    def of(cls, season: Season, column: BetColumn) -> ColumnSeason:
        """Return the season of a column."""
        groups = [direction.group for direction in column.directions if direction.aspect == "unlisted"]
        unlisted = tuple((group, int(column.counts[group])) for group in groups)
        return cls(season.counts, unlisted, max(int(column.counts.sum()), 1))

    def of_hours(self, hours: Sequence[int]) -> NDArray[np.int64]:
        """Return the counts of some hours, with as large a share of unlisted categories as all hours have."""
        counts: NDArray[np.int64] = self.counts[list(hours)].sum(axis=0)
        n = int(counts.sum())
        for group, usual in self.unlisted if n > 0 else ():
            counts[group] = max(int(counts[group]), usual * n // self.total)
        return counts


def season_of(counts: NDArray[np.int64], scores: NDArray[np.float64], ratios: NDArray[np.float64]) -> Season:
    """Return the coarsest level that the reference does not contradict.

    Hours differ where the means of some score do: by a chi-squared test of their spread around the mean of all hours.
    Hours of the week are looked at in two ways, each hour against the same of all days, and whole days against each
    other, which a weekend shows in far fewer numbers.

    Parameters
    ----------
    counts : ndarray of int64, shape (168, G)
    scores : ndarray of float64, shape (D, G)
        Of each direction.
    ratios : ndarray of float64, shape (D,), at least 1
        How much more the mean of each score varies than that of independent events, the season taken out.

    Examples
    --------
    >>> even = np.full((168, 2), 500)
    >>> night = even.copy()
    >>> night.reshape(7, 24, 2)[:, :6] = (300, 700)
    >>> weekend = even.copy()
    >>> weekend.reshape(7, 24, 2)[5:] = (450, 550)
    >>> of_second = np.array([[0.0, 1.0]]), np.ones(1)
    >>> [season_of(each, *of_second).level for each in (even, night, weekend)]
    ['all', 'hour of day', 'hour of week']
    """
    n = counts.sum(axis=1).astype(np.float64).reshape(-1, _DAY, 1)
    sums = (counts.astype(np.float64) @ scores.T).reshape(*n.shape[:2], -1)
    total = max(float(n.sum()), 1.0)
    mean = sums.sum(axis=(0, 1)) / total
    squares = counts.sum(axis=0).astype(np.float64) @ (scores * scores).T / total
    scale = np.maximum(squares - mean * mean, _LEAST_VARIANCE) * ratios
    n_hours, of_hours = n.sum(axis=0), sums.sum(axis=0)
    off = sums - n * of_hours / np.maximum(n_hours, 1.0)
    days_differ = _differ(off.sum(axis=1), n.sum(axis=1), scale, len(n) - 1)
    if days_differ or _differ(off.reshape(-1, off.shape[2]), n.reshape(-1, 1), scale, HOURS - _DAY):
        return Season("hour of week", counts)
    if _differ(of_hours - n_hours * mean, n_hours, scale, _DAY - 1):
        return Season("hour of week", counts).by_hour_of_day()
    return Season("all", np.broadcast_to(counts.sum(axis=0), counts.shape))


def _differ(distances: NDArray[np.float64], n: NDArray[np.float64], scale: NDArray[np.float64], degrees: int) -> bool:
    """Return whether sums of scores, shape (hours, D), lie farther from what is expected than chance brings.

    ``n``, shape (hours, 1), are the events of each, and ``scale`` the variance of each score.
    """
    statistics = (distances * distances / np.maximum(n, 1.0)).sum(axis=0) / scale
    return bool((statistics > chdtri(degrees, DIFFERS / max(scale.size, 1))).any())

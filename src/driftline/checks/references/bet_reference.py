"""What a mixture e-detector holds the columns of a model against: shares by hour, and how much each score varies."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import chdtri, stdtrit

from driftline.checks.references.bet_columns import LEAST_SHARE, BetColumn, bet_column, counts_by_hour
from driftline.checks.references.mean_variance import nine_digits, score_ratio
from driftline.checks.references.season_levels import ColumnSeason, Season, season_of
from driftline.detectors.mixture.bets import MARGIN, Bets, Fair
from driftline.detectors.mixture.directions import MOST_DIRECTIONS
from driftline.profiles.error_spread import DAY_MS
from driftline.profiles.season import overlaps
from driftline.profiles.shelf import keep
from driftline.significance.clumps import tilt_factor
from driftline.sketches.columns import QUALITY
from driftline.sketches.group_counts import GroupCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.references.reference_view import ReferenceView
    from driftline.checks.references.season_levels import Level
    from driftline.detectors.mixture.directions import Direction
    from driftline.profiles.shelf import Kept
    from driftline.significance.dispersion import Dispersion

SLOW_BY_CHANCE: Final = 1e-3
"""Level of the test of whether days vary by more than what happens within them."""
SLOW_IN_PRODUCTION: Final = 0.05
"""The same of the first days of production: eight are too few to contradict a mean that wanders for days."""
_CONFIDENCE: Final = 0.95
"""Of the upper limit that stands for an estimated variance ratio."""
_DAYS: Final = 7
_IN_TWO: Final = 2
"""Groups of events with a value, and without."""
_REMEMBERED: Final = 2
"""Hours whose expectations are remembered: they are asked for one after the other."""
_ASKED: Final = 16
"""Columns that are remembered: those that change are asked for again at the next pane."""


class Expected(NamedTuple):
    """What the panes of one hour are compared with."""

    fair: Fair
    sizes: NDArray[np.float64]
    """Events of the reference behind it, by column; infinite where all hours are, as the margin stands for these."""
    shares: NDArray[np.float64]
    """Of the groups, and last of events without a value, shape (C, groups + 1)."""


class BetReference:
    """The bets on all columns of a profile, and what they are held against.

    Parameters
    ----------
    view : ReferenceView
    alarms : float, above 0
        False alarms allowed to a column within the budget's horizon.

    Attributes
    ----------
    bets : Bets
    ratios : ndarray of float64, shape (C, D)
        λ of each direction; infinite as long as nothing is known.
    known_ms : ndarray of float64, shape (C,)
        Length of the longest windows whose variation is known; infinite where events are taken as independent.
    n_reference : ndarray of float64, shape (C,), at least 1
        Events of the reference.
    shares_of_values : ndarray of float64, shape (C,), above 0
        Of the reference's events those that have a value.

    Notes
    -----
    *State*: what a pane needs. The columns' groups and directions are worked out anew when they are asked for, and the
    hours of the week are on the view's shelf. *Cost*: of a pane, one pass over its cells; of an hour, one pass over all
    groups and bets.
    """

    def __init__(self, view: ReferenceView, alarms: float) -> None:
        self._view = view
        self._alarms_a_ms = alarms / int(view.settings.alerts.false_alarm_budget.horizon)
        layout = view.profile.layout
        columns = [bet_column(view, index) for index in range(len(layout.places))]
        self._asked: dict[int, BetColumn] = {}
        self._group_counts = GroupCounts(layout, [column.grouping for column in columns])
        self._n_groups = self._group_counts.n_groups
        self.bets = Bets([column.directions for column in columns], self._n_groups)
        self._quality = layout.quality_starts + np.arange(len(QUALITY))
        self.n_reference = np.array([max(int(column.counts.sum()), 1) for column in columns], dtype=np.float64)
        self._overall = self._padded([column.counts for column in columns], LEAST_SHARE)
        self._seen = self._padded([column.counts for column in columns])
        self.shares_of_values = 1 - np.minimum(self._seen[:, -1], 0.99)
        self._levels: dict[int, Level] = {}
        self._seasons: Kept[dict[int, ColumnSeason]] | None = None
        self.ratios = np.full((len(columns), MOST_DIRECTIONS), np.inf)
        self.known_ms = np.full(len(columns), math.inf)
        self._slow = np.zeros(self.ratios.shape)
        self._expected: dict[tuple[int, ...], Expected] = {}
        self._learn(columns)

    def column(self, index: int) -> BetColumn:
        """Return the groups and directions of a column; those of the columns asked for last are remembered."""
        if index not in self._asked:
            if len(self._asked) >= _ASKED:
                self._asked.clear()
            self._asked[index] = bet_column(self._view, index)
        return self._asked[index]

    @property
    def usual_means(self) -> NDArray[np.float64]:
        """Expected score of each direction over all hours, shape (C, D)."""
        return self.bets.means(self._seen)

    def counts_of(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of each column's groups, and last of its events without a value, from those of all cells.

        Shape (C, groups + 1).
        """
        values = self._group_counts.of(cells)
        return np.concatenate([values, cells[self._quality].sum(axis=1, keepdims=True)], axis=1)

    def learn(self) -> None:
        """Take up what has become known of how much the columns vary.

        Variation within a day is a matter of λ, the greatest over the sizes of verdict windows that it is known for.
        What whole days vary by beyond that is no chance that averages out, but a slow wandering of the mean: it counts
        as no change up to the deviation that is exceeded as seldom as the budget allows.
        """
        self._learn([bet_column(self._view, index) for index in range(len(self.known_ms))])

    def _learn(self, columns: Sequence[BetColumn]) -> None:
        known = {seasonless: self._view.dispersions_known(seasonless=seasonless) for seasonless in (False, True)}
        self._expected.clear()
        seasons = {} if self._seasons is None else {**self._seasons.value}
        for index, column in enumerate(columns):
            of_hours = _known_of(known[True], index)
            if index not in self._levels and self._view.seasonal and of_hours and column.directions:
                of_missing = self._view.missing_known(index) or of_hours
                season = self._season(index, column, (of_hours, of_missing), _known_of(known[False], index))
                if season is not None:
                    self._levels[index] = season.level
                    if season.level != "all":
                        seasons[index] = ColumnSeason.of(season, column)
            whole = self._levels.get(index, "all") == "all"
            dispersions = _known_of(known[not whole], index)
            self.known_ms[index] = max((size_ms for size_ms, _ in dispersions), default=math.inf)
            of_missing = self._view.missing_known(index) or dispersions
            for place, direction in enumerate(column.directions):
                known_of = of_missing if direction.aspect == "missing" else dispersions
                slow = self._slow_change(column, direction, known_of)
                # eight days of production leave open whether what they vary by is slow: then it is a matter of λ
                beside_days = slow > 0 or not _learnt(known_of)
                self.ratios[index, place] = _ratio(column, direction, known_of, beside_days=beside_days)
                self._slow[index, place] = slow
        if seasons:
            self._seasons = keep(self._view.shelf, seasons)

    def _slow_change(
        self, column: BetColumn, direction: Direction, dispersions: Sequence[tuple[float, Dispersion]]
    ) -> float:
        """Return how far the mean of a score wanders over days while nothing changes; 0 where days show no such thing.

        That days vary more than what happens within them explains is asked of this score alone, at one in a thousand.
        """
        size_ms, longest = dispersions[-1] if dispersions else (0.0, None)
        if longest is None or size_ms < DAY_MS or not longest.slow:
            return 0.0
        scores = _scores_of(column, direction, longest)
        if scores is None:
            return 0.0
        slow, within = (max(float(scores @ each @ scores), 0.0) for each in (longest.excess, longest.covariance))
        history = self._view.profile.history
        # each hour's shares were taken from its own few weeks: of w weeks w - 1 say something
        weeks = history.n_weeks if history is not None and self._view.seasonal else 0
        n_free = max(longest.n_windows * (weeks - 1) / weeks if weeks else longest.n_windows - 1, 1.0)
        level = SLOW_IN_PRODUCTION if _learnt(dispersions) else SLOW_BY_CHANCE
        most = float(chdtri(n_free, level)) / n_free
        if slow * longest.window_events <= (most - 1) * within:
            return 0.0
        exceeded = min(0.1, self._alarms_a_ms * size_ms / max(len(column.directions), 1))
        return nine_digits(-math.sqrt(slow) * float(stdtrit(min(longest.freedom, n_free), exceeded)))

    def expected(self, start_ms: int, end_ms: int) -> Expected:
        """Return what a pane of a span is compared with."""
        hours = tuple(sorted(overlaps(start_ms, end_ms))) if self._seasons is not None else ()
        if hours not in self._expected:
            if len(self._expected) >= _REMEMBERED:
                self._expected.clear()
            self._expected[hours] = self._of_hours(hours)
        return self._expected[hours]

    def _of_hours(self, hours: tuple[int, ...]) -> Expected:
        shares, sizes = self._overall.copy(), np.full(len(self.known_ms), np.inf)
        seen = self._seen.copy()
        for index, season in ({} if self._seasons is None else self._seasons.value).items():
            counts = season.of_hours(hours)
            if counts.sum() > 0:
                least = np.full(counts.size, LEAST_SHARE)
                # that nothing is missing in an hour of few events is known from all hours
                least[-1] = min(LEAST_SHARE, float(self._overall[index, -1]) * float(counts.sum()))
                shares[index] = self._padded([counts], least)[0]
                seen[index] = self._padded([counts])[0]
                sizes[index] = float(counts.sum()) / len(hours)
        return Expected(Fair(self._with_margin(shares), self.bets.means(seen)), sizes, shares)

    def _with_margin(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fair prices, at least two standard errors of the whole reference above the plain expectation."""
        ratios = np.where(np.isfinite(self.ratios), self.ratios, 1.0)[:, :, None]
        errors = np.sqrt(self.bets.variances(shares) * ratios / self.n_reference[:, None, None])
        known = self.bets.log_means(shares) + MARGIN * errors
        if not self._slow.any():
            return np.maximum(self.bets.fair(shares), known)
        tilts = self.bets.tilts_to(self._slow, shares)
        prices = np.maximum(self.bets.fair(shares, np.maximum(self.bets.still, tilts)), known)
        return np.maximum(prices, self.bets.fair_beside(shares, tilts))

    def _padded(
        self, counts: Sequence[NDArray[np.int64]], at_least: NDArray[np.float64] | float = 0.0
    ) -> NDArray[np.float64]:
        """Return shares, shape (C, groups + 1), of counts by group and without a value, each of which is at least so
        much.
        """
        shares = np.zeros((len(counts), self._n_groups + 1))
        for row, each in zip(shares, counts, strict=True):
            least = np.maximum(each, at_least)
            row[: each.size - 1], row[-1] = least[:-1], least[-1]
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return shares

    def _season(
        self,
        index: int,
        column: BetColumn,
        known: tuple[Sequence[tuple[float, Dispersion]], Sequence[tuple[float, Dispersion]]],
        of_whole: Sequence[tuple[float, Dispersion]],
    ) -> Season | None:
        """Return the level of a column: the coarsest that is not contradicted, or the one that varies less.

        A season that is too weak to be told from chance still makes whole windows vary. ``known`` is what values and
        what events without one vary by.
        """
        history = self._view.profile.history
        if history is None:
            return None
        counts = counts_by_hour(history, index, column)
        scores = np.stack([direction.scores for direction in column.directions])
        of_hours, _ = known
        of_one, of_clumps = ([(1.0, each) for _, each in every] for every in known)
        ratios = [_ratio(column, each, of_clumps if each.aspect == "missing" else of_one) for each in column.directions]
        season = season_of(counts, scores, np.array(ratios))
        n_days = max(1, history.n_weeks) * _DAYS
        first = column.directions[0]
        by_hour, by_whole = (_ratio(column, first, of) for of in (of_hours, of_whole))
        if season.level == "all" and by_hour * (1 + 1 / n_days) < by_whole:
            return Season("hour of week", counts).by_hour_of_day()
        return season


def _known_of(known: Sequence[tuple[float, Sequence[Dispersion]]], index: int) -> list[tuple[float, Dispersion]]:
    """Return a column's dispersion by the size of the windows that it is known for, ascending."""
    each = ((size_ms, dispersions[index]) for size_ms, dispersions in known)
    return [(size_ms, dispersion) for size_ms, dispersion in each if dispersion.status != "calibrating"]


def _learnt(dispersions: Sequence[tuple[float, Dispersion]]) -> bool:
    """Whether the variation of the longest windows was learnt from production."""
    return bool(dispersions) and dispersions[-1][1].source == "production"


def _ratio(
    column: BetColumn,
    direction: Direction,
    dispersions: Sequence[tuple[float, Dispersion]],
    *,
    beside_days: bool = True,
) -> float:
    """Return how much more the mean of a direction's score varies than that of independent events, at least 1.

    What whole days vary by is left out where it counts as slow variation, ``beside_days``.
    """
    size_ms, longest = dispersions[-1] if dispersions else (0.0, None)
    slow = longest.excess if longest is not None and beside_days and size_ms >= DAY_MS else 0.0
    of_sizes = (_widened(_of_one(column, direction, each, slow), each) for _, each in dispersions)
    ratio = max(of_sizes, default=math.inf)
    return ratio * tilt_factor(direction.thetas[-1]) if direction.aspect == "missing" and ratio > 1 else ratio


def _of_one(
    column: BetColumn, direction: Direction, dispersion: Dispersion, slow: NDArray[np.float64] | float = 0.0
) -> float:
    """Return the ratio as windows of one size show it, without a ``slow`` covariance of theirs."""
    if dispersion.independent:
        return 1.0
    every = (dispersion.excess - slow, np.zeros_like(dispersion.excess))
    return max(
        _as_shown(column, direction, replace(dispersion, excess=excess, _standardised={}, _eigenvalues={}))
        for excess in every
    )


def _as_shown(column: BetColumn, direction: Direction, dispersion: Dispersion) -> float:
    n = dispersion.window_events
    if direction.aspect == "missing":
        return max(1.0, nine_digits(float(dispersion.design_effects(n).max())))
    if direction.is_share:
        return nine_digits(dispersion.scalar((column.of_dispersion[direction.group],), n))
    return score_ratio(_coarse(column, direction, dispersion), dispersion)


def _scores_of(column: BetColumn, direction: Direction, dispersion: Dispersion) -> NDArray[np.float64] | None:
    """Return a direction's scores of the groups that a dispersion is of; None where these say nothing of it."""
    if direction.aspect == "missing":
        return np.array([0.0, 1.0]) if dispersion.n_groups == _IN_TWO else None
    if not direction.is_share:
        return _coarse(column, direction, dispersion)
    scores = np.zeros(dispersion.n_groups)
    np.maximum.at(scores, list(column.of_dispersion), direction.scores[:-1])
    return scores


def _coarse(column: BetColumn, direction: Direction, dispersion: Dispersion) -> NDArray[np.float64]:
    """Return a score of the groups that a dispersion is of: the mean over the reference's values of each."""
    of, weights = list(column.of_dispersion), np.maximum(column.counts[:-1], LEAST_SHARE)
    sums, sizes = np.zeros(dispersion.n_groups), np.zeros(dispersion.n_groups)
    np.add.at(sums, of, weights * direction.scores[:-1])
    np.add.at(sizes, of, weights)
    scores: NDArray[np.float64] = sums / np.maximum(sizes, LEAST_SHARE)
    return scores


def _widened(ratio: float, dispersion: Dispersion) -> float:
    """Return the upper limit of an estimated ratio."""
    freedom = dispersion.freedom
    if dispersion.independent or not math.isfinite(freedom):
        return ratio
    return max(1.0, ratio * freedom / float(chdtri(freedom, _CONFIDENCE)))

"""What an e-detector holds a model's errors against: their share in the baseline, and how much it varies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import chdtri

from driftline.checks.contract.error_budget import ERRORS_OF, LOSS_OF
from driftline.detectors.mixture.bets import MARGIN, Bets, Fair
from driftline.detectors.mixture.directions import MOST_DIRECTIONS
from driftline.detectors.mixture.error_directions import error_directions
from driftline.performance.losses import watched_metrics, wrong_decisions
from driftline.profiles.error_spread import DAY_MS, LEAST_WINDOWS
from driftline.profiles.season import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.config.model import ModelSettings, TestedMetric
    from driftline.profiles.error_spread import SpreadOfMetric
    from driftline.profiles.profile import Profile

METRIC: Final[TestedMetric] = ERRORS_OF
LOSS: Final[TestedMetric] = LOSS_OF
"""What is watched of classes, and of numbers."""
INDEPENDENT: Final = 0.95
"""Below this quantile of what independent errors vary by, between windows, errors are taken as independent; above it
their variance ratio is taken at this upper limit."""
_SLOW: Final = 0.999
"""The same of days: one in a thousand."""
_GROUPS: Final = 2
WORSE, BETTER = range(2)
COLUMNS: Final = 2
LEAST_BASELINE: Final = 100
"""Labels that a baseline needs to be bet against."""
_PSEUDO: Final = 0.5
"""Labels added to the baseline, wrong and right ones."""


class SpreadOfWindows(NamedTuple):
    """How much the share of wrong predictions varies between windows of one length.

    Attributes
    ----------
    size_ms : int
    n : float
        Labels of a window.
    excess : float, at least 0
        By how much its variance exceeds that of independent errors, in multiples of the latter, as estimated; 0 where
        chance explains it.
    most : float, at least 0
        The upper 95 % limit of that.
    """

    size_ms: int
    n: float
    excess: float
    most: float

    def ratio(self, n: float) -> float:
        """Return λ of windows with n labels.

        What the errors of a window have in common weighs the more, the more labels share it. Where no such thing shows
        in windows of fewer labels, it may still be as large as their upper limit.

        Examples
        --------
        >>> spread = SpreadOfWindows(3_600_000, 100.0, 1.0, 1.2)
        >>> round(spread.ratio(50), 2), round(spread.ratio(1_000), 2)
        (2.2, 13.0)
        >>> round(SpreadOfWindows(3_600_000, 100.0, 0.0, 0.2).ratio(300), 2)
        1.4
        """
        if self.excess > 0:
            return 1.0 + self.most * max(1.0, n / self.n)
        return 1.0 + self.most * max(0.0, n / self.n - 1.0)


class ErrorVariation(NamedTuple):
    """How much the share of wrong predictions varies; nothing beyond chance where ``spreads`` is empty.

    Attributes
    ----------
    spreads : tuple of SpreadOfWindows
        Between performance windows and, where it is known, between days.
    """

    spreads: tuple[SpreadOfWindows, ...]

    @property
    def known_ms(self) -> float:
        """Length of the longest windows that it is known for; infinite where errors are taken as independent."""
        return max((float(each.size_ms) for each in self.spreads), default=math.inf)

    def ratio(self, labels_an_hour: float) -> float:
        """Return λ, at least 1: the variance of the share's mean over that of independent errors."""
        return max((each.ratio(labels_an_hour * each.size_ms / HOUR_MS) for each in self.spreads), default=1.0)

    def ratios(self, labels_an_hour: float) -> NDArray[np.float64]:
        """Return λ of each direction, shape (2, D), at a rate of labels."""
        return np.full((COLUMNS, MOST_DIRECTIONS), self.ratio(labels_an_hour))


class ErrorBets:
    """The bets on a model's errors.

    Parameters
    ----------
    baseline : PerformanceBaseline
    profile : Profile
    variation : ErrorVariation

    Attributes
    ----------
    bets : Bets
        Of two columns, one that bets on more wrong predictions and one on fewer: neither may hide the other.
    fair : Fair
        What is expected of any pane, with a margin of two standard errors of the baseline.
    wrong, n : int
        Wrong predictions of the baseline, of how many.
    before : float
        Accuracy of the baseline.
    """

    metric: TestedMetric = METRIC

    def __init__(self, profile: Profile, baseline: PerformanceBaseline, variation: ErrorVariation) -> None:
        self.profile = profile
        self.variation = variation
        self.wrong, self.n = wrong_decisions(profile.task.performance_layout, baseline.vector, METRIC)
        self.before = 1 - self.wrong / max(self.n, 1)
        share = (self.wrong + _PSEUDO) / (self.n + 2 * _PSEUDO)
        self.bets = Bets([(each,) for each in error_directions(share)], _GROUPS)
        self.fair = fair_prices(self.bets, np.array([[1 - share, share, 0.0]] * COLUMNS), self.n, variation)

    def after(self, change: float, *, worse: bool) -> float:
        """Return the accuracy after a change of the mean score."""
        return min(1.0, max(0.0, self.before + (-change if worse else change)))

    def deviation(self, after: float) -> float:
        """Return the standard deviation of one prediction that is right or wrong, at an accuracy."""
        return math.sqrt(after * (1 - after))


def counts_of(groups: Sequence[int]) -> NDArray[np.int64]:
    """Return the counts of a pane of labels by group of their error, shape (2, G + 1)."""
    return np.array([[*groups, 0]] * COLUMNS)


def fair_prices(bets: Bets, shares: NDArray[np.float64], n: int, variation: ErrorVariation) -> Fair:
    """Return the prices of bets against a baseline with these shares of n labels, with a margin for its own error.

    Its error is that of a window of as many labels as the reference's had.
    """
    usual = max((each.ratio(each.n) for each in variation.spreads), default=1.0)
    errors = np.sqrt(bets.variances(shares) * usual / max(n, 1))
    prices = np.maximum(bets.fair(shares), bets.log_means(shares) + MARGIN * errors)
    return Fair(prices, bets.means(shares))


def error_variation(profile: Profile, settings: ModelSettings) -> ErrorVariation | None:
    """Return how much errors vary; None where there is nothing to bet on, or nothing is known.

    Needed are labels without weights, and a reference whose labelled rows have times. Of classes these are not needed
    where errors are configured to be independent; of numbers, whose groups only such a reference has, they are.
    """
    watched = watched_metrics(profile.task, settings.performance.metrics)
    if not settings.checks.sequential or profile.task.performance_layout.weighted:
        return None
    if LOSS in watched:
        return _loss_variation(profile, settings)
    if METRIC not in watched:
        return None
    if settings.checks.dispersion.mode == "independent":
        return ErrorVariation(())
    spread = None if profile.history is None else profile.history.errors
    of_windows = None if spread is None else spread.metrics.get(METRIC)
    if spread is None or of_windows is None:
        return None
    spreads = [spread_of_windows(of_windows, spread.window_ms, INDEPENDENT)]
    of_days = spread.of_days.get(METRIC)
    if of_days is not None:
        spreads.append(spread_of_windows(of_days, DAY_MS, _SLOW))
    return ErrorVariation(tuple(spreads))


def _loss_variation(profile: Profile, settings: ModelSettings) -> ErrorVariation | None:
    groups = profile.error_groups
    if groups is None or profile.performance is None or groups.window_ms != int(settings.windows.performance):
        return None
    if settings.checks.dispersion.mode == "independent":
        return ErrorVariation(())
    spreads = [spread_of_windows(groups.of_windows, groups.window_ms, INDEPENDENT)]
    if groups.of_days is not None:
        spreads.append(spread_of_windows(groups.of_days, DAY_MS, _SLOW))
    return ErrorVariation(tuple(spreads))


def why_unwatched(profile: Profile, settings: ModelSettings) -> str | None:
    """Return why the errors of a model with e-detectors are not watched; None where they are."""
    if error_variation(profile, settings) is not None:
        return None
    if watched_metric(profile, settings) is None:
        return "neither accuracy nor mae is among the watched metrics of the task"
    if profile.task.performance_layout.weighted:
        return "labels have weights"
    needed = f"labelled rows with times in at least {LEAST_WINDOWS} performance windows"
    return f"the reference does not show how much errors vary, for which it needs {needed}"


def watched_metric(profile: Profile, settings: ModelSettings) -> TestedMetric | None:
    """Return the metric whose errors an e-detector may watch; None where the task has none that is watched."""
    watched = watched_metrics(profile.task, settings.performance.metrics)
    return next((each for each in (METRIC, LOSS) if each in watched), None)


def error_remarks(profile: Profile, settings: ModelSettings) -> list[str]:
    """Return why the errors of a profile with labels are not watched pane by pane; nothing where they are.

    Segments say so too where the profile has no labels: of them nothing else is watched.
    """
    if not settings.checks.sequential:
        return []
    why, metric = why_unwatched(profile, settings), watched_metric(profile, settings)
    advice = "" if metric is None or profile.task.performance_layout.weighted else "; give such rows"
    remarks = []
    if why is not None and profile.performance is not None and metric is not None:
        remarks.append(f"{metric} is compared window by window only, not as labels come: {why}{advice}")
    of_segments = why_segments_unwatched(profile, settings)
    if settings.segments and of_segments is not None:
        more = "" if remarks or of_segments != why else advice
        remarks.append(f"the errors of segments are reported and not watched: {of_segments}{more}")
    return remarks


def why_segments_unwatched(profile: Profile, settings: ModelSettings) -> str | None:
    """Return why the errors of segments are not watched; None where they are."""
    if METRIC not in watched_metrics(profile.task, settings.performance.metrics):
        return f"{METRIC} is not among the watched metrics of the task"
    return why_unwatched(profile, settings)


def spread_of_windows(spread: SpreadOfMetric, size_ms: int, quantile: float) -> SpreadOfWindows:
    """Return what is taken of an estimate between windows of a length: no excess where chance explains it, up to a
    quantile of chance.
    """
    freedom = spread.n_windows - 1
    by_chance = spread.dispersion <= float(chdtri(freedom, 1 - quantile)) / freedom
    most = max(0.0, spread.dispersion * freedom / float(chdtri(freedom, INDEPENDENT)) - 1)
    excess = 0.0 if by_chance else max(0.0, spread.dispersion - 1)
    return SpreadOfWindows(size_ms, spread.n_per_window, excess, most)

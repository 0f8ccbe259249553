"""What an e-detector holds a model's errors against: their share in the baseline, and how much it varies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import chdtri

from driftline.checks.contract.error_budget import ERRORS_OF
from driftline.detectors.mixture.bets import MARGIN, Bets, Fair
from driftline.detectors.mixture.directions import MOST_DIRECTIONS
from driftline.detectors.mixture.error_directions import error_directions
from driftline.performance.losses import watched_metrics, wrong_decisions
from driftline.profiles.error_spread import DAY_MS, LEAST_WINDOWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.config.model import ModelSettings
    from driftline.profiles.error_spread import SpreadOfMetric
    from driftline.profiles.profile import Profile

METRIC: Final = ERRORS_OF
"""Of classes only, as errors of numbers have no histogram in the reference."""
_INDEPENDENT: Final = 0.95
"""Below this quantile of what independent errors vary by, between windows, errors are taken as independent; above it
their variance ratio is taken at this upper limit."""
_SLOW: Final = 0.999
"""The same of days: one in a thousand."""
_GROUPS: Final = 2
_PSEUDO: Final = 0.5
"""Labels added to the baseline, wrong and right ones."""


class ErrorVariation(NamedTuple):
    """How much the share of wrong predictions varies, and over which time that is known.

    Attributes
    ----------
    ratio : float, at least 1
        λ: variance of its mean over that of independent errors.
    known_ms : float
        Length of the longest windows that it is known for; infinite where errors are taken as independent.
    """

    ratio: float
    known_ms: float


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
        Of one column.
    fair : Fair
        What is expected of any pane, with a margin of two standard errors of the baseline.
    ratios : ndarray of float64, shape (1, D)
    wrong, n : int
        Wrong predictions of the baseline, of how many.
    """

    def __init__(self, profile: Profile, baseline: PerformanceBaseline, variation: ErrorVariation) -> None:
        self.variation = variation
        self.wrong, self.n = wrong_decisions(profile.task.performance_layout, baseline.vector, METRIC)
        share = (self.wrong + _PSEUDO) / (self.n + 2 * _PSEUDO)
        self.bets = Bets([error_directions(share)], _GROUPS)
        self.ratios = np.full((1, MOST_DIRECTIONS), variation.ratio)
        shares = np.array([[1 - share, share, 0.0]])
        errors = np.sqrt(self.bets.variances(shares) * variation.ratio / max(self.n, 1))
        prices = np.maximum(self.bets.fair(shares), self.bets.log_means(shares) + MARGIN * errors)
        self.fair = Fair(prices, self.bets.means(shares))

    @staticmethod
    def counts(n: int, wrong: int) -> NDArray[np.int64]:
        """Return the counts of a pane of labels, shape (1, 3)."""
        return np.array([[n - wrong, wrong, 0]])


def error_variation(profile: Profile, settings: ModelSettings) -> ErrorVariation | None:
    """Return how much errors vary; None where there is nothing to bet on, or nothing is known.

    Needed are classes, labels without weights, and a reference whose labelled rows have times, unless errors are
    configured to be independent. What days vary by beyond their hours counts with its upper limit.
    """
    watched = watched_metrics(profile.task, settings.performance.metrics)
    if not settings.checks.sequential or METRIC not in watched or profile.task.performance_layout.weighted:
        return None
    if settings.checks.dispersion.mode == "independent":
        return ErrorVariation(1.0, math.inf)
    spread = None if profile.history is None else profile.history.errors
    of_windows = None if spread is None else spread.metrics.get(METRIC)
    if spread is None or of_windows is None:
        return None
    ratio = _ratio(of_windows, 1.0, _INDEPENDENT)
    of_days = spread.of_days.get(METRIC)
    if of_days is None:
        return ErrorVariation(ratio, float(spread.window_ms))
    return ErrorVariation(_ratio(of_days, ratio, _SLOW), float(max(DAY_MS, spread.window_ms)))


def error_remarks(profile: Profile, settings: ModelSettings) -> list[str]:
    """Return why the errors of a profile with labels are not watched pane by pane; nothing where they are."""
    watched = METRIC in watched_metrics(profile.task, settings.performance.metrics) and settings.checks.sequential
    if profile.performance is None or not watched or error_variation(profile, settings) is not None:
        return []
    if profile.task.performance_layout.weighted:
        return ["accuracy is compared window by window only, not as labels come, as labels have weights"]
    needed = f"labelled rows with times in at least {LEAST_WINDOWS} performance windows"
    why = f"the reference does not show how much errors vary, for which it needs {needed}; give such rows"
    return [f"accuracy is compared window by window only, not as labels come: {why}"]


def _ratio(spread: SpreadOfMetric, usual: float, quantile: float) -> float:
    """Return the variance ratio at its upper limit, or the usual one where it is within what that lets expect."""
    freedom = spread.n_windows - 1
    if spread.dispersion <= usual * float(chdtri(freedom, 1 - quantile)) / freedom:
        return usual
    return max(usual, spread.dispersion * freedom / float(chdtri(freedom, _INDEPENDENT)))

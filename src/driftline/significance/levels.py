"""The significance level of each test: the false-alarm budget divided by the number of tests that can spend it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))
_SLACK = 1e-9
"""0.7 + 0.2 + 0.1 is a little more than 1 in floating point."""


class Level(Struct, frozen=True, kw_only=True):
    """The significance level of one test and its derivation.

    Parameters
    ----------
    level : float in (0, 1]
        A test is significant when its p-value is at most this.
    n_tests : int
        Tests within the horizon, at least 1.
    n_windows : int
        Windows within the horizon, at least 1.
    derivation : str
        The division in words, for the evidence of a finding.
    """

    level: float
    n_tests: int
    n_windows: int
    derivation: str


def level_per_test(
    budget_pages: float, horizon_ms: int, window_ms: int, n_tests_per_window: int, findings_per_page: int = 1
) -> Level:
    """Divide a budget of false notifications over all tests of a horizon, whose expected number is then the budget.

    This holds whatever the dependence between the tests, as expectations add up. A notification uses up
    `findings_per_page` findings, none of which counts for another one, so there are at most (false findings) /
    `findings_per_page` false notifications, and the expected number of false findings is the sum of the levels. A
    power of the level in the place of the sum would assume independent windows, but they share a reference.

    Parameters
    ----------
    budget_pages : float, greater than 0
        False notifications allowed for one model within the horizon.
    horizon_ms : int, unit ms, at least `window_ms`
        Period of the budget.
    window_ms : int, unit ms, greater than 0
        Length of the disjoint windows that are checked; an incomplete window counts.
    n_tests_per_window : int, at least 1
        Tests of one window: columns × families.
    findings_per_page : int, at least 1
        Findings of one check that a notification uses up.

    Returns
    -------
    Level
        Its level is the budget × findings per notification over the number of tests, at most 1.

    Raises
    ------
    ParameterError
        A parameter outside its range.

    Notes
    -----
    Source: Bonferroni's inequality, as in Dunn (1961), doi:10.1080/01621459.1961.10482090. Deviations: none.

    Examples
    --------
    >>> level = level_per_test(1, 30 * 86_400_000, 3_600_000, 50)
    >>> f"{level.level:.2e}", level.n_tests
    ('2.78e-05', 36000)
    >>> level.derivation
    '1 page per 30 d / (720 windows of 1 h x 50 tests) = 2.78e-05'
    >>> level_per_test(1, 30 * 86_400_000, 3_600_000, 50, 2).derivation
    '1 page per 30 d x 2 findings a page / (720 windows of 1 h x 50 tests) = 5.56e-05'
    """
    if not (math.isfinite(budget_pages) and budget_pages > 0):
        raise ParameterError("a number of pages greater than 0", budget_pages, "$.budget_pages")
    if window_ms <= 0:
        raise ParameterError("a duration greater than 0 ms", window_ms, "$.window_ms")
    if horizon_ms < window_ms:
        raise ParameterError(f"a horizon of at least one window ({window_ms} ms)", horizon_ms, "$.horizon_ms")
    if n_tests_per_window < 1:
        raise ParameterError("at least 1 test per window", n_tests_per_window, "$.n_tests_per_window")
    if findings_per_page < 1:
        raise ParameterError("at least 1 finding per page", findings_per_page, "$.findings_per_page")
    n_windows = -(-horizon_ms // window_ms)
    n_tests = n_windows * n_tests_per_window
    quotient = budget_pages * findings_per_page / n_tests
    level = min(1.0, quotient)
    k_of_n = f" x {findings_per_page} findings a page" if findings_per_page > 1 else ""
    derivation = (
        f"{budget_pages:g} {'page' if budget_pages == 1 else 'pages'} per {_duration(horizon_ms)}{k_of_n} / "
        f"({n_windows} {'window' if n_windows == 1 else 'windows'} of {_duration(window_ms)} x {n_tests_per_window} "
        f"{'test' if n_tests_per_window == 1 else 'tests'}) = {quotient:.3g}"
    )
    if quotient > 1:
        derivation += ", held at 1"
    return Level(level=level, n_tests=n_tests, n_windows=n_windows, derivation=derivation)


def shares_of_budget(
    spenders: Iterable[str], configured: Mapping[str, float], weights: Mapping[str, int] | None = None
) -> dict[str, float]:
    """Divide the budget among the kinds of test that spend it, into fractions that add up to at most 1.

    Parameters
    ----------
    spenders : iterable of str
        Kinds of test in use: window sizes, performance, detectors.
    configured : mapping of str to float in (0, 1]
        Configured shares; the share of a spender that is not in use stays unspent.
    weights : mapping of str to int, optional
        Of those without a configured share; 1 where none is given.

    Returns
    -------
    dict of str to float
        By spender, in their order; those without a configured share divide the rest by their weights.

    Raises
    ------
    ParameterError
        Shares above 1 in sum, or nothing left for a spender without one.

    Examples
    --------
    >>> shares_of_budget(("1h", "1d", "performance"), {"1h": 0.5})
    {'1h': 0.5, '1d': 0.25, 'performance': 0.25}
    >>> shares_of_budget(("1h", "1d", "detectors"), {}, {"detectors": 2})
    {'1h': 0.25, '1d': 0.25, 'detectors': 0.5}
    """
    names = tuple(spenders)
    unnamed = {name: (weights or {}).get(name, 1) for name in names if name not in configured}
    rest = 1 - math.fsum(configured.values())
    if rest < -_SLACK or (unnamed and rest <= _SLACK):
        raise ParameterError(
            "shares that add up to at most 1 and leave something for the rest", dict(configured), "$.shares"
        )
    parts = max(sum(unnamed.values()), 1)
    return {name: configured.get(name, rest * unnamed.get(name, 0) / parts) for name in names}


def _duration(ms: int) -> str:
    """Return a duration in the largest unit that divides it."""
    return next(f"{ms // size} {name}" for name, size in _UNITS_MS if ms % size == 0)

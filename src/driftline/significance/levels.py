"""The level of each test: the false-alarm budget divided by the number of tests that could spend it."""

from __future__ import annotations

import math

from msgspec import Struct

from driftline.errors import ParameterError

_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))


class Level(Struct, frozen=True, kw_only=True):
    """The level of one test and how it came about.

    Parameters
    ----------
    level : float in (0, 1]
        A test may come out against the model when its p-value is at most this.
    n_tests : int
        Tests within the horizon, at least 1.
    derivation : str
        The division in words, for the evidence of a finding.
    """

    level: float
    n_tests: int
    derivation: str


def level_per_test(budget_pages: float, horizon_ms: int, window_ms: int, n_tests_per_window: int) -> Level:
    """Divide a budget of false pages over all tests of a horizon: the expected number of false findings is the budget.

    This holds whatever the dependence between the tests, as expectations add up.

    Parameters
    ----------
    budget_pages : float, greater than 0
        False pages that one model may cost within the horizon.
    horizon_ms : int, unit ms, at least `window_ms`
        Time to which the budget refers.
    window_ms : int, unit ms, greater than 0
        Length of the disjoint windows over which verdicts are given; a started window counts.
    n_tests_per_window : int, at least 1
        Tests of one window: columns × families.

    Returns
    -------
    Level
        Its level is the budget over the number of tests, at most 1.

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
    """
    if not (math.isfinite(budget_pages) and budget_pages > 0):
        raise ParameterError("a number of pages greater than 0", budget_pages, "$.budget_pages")
    if window_ms <= 0:
        raise ParameterError("a duration greater than 0 ms", window_ms, "$.window_ms")
    if horizon_ms < window_ms:
        raise ParameterError(f"a horizon of at least one window ({window_ms} ms)", horizon_ms, "$.horizon_ms")
    if n_tests_per_window < 1:
        raise ParameterError("at least 1 test per window", n_tests_per_window, "$.n_tests_per_window")
    n_windows = -(-horizon_ms // window_ms)
    n_tests = n_windows * n_tests_per_window
    quotient = budget_pages / n_tests
    level = min(1.0, quotient)
    derivation = (
        f"{budget_pages:g} {'page' if budget_pages == 1 else 'pages'} per {_duration(horizon_ms)} / ({n_windows} "
        f"{'window' if n_windows == 1 else 'windows'} of {_duration(window_ms)} x {n_tests_per_window} "
        f"{'test' if n_tests_per_window == 1 else 'tests'}) = {quotient:.3g}"
    )
    if quotient > 1:
        derivation += ", held at 1"
    return Level(level=level, n_tests=n_tests, derivation=derivation)


def _duration(ms: int) -> str:
    """Return a duration in the largest unit that divides it."""
    return next(f"{ms // size} {name}" for name, size in _UNITS_MS if ms % size == 0)

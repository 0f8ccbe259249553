"""The incidents of all models in one month, in the order of their e-values, and the models whose budgets count."""

from __future__ import annotations

import calendar
import math
from bisect import bisect_left, insort
from collections import Counter
from typing import Final

_DAY_MS: Final = 86_400_000
Place = tuple[str, str]
"""A model and its version: each has a budget of its own."""
Budget = tuple[float, int]
"""False alarms in how many milliseconds."""


class FleetMonth:
    """The e-values of a month's incidents.

    Parameters
    ----------
    month : str
        As in ``2026-03``.

    Attributes
    ----------
    totals : dict of str to float
        The e-value of each incident, the sum of those of its alerts.
    places : set of (str, str)
        Models and versions with alerts in the month.
    budgets : Counter of Budget
        Of those that are counted here.

    Notes
    -----
    *State*: a few numbers an alert. *Cost* of a change: O(log n) comparisons of n incidents, and moving up to n numbers
    by one place; of :meth:`least` as many as the incidents that nearly have enough.
    """

    def __init__(self, month: str) -> None:
        self._ms = days_of(month) * _DAY_MS
        self._parts: dict[str, dict[str, float]] = {}
        self._ranked: list[float] = []
        self.totals: dict[str, float] = {}
        self.places: set[Place] = set()
        self.budgets: Counter[Budget] = Counter()

    def put(self, incident: str, alert_id: str, e_value: float) -> None:
        """Let an alert of an incident have an e-value, unless a greater one is known."""
        parts = self._parts.setdefault(incident, {})
        if e_value > parts.get(alert_id, -1.0):
            parts[alert_id] = e_value
            self._sum(incident)

    def merge(self, before: str, incident: str) -> None:
        """Let all alerts of one incident be of another one, from which it follows."""
        parts = self._parts.get(before)
        if parts is None:
            return
        self._parts[before] = {}
        self._sum(before)
        self._parts.setdefault(incident, {}).update(parts)
        self._sum(incident)

    def expected(self, others: Counter[Budget]) -> float:
        """Return the false alarms that the budgets counted here, and others, promise for the month."""
        every = sorted((self.budgets + others).items())
        return math.fsum(n * pages * self._ms / horizon_ms for (pages, horizon_ms), n in every)

    def least(self, of_one: float) -> float:
        """Return the smallest e-value in the set, infinite where it is empty; ``of_one`` is what a single one needs."""
        ranked, n_all = self._ranked, len(self._ranked)
        for place in range(bisect_left(ranked, of_one / max(n_all, 1)), n_all):
            if (n_all - place) * ranked[place] >= of_one:
                return ranked[place]
        return math.inf

    def needed(self, of_one: float) -> float:
        """Return the least e-value with which one more incident would be in the set.

        It may bring others with it: with n incidents in all, the n - 1 greatest need ``of_one`` / n as it does.
        """
        others = [math.inf, *reversed(self._ranked)]
        return min(of_one / n for n, least in enumerate(others, start=1) if least >= of_one / n)

    def _sum(self, incident: str) -> None:
        before = self.totals.pop(incident, None)
        if before is not None:
            del self._ranked[bisect_left(self._ranked, before)]
        parts = self._parts[incident]
        if parts:
            self.totals[incident] = math.fsum(parts.values())
            insort(self._ranked, self.totals[incident])
        else:
            del self._parts[incident]


def days_of(month: str) -> int:
    """Return the number of days of a month.

    Examples
    --------
    >>> days_of("2028-02"), days_of("2026-12")
    (29, 31)
    """
    year, number = month.split("-")
    return calendar.monthrange(int(year), int(number))[1]

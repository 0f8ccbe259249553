"""The fleet's set: of the incidents of all models the largest set of which at most a share is expected to be false.

An incident is an alert with those that follow from it, and its e-value the sum of theirs, each as
:mod:`driftline.alerts.evidence` has it. Of the incidents of one calendar month the set is the r greatest, for the
greatest r with::

    e_(r) ≥ N / (α r)

where N are the false alarms that the budgets of all models promise for the month together, and α is the share.

*Theorem.* The false incidents are at most α of the set in expectation, whatever depends on whatever: a false incident
in the set has e ≥ N / (α r), so that false incidents / r ≤ α Σ e / N, the sum over all false incidents; and E[Σ e] ≤ N.
As e-values only grow during a month, the sum is greatest at its end. So this holds for the worst moment of the month,
and for any time at which somebody looks, whatever made them look.

Source: e-BH of Wang and Ramdas (2022), doi:10.1111/rssb.12489, with compound e-values (Ignatiadis, Wang and Ramdas
2024, arXiv:2409.19812); over time the online e-BH of Fischer, Xu and Ramdas (2024), arXiv:2407.20683. Deviations: N / α
is in the place of hypotheses / α, as the budget bounds the sum of the e-values of all that is false, and no number of
hypotheses has to be known.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from driftline.config.settings import Settings

MAX_MONTHS: Final = 3
"""The latest months whose alerts are compared; older ones are over."""
MAX_BEYOND: Final = 10_000
"""Incidents that are remembered as ones that the bound is not about."""
_DAY_MS: Final = 86_400_000
Place = tuple[str, str]
"""A model and its version: each has a budget of its own."""


class AlertStanding(NamedTuple):
    """What is taken in of an alert's state."""

    alert_id: str
    incident: str
    """The alert that it follows from; its own id, or empty, where there is none."""
    place: Place
    e_values: tuple[tuple[str, float], ...]
    """By month."""
    is_comparable: bool
    """Whether all its findings have e-values."""


class Standing(NamedTuple):
    """The set of one month."""

    selected: frozenset[str]
    """Ids of the incidents in it."""
    n_incidents: int
    """Incidents with an e-value."""
    expected: float
    """N: false alarms that the budgets of all models promise for the month at most."""
    n_models: int
    """Models and versions that have these budgets."""
    needed: float
    """The e-value that one more incident would have to have."""


def selected(e_values: Mapping[str, float], expected: float, false_share: float) -> frozenset[str]:
    """Return the alerts in the set.

    Parameters
    ----------
    e_values : mapping of str to float, at least 0
        By alert id.
    expected : float, above 0
        N.
    false_share : float in (0, 1)
        α.

    Raises
    ------
    ParameterError
        A parameter outside its range.

    Notes
    -----
    *Oracle*: Benjamini and Hochberg's procedure as SciPy has it, on the p-values N / (K e) of K alerts.

    Examples
    --------
    >>> sorted(selected({"a": 250.0, "b": 60.0, "c": 40.0, "d": 3.0}, 10.0, 0.1))
    ['a', 'b', 'c']
    >>> sorted(selected({"a": 90.0}, 10.0, 0.1))
    []
    """
    if not (math.isfinite(expected) and expected > 0):
        raise ParameterError("expected false alarms above 0", expected, "$.expected")
    if not 0 < false_share < 1:
        raise ParameterError("a share above 0 and below 1", false_share, "$.false_share")
    ranked = sorted(e_values.values(), reverse=True)
    for n in range(len(ranked), 0, -1):
        if false_share * n * ranked[n - 1] >= expected:
            least = ranked[n - 1]
            return frozenset(alert_id for alert_id, e_value in e_values.items() if e_value >= least)
    return frozenset()


class Fleet:
    """The alerts of all models that were read, by month.

    What it knows follows from the records that were read and from the configuration; records may come again.

    Parameters
    ----------
    settings : Settings
        ``fleet``, and the budgets.
    watched : iterable of (str, str)
        Models and versions that are known to be watched, beside those that have alerts.

    Notes
    -----
    *State*: a few numbers for each alert of the latest three months. *Cost*: O(n log n) for the n alerts of a month
    whenever the set is asked for after one of them has changed.
    """

    def __init__(self, settings: Settings, watched: Iterable[Place] = ()) -> None:
        self._settings = settings
        self._watched = frozenset(watched)
        self._e_values: dict[str, dict[str, float]] = {}
        self._places: dict[str, set[Place]] = {}
        self._standings: dict[str, Standing] = {}
        self._incidents: dict[str, str] = {}
        self._beyond: OrderedDict[str, None] = OrderedDict()

    def note(self, alert: AlertStanding) -> None:
        """Take in the state of an alert; an e-value smaller than the one known changes nothing."""
        alert_id, incident = alert.alert_id, alert.incident or alert.alert_id
        if not alert.is_comparable:
            self._beyond[incident] = None
            self._beyond.move_to_end(incident)
            if len(self._beyond) > MAX_BEYOND:
                self._beyond.popitem(last=False)
        if alert.e_values and self._incidents.get(alert_id) != incident:
            self._incidents[alert_id] = incident
            self._standings.clear()
        for month, e_value in alert.e_values:
            known, places = self._e_values.setdefault(month, {}), self._places.setdefault(month, set())
            if e_value > known.get(alert_id, -1.0) or alert.place not in places:
                known[alert_id] = max(e_value, known.get(alert_id, 0.0))
                places.add(alert.place)
                self._standings.pop(month, None)
        if len(self._e_values) > MAX_MONTHS:
            self._forget_old()

    @property
    def months(self) -> list[str]:
        """The months that there are alerts of, the latest last."""
        return sorted(self._e_values)

    def standing(self, month: str) -> Standing:
        """Return the set of a month."""
        known = self._standings.get(month)
        if known is None:
            e_values, share = self.e_values(month), self._settings.fleet.false_share
            n_models, expected = promised(self._settings, month, self._places.get(month, ()), self._watched)
            found = selected(e_values, expected, share)
            needed = _needed_by_another(e_values, expected / share)
            known = self._standings[month] = Standing(found, len(e_values), expected, n_models, needed)
        return known

    def e_values(self, month: str) -> dict[str, float]:
        """Return the e-values of the incidents of a month, by id."""
        parts: dict[str, list[float]] = {}
        for alert_id, e_value in self._e_values.get(month, {}).items():
            parts.setdefault(self._incidents[alert_id], []).append(e_value)
        return {incident: math.fsum(each) for incident, each in parts.items()}

    def is_selected(self, incident: str) -> bool:
        """Whether an incident is in the set of one of the latest months."""
        return any(incident in self.standing(month).selected for month in self._e_values)

    def is_beyond(self, incident: str) -> bool:
        """Whether findings of an incident have no e-value, so that the bound is not about it."""
        return incident in self._beyond

    def _forget_old(self) -> None:
        for month in self.months[:-MAX_MONTHS]:
            for of_month in (self._e_values, self._places, self._standings):
                of_month.pop(month, None)
        kept = {alert_id for of_month in self._e_values.values() for alert_id in of_month}
        self._incidents = {alert_id: each for alert_id, each in self._incidents.items() if alert_id in kept}


def _needed_by_another(e_values: Mapping[str, float], of_one: float) -> float:
    """Return the least e-value with which one more alert would be in the set; ``of_one`` is what a single one needs.

    It may bring others with it: with n alerts in all, the n - 1 greatest need ``of_one`` / n as it does.
    """
    ranked = sorted(e_values.values(), reverse=True)
    others = [math.inf, *ranked]
    return min(of_one / n for n, least in enumerate(others, start=1) if least >= of_one / n)


def promised(
    settings: Settings, month: str, seen: Collection[Place], watched: Iterable[Place] = ()
) -> tuple[int, float]:
    """Return how many models and versions there are, and the false alarms that their budgets promise for a month.

    Parameters
    ----------
    month : str
        As in ``2026-03``.
    seen : collection of (str, str)
        Models and versions with alerts in the month.
    watched : iterable of (str, str)
        Others. They do not count where ``fleet.models`` says how many there are; what it says beyond those seen counts
        with the budget of ``defaults``.
    """
    stated = settings.fleet.models
    places = sorted({*seen, *watched} if stated is None else {*seen})
    n_others = max(0 if places else 1, 0 if stated is None else stated - len(places))
    budgets = [settings.model(model).alerts.false_alarm_budget for model, _ in places]
    budgets += [settings.defaults.alerts.false_alarm_budget] * n_others
    month_ms = _days(month) * _DAY_MS
    return len(budgets), math.fsum(each.pages * month_ms / int(each.horizon) for each in budgets)


def _days(month: str) -> int:
    """Return the number of days of a month.

    Examples
    --------
    >>> _days("2028-02"), _days("2026-12")
    (29, 31)
    """
    first = dt.date.fromisoformat(f"{month}-01")
    return (first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1) - first).days

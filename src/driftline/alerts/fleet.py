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

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.alerts.fleet_month import FleetMonth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.alerts.fleet_month import Budget, Place
    from driftline.config.settings import Settings

MAX_MONTHS: Final = 3
"""The latest months whose alerts are compared; older ones are over."""
MAX_BEYOND: Final = 10_000
"""Incidents that are remembered as ones that the bound is not about."""


class AlertStanding(NamedTuple):
    """What is taken in of an alert's state."""

    alert_id: str
    incident: str
    """The alert that it follows from; its own id where there is none."""
    place: Place
    e_values: tuple[tuple[str, float], ...]
    """By month, at least 0 and finite."""
    is_comparable: bool
    """Whether all its findings have e-values."""


class Standing(NamedTuple):
    """The set of one month."""

    n_selected: int
    n_incidents: int
    """Incidents with an e-value."""
    expected: float
    """N: false alarms that the budgets of all models promise for the month at most."""
    n_models: int
    """Models and versions that have these budgets."""
    needed: float
    """The e-value that one more incident would have to have."""


class Fleet:
    """The incidents of all models that were read, by month.

    What it knows follows from the records that were read and from the configuration; records may come again.

    Parameters
    ----------
    settings : Settings
        ``fleet``, and the budgets.
    watched : iterable of (str, str)
        Models and versions that are known to be watched, beside those that have alerts. They do not count where
        ``fleet.models`` says how many there are; what it says beyond those with alerts counts with the budget of
        ``defaults``.

    Notes
    -----
    *State*: a few numbers for each alert of the latest three months. *Oracle*: Benjamini and Hochberg's procedure as
    SciPy has it, on the p-values N / (K e) of K incidents.

    Examples
    --------
    >>> from driftline.config.settings import FleetSettings, Settings
    >>> fleet = Fleet(Settings(fleet=FleetSettings(models=10)))
    >>> for alert_id, e_value in (("a", 250.0), ("b", 60.0), ("c", 40.0), ("d", 3.0)):
    ...     fleet.note(AlertStanding(alert_id, alert_id, ("m", "1"), (("2026-03", e_value),), is_comparable=True))
    >>> [fleet.is_selected(alert_id) for alert_id in "abcd"]
    [True, True, True, False]
    """

    def __init__(self, settings: Settings, watched: Iterable[Place] = ()) -> None:
        self._settings = settings
        self._watched = frozenset(watched) if settings.fleet.models is None else frozenset()
        self._others = Counter(self._budget(model) for model, _ in self._watched)
        self._months: dict[str, FleetMonth] = {}
        self._follows: dict[str, str] = {}
        self._beyond: OrderedDict[str, None] = OrderedDict()

    def note(self, alert: AlertStanding) -> None:
        """Take in the state of an alert; an e-value smaller than the one known changes nothing."""
        incident = self.incident_of(alert.incident)
        if self.incident_of(alert.alert_id) != incident:
            self._join(alert.alert_id, incident)
        if not alert.is_comparable:
            self._pass(incident)
        for month, e_value in alert.e_values:
            known = self._months.setdefault(month, FleetMonth(month))
            known.put(incident, alert.alert_id, e_value)
            if alert.place not in known.places:
                known.places.add(alert.place)
                if alert.place not in self._watched:
                    known.budgets[self._budget(alert.place[0])] += 1
        if len(self._months) > MAX_MONTHS:
            self._forget_old()

    def incident_of(self, alert_id: str) -> str:
        """Return the alert that explains an alert: that from which it follows, or what that one follows from."""
        while alert_id in self._follows:
            alert_id = self._follows[alert_id]
        return alert_id

    @property
    def months(self) -> list[str]:
        """The months that there are alerts of, the latest last."""
        return sorted(self._months)

    def standing(self, month: str) -> Standing:
        """Return the set of a month."""
        of_month = self._months.get(month) or FleetMonth(month)
        n_models, expected = self._promised(of_month)
        of_one = expected / self._settings.fleet.false_share
        least = of_month.least(of_one)
        n_selected = sum(e_value >= least for e_value in of_month.totals.values())
        return Standing(n_selected, len(of_month.totals), expected, n_models, of_month.needed(of_one))

    def e_values(self, alert_id: str) -> dict[str, float]:
        """Return the e-values of an alert's incident by month, the latest last."""
        incident = self.incident_of(alert_id)
        every = ((month, self._months[month].totals.get(incident)) for month in self.months)
        return {month: e_value for month, e_value in every if e_value is not None}

    def is_selected(self, alert_id: str) -> bool:
        """Whether an alert's incident is in the set of one of the latest months."""
        incident = self.incident_of(alert_id)
        for of_month in self._months.values():
            e_value = of_month.totals.get(incident)
            if e_value is not None:
                _, expected = self._promised(of_month)
                if e_value >= of_month.least(expected / self._settings.fleet.false_share):
                    return True
        return False

    def is_beyond(self, alert_id: str) -> bool:
        """Whether findings of an alert's incident have no e-value, so that the bound is not about it."""
        return self.incident_of(alert_id) in self._beyond

    def _join(self, alert_id: str, incident: str) -> None:
        """Let an alert, and what follows from it, be of an incident."""
        before = self.incident_of(alert_id)
        self._follows[before] = incident
        for of_month in self._months.values():
            of_month.merge(before, incident)
        if before in self._beyond:
            self._pass(incident)

    def _pass(self, incident: str) -> None:
        self._beyond[incident] = None
        self._beyond.move_to_end(incident)
        if len(self._beyond) > MAX_BEYOND:
            self._beyond.popitem(last=False)

    def _promised(self, of_month: FleetMonth) -> tuple[int, float]:
        """Return how many models and versions there are, and the false alarms that their budgets promise."""
        n_known, stated = of_month.budgets.total() + self._others.total(), self._settings.fleet.models or 0
        unknown = Counter({self._budget(None): max(0, stated - n_known)})
        return max(n_known, stated), of_month.expected(self._others + unknown)

    def _budget(self, model: str | None) -> Budget:
        settings = self._settings.defaults if model is None else self._settings.model(model)
        budget = settings.alerts.false_alarm_budget
        return (budget.pages, int(budget.horizon))

    def _forget_old(self) -> None:
        for month in self.months[:-MAX_MONTHS]:
            del self._months[month]
        kept = {incident for of_month in self._months.values() for incident in of_month.totals} | set(self._beyond)
        self._follows = {each: to for each, to in self._follows.items() if self.incident_of(each) in kept}

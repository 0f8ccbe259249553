"""Which incidents of all models are in the fleet's set, of which at most a share is expected to be false."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from rich.text import Text

from driftline.alerts.fleet import Fleet
from driftline.cli.alert_book import folded, list_line
from driftline.notify.alert import Alert as Record
from driftline.notify.fleet_gate import standing_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.alerts.fleet_month import Place
    from driftline.cli.alert_book import Alert
    from driftline.config.settings import Settings

EARLIER_VERSION: Final = "written by an earlier version"
"""Why an alert without evidence has no e-value."""
_WIDTH: Final = len("not in set")


class FleetMonth(Struct, frozen=True, kw_only=True):
    """The set of one month."""

    month: str
    n_incidents: int
    """Incidents with an e-value."""
    n_in_set: int
    n_models: int
    """Models and versions whose budgets count."""
    expected: float
    """False alarms that these budgets promise for the month at most."""
    needed: float
    """The e-value that one more incident would have to have."""


class FleetIncident(Struct, frozen=True, kw_only=True):
    """Where an incident stands."""

    alert_id: str
    model: str
    model_version: str
    state: str
    severity: str
    title: str
    in_set: bool | None
    """Whether it is in the set of one of its months; null if it is not, and findings have no e-value."""
    e_values: dict[str, float]
    """By month, with those of the alerts that follow from it."""
    without: list[str]
    """Why findings have no e-value."""


class FleetReport(Struct, frozen=True, kw_only=True):
    """The fleet's set as it stands, and all incidents that were asked for."""

    false_share: float
    months: list[FleetMonth]
    incidents: list[FleetIncident]


class FleetBook:
    """The incidents of all models, and the sets of their months.

    Parameters
    ----------
    settings : Settings
    watched : iterable of (str, str)
        Models and versions with a published reference.
    alerts : iterable of Alert
        The latest state of each alert on the topic, also of the resolved ones: the set is of all of a month.
    """

    def __init__(self, settings: Settings, watched: Iterable[Place], alerts: Iterable[Alert]) -> None:
        self._share = settings.fleet.false_share
        self._fleet = Fleet(settings, watched)
        self._alerts = list(alerts)
        reasons = [(alert, self._take(alert)) for alert in self._alerts]
        self._without: dict[str, set[str]] = {}
        for alert, without in reasons:
            self._without.setdefault(self._incident_of(alert), set()).update(without)

    def report(self, *, also_resolved: bool = False) -> FleetReport:
        """Return where the incidents stand that are open, the most severe first."""
        incidents = [self._incident(alert) for alert in self._shown(also_resolved=also_resolved)]
        named = {month for each in incidents for month in each.e_values} | set(self._fleet.months[-1:])
        return FleetReport(
            false_share=self._share, months=[self._month(month) for month in sorted(named)], incidents=incidents
        )

    def lines(self, report: FleetReport) -> Iterator[Text]:
        """Yield a report as lines: those of the months, then one for each incident."""
        for of in report.months:
            yield Text(
                f"{of.month}: {of.n_in_set:,} of {of.n_incidents:,} incidents are in the set; at most "
                f"{100 * self._share:.3g} % of it are expected to be false. {of.n_models:,} models may expect "
                f"{of.expected:,.5g} false alarms; one more incident needs an e-value of {of.needed:,.3g}."
            )
        known = {alert.alert_id: alert for alert in self._alerts}
        for each in report.incidents:
            place = "no e-value" if each.in_set is None else "in the set" if each.in_set else "not in set"
            why = ", ".join(each.without) or ", ".join(f"{month}: {e:.3g}" for month, e in each.e_values.items())
            style = "dim" if each.in_set is False else ""
            yield Text.assemble(
                (f"{place:<{_WIDTH}}  ", style), list_line(known[each.alert_id], follows=False), f"  ({why})"
            )

    def _take(self, alert: Alert) -> Sequence[str]:
        """Let the fleet learn from an alert; return why findings have no e-value."""
        try:
            record = msgspec.convert(alert.fields, Record)
        except msgspec.ValidationError:
            return [EARLIER_VERSION]
        self._fleet.note(standing_of(record))
        return [EARLIER_VERSION] if record.evidence is None else record.evidence.without

    def _incident_of(self, alert: Alert) -> str:
        return self._fleet.incident_of(alert.incident)

    def _shown(self, *, also_resolved: bool) -> Iterator[Alert]:
        """Yield the alert that each incident is named by, if it is known, for those that are to be shown."""
        known = {alert.alert_id: alert for alert in self._alerts}
        is_open = {self._incident_of(alert) for alert in self._alerts if alert.is_open}
        told: set[str] = set()
        for alert, _ in folded(self._alerts):
            incident = self._incident_of(alert)
            if incident not in told and (also_resolved or incident in is_open):
                told.add(incident)
                yield known.get(incident, alert)

    def _incident(self, alert: Alert) -> FleetIncident:
        incident = self._incident_of(alert)
        without = sorted(self._without[incident])
        return FleetIncident(
            alert_id=alert.alert_id,
            model=str(alert.fields.get("model") or ""),
            model_version=str(alert.fields.get("model_version") or ""),
            state="open" if alert.is_open else "resolved",
            severity=alert.severity,
            title=str(alert.fields.get("title") or ""),
            in_set=True if self._fleet.is_selected(incident) else None if without else False,
            e_values=self._fleet.e_values(incident),
            without=without,
        )

    def _month(self, month: str) -> FleetMonth:
        of = self._fleet.standing(month)
        return FleetMonth(
            month=month,
            n_incidents=of.n_incidents,
            n_in_set=of.n_selected,
            n_models=of.n_models,
            expected=of.expected,
            needed=of.needed,
        )

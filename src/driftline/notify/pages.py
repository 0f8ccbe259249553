"""Pages: one for each group of incidents that one change upstream explains, as a reader of the topic comes to know it.

The first alert of a group to be read opens the page, and its ``alert_id`` names it. A later one that is linked to an
open member (:mod:`driftline.alerts.groups`) joins. That is never changed: two pages that turn out to be about one
problem stay two. What a reader knows follows from the records and their order alone, so a restart finds the same pages.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.alerts.groups import Incident, common, linked
from driftline.alerts.onsets import Interval
from driftline.config.notify_settings import AlertSeverity  # msgspec reads it
from driftline.events.cloudevents import epoch_ms
from driftline.notify.alert import SEVERITIES

if TYPE_CHECKING:
    from driftline.notify.alert import Alert

MAX_OVER: Final = 10_000
"""Pages whose alerts are all resolved that are remembered, in case one opens again."""
MAX_MODELS: Final = 20
"""Models that the view of a page names."""
_MAX_STALE: Final = 50


class PageView(Struct, frozen=True):
    """A page at a moment, as messages show it."""

    page_id: str
    n_alerts: int
    n_models: int
    """Models, whatever their versions."""
    n_open: int
    """Alerts that are open."""
    models: tuple[str, ...]
    """Name and version, and the segment unless it is ``all``; at most ``MAX_MODELS``."""
    n_more: int
    """How many more there are."""
    severity: AlertSeverity
    """The worst."""
    title: str
    """Of the worst alert, the earliest of these."""
    since: str
    """The earliest start."""
    stale: tuple[str, ...] = ()
    """Ids by which an earlier run may have known the page, as the records that it had read are gone."""


class Member(Struct):
    """What is kept of an alert of a page."""

    alert_id: str
    incident: Incident | None
    """None where the record does not say enough, or it follows from another alert."""
    model: str
    label: str
    title: str
    since: str
    severity: AlertSeverity
    is_open: bool
    told: bool
    """Whether the sink has heard of it, by itself or by its page."""
    is_certain: bool
    """Whether it was read from its opening on."""


class Page:
    """The alerts of one page, and what a sink was told of it.

    Attributes
    ----------
    notification : int
        The highest number of a notification that the sink was told.
    severity : int
        The worst severity that it was told, by its place in ``SEVERITIES``; -1 before any.
    """

    def __init__(self, page_id: str) -> None:
        self.page_id = page_id
        self.members: dict[str, Member] = {}
        self.onset: Interval | None = None
        self.notification = 0
        self.severity = -1

    @property
    def is_open(self) -> bool:
        """Whether one of its alerts is open."""
        return any(member.is_open for member in self.members.values())

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one alert."""
        return len(self.members) > 1

    def has_other_told(self, alert_id: str) -> bool:
        """Whether the sink was told of another alert of the page that is open."""
        return any(each.told and each.is_open and each.alert_id != alert_id for each in self.members.values())

    def tell(self, alert: Alert) -> None:
        """Note that the sink was told of an alert's present state."""
        self.members[alert.alert_id].told = True
        self.notification = max(self.notification, alert.notification)
        self.severity = max(self.severity, SEVERITIES.index(alert.severity))

    def view(self) -> PageView:
        """Return the page as it is now."""
        members = list(self.members.values())
        worst = max(members, key=lambda each: SEVERITIES.index(each.severity))
        labels = list(dict.fromkeys(each.label for each in members))
        stale = [each.alert_id for each in members if not each.is_certain and each.alert_id != self.page_id]
        return PageView(
            page_id=self.page_id,
            n_alerts=len(members),
            n_models=len({each.model for each in members}),
            n_open=sum(each.is_open for each in members),
            models=tuple(labels[:MAX_MODELS]),
            n_more=max(0, len(labels) - MAX_MODELS),
            severity=worst.severity,
            title=worst.title,
            since=min(each.since for each in members),
            stale=tuple(stale[:_MAX_STALE]),
        )


class Pages:
    """The pages of all alerts that were read.

    *State*: about 1 KB for each alert that is open, and for those of the last ``MAX_OVER`` pages that are over.
    """

    def __init__(self) -> None:
        self._of_alert: dict[str, Page] = {}
        self._open: dict[str, Page] = {}
        self._over: OrderedDict[str, Page] = OrderedDict()

    def place(self, alert: Alert, *, is_certain: bool = True) -> Page:
        """Take in an alert's state, which is later than the one known, and return its page."""
        page = self._of_alert.get(alert.alert_id)
        if page is None:
            incident = incident_of(alert)
            page = self._page_for(alert, incident) or Page(alert.alert_id)
            self._of_alert[alert.alert_id] = page
            page.members[alert.alert_id] = _member(alert, incident, is_certain=is_certain)
            if incident is not None:
                onsets = [incident.onset] if page.onset is None else [incident.onset, page.onset]
                page.onset = common(onsets) or page.onset
        member = page.members[alert.alert_id]
        member.is_open, member.severity = alert.is_open, alert.severity
        if alert.is_open:
            member.title = alert.title
        self._keep(page)
        return page

    def of(self, alert_id: str) -> Page | None:
        """Return the page of an alert; None where it is not known."""
        return self._of_alert.get(alert_id)

    def forget(self, alert_id: str) -> None:
        """Drop an alert that was deleted from the topic."""
        page = self._of_alert.pop(alert_id, None)
        if page is not None:
            del page.members[alert_id]
            self._keep(page)

    def _page_for(self, alert: Alert, incident: Incident | None) -> Page | None:
        """Return the page that an alert joins: the earliest one that is open and has an alert it is linked to."""
        if alert.incident not in {"", alert.alert_id}:
            explaining = self._of_alert.get(alert.incident)
            return explaining if explaining is not None and explaining.is_shared else None
        if incident is None or not alert.is_open:
            return None
        for page in self._open.values():
            if page.onset is not None and page.onset.meets(incident.onset) and _is_linked(page, incident):
                return page
        return None

    def _keep(self, page: Page) -> None:
        if page.is_open:
            self._over.pop(page.page_id, None)
            self._open.setdefault(page.page_id, page)
            return
        self._open.pop(page.page_id, None)
        self._over.pop(page.page_id, None)
        if page.members:
            self._over[page.page_id] = page
        if len(self._over) > MAX_OVER:
            _, oldest = self._over.popitem(last=False)
            for alert_id in oldest.members:
                self._of_alert.pop(alert_id, None)


def incident_of(alert: Alert) -> Incident | None:
    """Return what groups are formed by; None where the alert follows from another, or does not say when it began."""
    if alert.incident not in {"", alert.alert_id} or alert.onset is None or not alert.model:
        return None
    try:
        onset = Interval(epoch_ms(alert.onset.from_), epoch_ms(alert.onset.to))
    except (ValueError, TypeError, OverflowError):
        return None
    features = [each.column for each in alert.findings if each.column is not None and each.role == "feature"]
    first = alert.findings[0] if alert.findings else None
    return Incident(
        alert_id=alert.alert_id,
        model=alert.model,
        model_version=alert.model_version,
        segment=alert.segment,
        opened_at=alert.opened_at,
        onset=onset,
        root=alert.root,
        kind=alert.kind,
        lead=first.column if first is not None and first.role == "feature" else None,
        columns=frozenset(features),
        partitions=frozenset(f"{kind}-{number}" for kind, numbers in alert.offsets.items() for number in numbers),
        origins=frozenset(f"{origin.dimension}={origin.value}" for origin in alert.origins or ()),
    )


def _is_linked(page: Page, incident: Incident) -> bool:
    return any(
        each.is_open and each.incident is not None and linked(each.incident, incident) for each in page.members.values()
    )


def _member(alert: Alert, incident: Incident | None, *, is_certain: bool) -> Member:
    segment = f" ({alert.segment})" if alert.segment != "all" else ""
    return Member(
        alert_id=alert.alert_id,
        incident=incident,
        model=alert.model,
        label=f"{alert.model} {alert.model_version}".rstrip() + segment,
        title=alert.title,
        since=alert.since,
        severity=alert.severity,
        is_open=alert.is_open,
        told=False,
        is_certain=is_certain,
    )

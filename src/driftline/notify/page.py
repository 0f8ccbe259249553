"""One page: the alerts of one problem, what a sink was told of it, and how messages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.alerts.groups import Incident, Shareable, common, shareable
from driftline.config.notify_settings import AlertSeverity  # msgspec reads it
from driftline.notify.alert import SEVERITIES

if TYPE_CHECKING:
    from driftline.alerts.onsets import Interval
    from driftline.notify.alert import Alert

MAX_MODELS: Final = 20
"""Models that the view of a page names."""
_MAX_STALE: Final = 50
"""Names that a page may have had, under which its end is told as well."""


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
    number : int
        Its place in the order in which pages were opened.
    notification : int
        The highest number of a notification that the sink was told.
    severity : int
        The worst severity that it was told, by its place in ``SEVERITIES``; -1 before any.
    """

    def __init__(self, page_id: str, number: int) -> None:
        self.page_id = page_id
        self.number = number
        self.members: dict[str, Member] = {}
        self.shareable: set[Shareable] = set()
        self.onset: Interval | None = None
        self.notification = 0
        self.severity = -1
        self._open: set[str] = set()
        self._told_open: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether one of its alerts is open."""
        return bool(self._open)

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one alert."""
        return len(self.members) > 1

    def has_other_told(self, alert_id: str) -> bool:
        """Whether the sink was told of another alert of the page that is open."""
        return bool(self._told_open if len(self._told_open) > 1 else self._told_open - {alert_id})

    def add(self, member: Member) -> None:
        """Take in an alert that is new."""
        self.members[member.alert_id] = member
        incident = member.incident
        if incident is not None:
            self.shareable.update(shareable(incident))
            onsets = [incident.onset] if self.onset is None else [incident.onset, self.onset]
            self.onset = common(onsets) or self.onset

    def change(self, alert: Alert) -> None:
        """Take in the state of one of its alerts."""
        member = self.members[alert.alert_id]
        member.is_open, member.severity = alert.is_open, alert.severity
        if alert.is_open:
            member.title = alert.title
        self._count(member)

    def tell(self, alert: Alert) -> None:
        """Note that the sink was told of an alert's present state."""
        member = self.members[alert.alert_id]
        member.told = True
        self.notification = max(self.notification, alert.notification)
        self.severity = max(self.severity, SEVERITIES.index(alert.severity))
        self._count(member)

    def remove(self, alert_id: str) -> None:
        """Drop an alert."""
        del self.members[alert_id]
        self._open.discard(alert_id)
        self._told_open.discard(alert_id)

    def _count(self, member: Member) -> None:
        for ids, belongs in ((self._open, member.is_open), (self._told_open, member.is_open and member.told)):
            if belongs:
                ids.add(member.alert_id)
            else:
                ids.discard(member.alert_id)

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


def member_of(alert: Alert, incident: Incident | None, *, is_certain: bool) -> Member:
    """Return what is kept of an alert that is new."""
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

"""Pages: one for each group of incidents that one change upstream explains, as a reader of the topic comes to know it.

The first alert of a group to be read opens the page, and its ``alert_id`` names it. A later one that is linked to an
open member (:mod:`driftline.alerts.groups`) joins. That is never changed: two pages that turn out to be about one
problem stay two. What a reader knows follows from the records and their order alone, so a restart finds the same pages.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from driftline.alerts.groups import Incident, Shareable, linked, shareable
from driftline.alerts.onsets import Interval
from driftline.events.cloudevents import epoch_ms
from driftline.notify.page import Page, member_of

if TYPE_CHECKING:
    from driftline.notify.alert import Alert

MAX_OVER: Final = 10_000
"""Pages whose alerts are all resolved that are remembered, in case one opens again."""


class Pages:
    """The pages of all alerts that were read.

    *State*: about 1 KB for each alert that is open, and for those of the last ``MAX_OVER`` pages that are over.
    """

    def __init__(self) -> None:
        self._of_alert: dict[str, Page] = {}
        self._sharing: dict[Shareable, dict[int, Page]] = {}
        self._over: OrderedDict[int, Page] = OrderedDict()
        self._n_pages = 0

    def place(self, alert: Alert, *, is_certain: bool = True) -> Page:
        """Take in an alert's state, which is later than the one known, and return its page."""
        page = self._of_alert.get(alert.alert_id)
        if page is None:
            incident = incident_of(alert)
            page = self._page_for(alert, incident) or self._new_page(alert)
            self._of_alert[alert.alert_id] = page
            page.add(member_of(alert, incident, is_certain=is_certain))
        page.change(alert)
        self._keep(page)
        return page

    def of(self, alert_id: str) -> Page | None:
        """Return the page of an alert; None where it is not known."""
        return self._of_alert.get(alert_id)

    def forget(self, alert_id: str) -> None:
        """Drop an alert that was deleted from the topic."""
        page = self._of_alert.pop(alert_id, None)
        if page is not None:
            page.remove(alert_id)
            self._keep(page)

    def _new_page(self, alert: Alert) -> Page:
        self._n_pages += 1
        return Page(alert.alert_id, self._n_pages)

    def _page_for(self, alert: Alert, incident: Incident | None) -> Page | None:
        """Return the page that an alert joins: the earliest one that is open and has an alert it is linked to."""
        if alert.incident not in {"", alert.alert_id}:
            explaining = self._of_alert.get(alert.incident)
            return explaining if explaining is not None and explaining.is_shared else None
        if incident is None or not alert.is_open:
            return None
        candidates = {
            number: page for shared in shareable(incident) for number, page in self._sharing.get(shared, {}).items()
        }
        for _, page in sorted(candidates.items()):
            if page.onset is not None and page.onset.meets(incident.onset) and _is_linked(page, incident):
                return page
        return None

    def _keep(self, page: Page) -> None:
        """Let open pages be found by what their alerts can share, and remember the last that are over."""
        self._over.pop(page.number, None)
        if page.is_open:
            for shared in page.shareable:
                self._sharing.setdefault(shared, {})[page.number] = page
            return
        for shared in page.shareable:
            pages = self._sharing.get(shared, {})
            pages.pop(page.number, None)
            if not pages:
                self._sharing.pop(shared, None)
        if page.members:
            self._over[page.number] = page
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

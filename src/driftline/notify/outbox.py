"""One sink's view of the alerts topic: which records are news for it, and what it is sent next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from driftline.notify.memory import Memory
from driftline.notify.message import Entry, News, restated
from driftline.notify.pages import Pages
from driftline.notify.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.notify_settings import GroupField, SinkSettings
    from driftline.notify.alert import Alert, Record
    from driftline.notify.fleet_gate import FleetGate
    from driftline.notify.memory import Known
    from driftline.notify.message import Message
    from driftline.notify.page import Page
    from driftline.notify.routing import Route, Router

Position = tuple[int, int]
"""Partition and offset of a record."""


class Outbox:
    """Decides what a sink hears, and in which messages.

    News is: an alert that a route leads to the sink for the first time, each later notification, the resolution, and
    with ``updates`` every other change. A sink that was told of an alert hears of it until it is resolved, even if
    another route takes the alert by then. An alert that follows from another one, and has not notified, is no news.

    What is news of an alert that shares its page with others is decided for the page: a further alert, or a further
    notification of one, is told only where it makes the page more severe, or is the first of its number. Sinks that
    keep the state of each alert, and those with ``updates``, also hear what changes without that.

    Parameters
    ----------
    name : str
        The sink's.
    sink : SinkSettings
    router : Router
    gate : FleetGate, optional
        Holds back what is not in the fleet's set, as if it had not been read; None holds nothing back.
    """

    def __init__(self, name: str, sink: SinkSettings, router: Router, gate: FleetGate | None = None) -> None:
        self._name = name
        self._router = router
        self._gate = gate
        self._all_updates = sink.updates or sink.alertmanager is not None
        self._all_alerts = sink.alertmanager is not None
        self._all_joining = sink.updates or sink.of_single_alerts
        self._memory = Memory()
        self._pages = Pages()
        self._history: dict[str, Entry] = {}
        self.waiting = Waiting(sink, self._pages)

    def settled(self, alert: Alert) -> None:
        """Learn the state of an alert from a record that an earlier run was done with."""
        if self._gate is not None:
            self._gate.note(alert)
        known = self._memory.get(alert.alert_id)
        if known is None or known.revision < alert.revision:
            told = alert.has_notified and self._router.told(alert, self._name)
            if not alert.is_open and self._gate is not None:
                told = told and self._gate.passes(alert)
            self._memory.learn(alert, told=told)
            if alert.has_notified:
                page = self._pages.place(alert, is_certain=alert.revision == 1)
                if told:
                    page.tell(alert)

    def forget(self, alert_id: str) -> list[Position]:
        """Forget an alert that was deleted from the topic; return the positions done. What waits is still sent."""
        self._memory.forget(alert_id)
        self._pages.forget(alert_id)
        held = [] if self._gate is None else self._gate.forget(alert_id)
        entry = self._history.pop(alert_id, None)
        return held if entry is None else [*held, *entry.positions]

    def take(self, record: Record, now_s: float) -> list[Position]:
        """Take a new record in; return the positions that are done, as nothing is sent for them."""
        return self._offer(Entry("opened", record), now_s)

    def take_history(self, record: Record) -> list[Position]:
        """Take a record from before the notifier's first start: of those, only open alerts are news, at the end."""
        alert = record.alert
        if self._gate is not None:
            self._gate.note(alert)
        known, earlier = self._memory.get(alert.alert_id), self._history.get(alert.alert_id)
        if known is not None and known.revision >= alert.revision:
            return [(record.partition, record.offset)]
        if not alert.is_open:
            self._memory.learn(alert, told=False)
            done = self._history.pop(alert.alert_id, None)
            return [(record.partition, record.offset), *(() if done is None else done.positions)]
        if earlier is None:
            self._history[alert.alert_id] = Entry("opened", record)
        elif earlier.alert.revision > alert.revision:
            self._history[alert.alert_id] = replace(earlier, also=(*earlier.also, (record.partition, record.offset)))
        else:
            self._history[alert.alert_id] = Entry("opened", record, earlier.positions)
        return []

    def end_history(self, partition: int, now_s: float) -> list[Position]:
        """Take the alerts that are open at the end of a partition's history as news; return the positions done."""
        found = [entry for entry in self._history.values() if entry.record.partition == partition]
        done: list[Position] = []
        for entry in sorted(found, key=lambda each: each.record.offset):
            del self._history[entry.alert.alert_id]
            done += self._offer(entry, now_s)
        return done

    @property
    def held_back(self) -> frozenset[str]:
        """Ids of the alerts that are held back, as they are not in the fleet's set."""
        return frozenset() if self._gate is None else self._gate.alert_ids

    @property
    def n_records_held_back(self) -> int:
        """Records of these alerts."""
        return 0 if self._gate is None else self._gate.n_records

    def open_alerts(self) -> Iterator[Alert]:
        """Yield the open alerts that the sink has heard of."""
        return self._memory.told_open()

    def open_entries(self) -> Iterator[Entry]:
        """Yield the latest notification of each open alert that the sink has heard of."""
        for alert in self.open_alerts():
            page = self._pages.of(alert.alert_id)
            yield restated(alert, "" if page is None else page.page_id)

    def next(self, now_s: float) -> Message | None:
        """Return the message to deliver now, the same one until it is finished."""
        return self.waiting.next(now_s)

    def _offer(self, entry: Entry, now_s: float) -> list[Position]:
        if self._gate is None:
            return self._take(entry, now_s)
        alert_id = entry.alert.alert_id
        known = self._memory.get(alert_id)
        is_told = known is not None and known.told and known.alert is not None
        is_new = alert_id not in self._gate.alert_ids
        is_other = is_new and self._router.route(entry.alert, self._name) is None
        passed, done = self._gate.offer(entry, always=is_told or is_other)
        return [*done, *(position for each in passed for position in self._take(each, now_s))]

    def _take(self, entry: Entry, now_s: float) -> list[Position]:
        alert = entry.alert
        known = self._memory.get(alert.alert_id)
        repeated = known is not None and alert.revision <= known.revision
        route = self._router.route(alert, self._name)
        base = None if repeated else self._news(alert, known, is_routed=route is not None)
        found = None if base is None else replace(entry, news=base)
        if not repeated:
            self._memory.learn(alert, told=base is not None or (known is not None and known.told))
            if alert.has_notified:
                page = self._pages.place(alert)
                found = None if found is None else self._on_page(found, alert, page)
        if found is None:
            return [each for each in entry.positions if not self.waiting.absorb(alert.alert_id, each)]
        group_wait_s = 0.0 if route is None else route.settings.group_wait / 1000
        self.waiting.add(found, now_s, self._group(alert, route), group_wait_s)
        return []

    def _on_page(self, entry: Entry, alert: Alert, page: Page) -> Entry | None:
        """Return the entry as the page that its alert is on makes it; None where the page makes it no news."""
        entry, before = replace(entry, page=page.page_id), (page.severity, page.notification)
        is_joining = not page.members[alert.alert_id].told
        page.tell(alert)
        if self._all_alerts or not page.is_shared or self.waiting.is_mild(alert):
            return entry
        if entry.news == "resolved":
            ends = not page.has_other_told(alert.alert_id)
            return replace(entry, ends_page=ends) if ends or self._all_updates else None
        if not page.has_other_told(alert.alert_id) or entry.news == "updated":
            return entry
        worse = page.severity > before[0]
        if is_joining:
            return self._joining(entry, worse=worse)
        if worse or page.notification > before[1]:
            return entry
        return replace(entry, news="updated") if self._all_updates else None

    def _joining(self, entry: Entry, *, worse: bool) -> Entry | None:
        """Return the entry of an alert that the sink has not heard of, and whose page it has."""
        if entry.news == "opened" and self.waiting.has_page(entry.page):
            return entry
        news: News = "again" if worse else "joined"
        return replace(entry, news=news, joins=True) if worse or self._all_joining else None

    def _news(self, alert: Alert, known: Known | None, *, is_routed: bool) -> News | None:
        told = known is not None and known.told
        if not alert.has_notified:
            return None
        if not alert.is_open:
            return "resolved" if told or (known is None and self._router.told(alert, self._name)) else None
        if not told and not is_routed:
            return None
        if not told or alert.notify or known is None or alert.notification > known.notification:
            return "opened" if alert.notification == 1 else "again"
        return "updated" if self._all_updates else None

    def _group(self, alert: Alert, route: Route | None) -> tuple[str, ...]:
        if route is None:
            return ()
        return (route.name, *(self._field(alert, name) for name in route.settings.group_by))

    def _field(self, alert: Alert, name: GroupField) -> str:
        return self._router.owner(alert.model) if name == "owner" else str(getattr(alert, name))

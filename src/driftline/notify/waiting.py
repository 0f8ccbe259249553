"""What waits to be sent to one sink: a queue in order, openings that wait for others, and the digest."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from driftline.notify.alert import SEVERITIES
from driftline.notify.message import Entry, Message, single
from driftline.notify.progress import MAX_HELD
from driftline.notify.rate import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.notify_settings import DigestSettings, SinkSettings
    from driftline.notify.alert import Alert
    from driftline.notify.pages import Pages


_PAGE: Final = "page"
"""Of the keys of groups of openings on one page; those of other groups begin with the name of a route."""


class Group(NamedTuple):
    """Openings that become one message at a time."""

    due_s: float
    entries: list[Entry]


class Waiting:
    """Everything that one sink has not taken yet, and which message is next.

    News of one alert stays in the order of its records: what follows an opening that waits for its group ends the wait,
    and what follows an alert's entry in the digest joins it there, unless it is urgent; then it takes the entry along.
    Openings on one page wait together, whatever else the route groups by.

    Parameters
    ----------
    sink : SinkSettings
    pages : Pages
        What messages about a page of several alerts show.

    Attributes
    ----------
    current : Message or None
        The message that is being delivered. It does not change until it is delivered or given up.
    """

    def __init__(self, sink: SinkSettings, pages: Pages) -> None:
        self._pages = pages
        self._merges = not sink.of_single_alerts
        self._tells_pages = sink.alertmanager is None
        self._limiter = RateLimiter(sink.rate_limit) if sink.alertmanager is None else None
        self._digest_settings = sink.digest
        self._queue: deque[Message] = deque()
        self._groups: dict[tuple[str, ...], Group] = {}
        self._digest: dict[str, Entry] = {}
        self._held_back = False
        self.current: Message | None = None

    def add(self, entry: Entry, now_s: float, group: tuple[str, ...], group_wait_s: float) -> None:
        """Take an entry in; ``group`` and its wait count for openings alone."""
        alert = entry.alert
        if self.is_mild(alert):
            earlier = self._digest.get(alert.alert_id)
            self._digest[alert.alert_id] = entry if earlier is None else _later(earlier, entry)
            return
        collected = self._digest.pop(alert.alert_id, None)
        if collected is not None:
            entry = replace(entry, also=(*collected.positions, *entry.also))
        if entry.news == "opened" and self._tells_pages:
            together = self._with_page(entry.page, now_s + group_wait_s)
            if together is not None:
                together.entries.append(entry)
                return
            if group_wait_s > 0:
                key = group if self._merges else (_PAGE, entry.page)
                self._groups.setdefault(key, Group(now_s + group_wait_s, [])).entries.append(entry)
                return
        self._release_groups(lambda each: any(one.alert.alert_id == alert.alert_id for one in each.entries))
        self._queue.append(single(entry))

    def has_page(self, page_id: str) -> bool:
        """Whether the opening of a page waits for others of it."""
        return any(entry.page == page_id for group in self._groups.values() for entry in group.entries)

    def absorb(self, alert_id: str, position: tuple[int, int]) -> bool:
        """Let a record that is no news be done together with the alert's latest entry; False where none waits.

        If compaction deletes the entry's own record, the later one then still waits.
        """
        for alert, entry in self._digest.items():
            if alert == alert_id:
                self._digest[alert] = _with(entry, position)
                return True
        for group in self._groups.values():
            for index, entry in enumerate(group.entries):
                if entry.alert.alert_id == alert_id:
                    group.entries[index] = _with(entry, position)
                    return True
        for index in range(len(self._queue) - 1, -1, -1):
            changed = _absorbed(self._queue[index], alert_id, position)
            if changed is not None:
                self._queue[index] = changed
                return True
        changed = None if self.current is None else _absorbed(self.current, alert_id, position)
        if changed is not None:
            self.current = changed
        return changed is not None

    def next(self, now_s: float) -> Message | None:
        """Return the message to deliver now; None where none is due, or the rate limit does not allow one."""
        if self.current is not None:
            return self.current
        self._release_groups(lambda group: group.due_s <= now_s)
        if self._digest and self._digest_due_s() <= now_s:
            self._queue.append(Message("digest", tuple(self._digest.values())))
            self._digest = {}
        if not self._queue:
            return None
        if self._limiter is not None and self._limiter.free_at(now_s) > now_s:
            self._held_back = True
            return None
        if self._held_back and self._merges and len(self._queue) > 1:
            self._queue = deque([Message("burst", tuple(entry for each in self._queue for entry in each.entries))])
        self._held_back = False
        self.current = self._as_page(self._queue.popleft())
        return self.current

    def finished(self, now_s: float, *, sent: bool) -> Message:
        """Return the current message, which is delivered or given up, with all that is done with it."""
        message = self.current
        if message is None:
            raise RuntimeError("No message is being delivered")
        if sent and self._limiter is not None:
            self._limiter.note(now_s)
        self.current = None
        return message

    def wake_at(self, now_s: float) -> float:
        """Return when the next message can be due; infinity where nothing waits."""
        times = [group.due_s for group in self._groups.values()]
        if self._digest:
            times.append(self._digest_due_s())
        if self._queue:
            times.append(now_s if self._limiter is None else self._limiter.free_at(now_s))
        return min(times, default=math.inf)

    def is_mild(self, alert: Alert) -> bool:
        """Whether an alert is for the digest."""
        settings = self._digest_settings
        return settings is not None and SEVERITIES.index(alert.severity) < SEVERITIES.index(settings.below)

    def _digest_due_s(self) -> float:
        """Return when the digest is due; a full one is due at once."""
        if self._digest_settings is None or sum(len(each.positions) for each in self._digest.values()) >= MAX_HELD // 2:
            return -math.inf
        return boundary_after(self._digest_settings, min(entry.record.time_s for entry in self._digest.values()))

    def _with_page(self, page_id: str, due_s: float) -> Group | None:
        """Return what waits of a page, apart from other openings; None where nothing does."""
        own = (_PAGE, page_id)
        for key, group in list(self._groups.items()):
            of_page = [entry for entry in group.entries if entry.page == page_id]
            if not of_page or key == own:
                continue
            group.entries[:] = [entry for entry in group.entries if entry.page != page_id]
            if not group.entries:
                del self._groups[key]
            self._groups.setdefault(own, Group(min(group.due_s, due_s), [])).entries.extend(of_page)
        return self._groups.get(own)

    def _as_page(self, message: Message) -> Message:
        """Return a message about a page of several alerts as it stands now; any other message as it is."""
        page_ids = {entry.page for entry in message.entries}
        page = self._pages.of(message.entries[0].alert.alert_id) if len(page_ids) == 1 and self._tells_pages else None
        if page is None or not page.is_shared or message.kind not in {"single", "group"}:
            return message
        return Message("page", message.entries, page.view())

    def _release_groups(self, which: Callable[[Group], bool]) -> None:
        for key, group in list(self._groups.items()):
            if which(group):
                del self._groups[key]
                entries = tuple(group.entries)
                self._queue.append(single(entries[0]) if len(entries) == 1 else Message("group", entries))


def boundary_after(digest: DigestSettings, time_s: float) -> float:
    """Return the time of the first digest after a time, in epoch seconds.

    Examples
    --------
    >>> from driftline.config.durations import Duration
    >>> from driftline.config.notify_settings import DigestSettings
    >>> boundary_after(DigestSettings(every=Duration(3_600_000), shift=Duration(60_000)), 3_660.0)
    7260.0
    """
    every_s, shift_s = digest.every / 1000, digest.shift / 1000
    return (math.floor((time_s - shift_s) / every_s) + 1) * every_s + shift_s


def _later(earlier: Entry, later: Entry) -> Entry:
    """Return the entry of an alert whose state has changed while it waited for the digest."""
    news = later.news if later.news == "resolved" else earlier.news
    return replace(later, news=news, also=(*earlier.positions, *later.also))


def _with(entry: Entry, position: tuple[int, int]) -> Entry:
    return replace(entry, also=(*entry.also, position))


def _absorbed(message: Message, alert_id: str, position: tuple[int, int]) -> Message | None:
    """Return a message whose latest entry of an alert covers one more record; None where it has no such entry."""
    entries = list(message.entries)
    for index in range(len(entries) - 1, -1, -1):
        if entries[index].alert.alert_id == alert_id:
            entries[index] = _with(entries[index], position)
            return replace(message, entries=tuple(entries))
    return None

"""What is sent at once: one alert's news or several alerts', with a key by which a receiver knows a repetition."""

from __future__ import annotations

from typing import Literal

import xxhash
from msgspec import Struct

from driftline.notify.alert import Alert, Record
from driftline.notify.page import PageView

News = Literal["opened", "joined", "again", "updated", "resolved"]
"""What happened to an alert: it opened, it opened and belongs to a page that was sent, it notified again, it changed
without a notification, it ended."""
MessageKind = Literal["single", "page", "group", "burst", "digest"]
"""One alert; alerts of several models that are one problem; alerts that opened together; what a rate limit held back;
what is not urgent."""


class Entry(Struct, frozen=True):
    """News of one alert."""

    news: News
    record: Record
    also: tuple[tuple[int, int], ...] = ()
    """Partition and offset of further records of the alert that are done when this one is."""
    page: str = ""
    """Id of the page that the alert is on; the alert's own id where it is alone, or empty."""
    joins: bool = False
    """Whether the alert opened, and belongs to a page that was sent."""
    ends_page: bool = False
    """Whether it was the last open alert of a page of several that the sink was told of."""

    @property
    def alert(self) -> Alert:
        """The alert's state."""
        return self.record.alert

    @property
    def positions(self) -> tuple[tuple[int, int], ...]:
        """Partition and offset of each record that is done when this entry is."""
        return ((self.record.partition, self.record.offset), *self.also)

    @property
    def key(self) -> str:
        """The idempotency key: the alert, and its notification or revision."""
        return f"{self.alert.alert_id}/joined" if self.joins else entry_key(self.news, self.alert)


def entry_key(news: News, alert: Alert) -> str:
    """Return the key of an alert's news; news that is sent again has the same key."""
    if news == "resolved":
        return f"{alert.alert_id}/resolved"
    if news == "updated":
        return f"{alert.alert_id}/revision-{alert.revision}"
    return f"{alert.alert_id}/notification-{alert.notification}"


class Message(Struct, frozen=True):
    """Entries that are sent together, in the order of their records."""

    kind: MessageKind
    entries: tuple[Entry, ...]
    page: PageView | None = None
    """Of a page: how it stood when the message was made."""

    @property
    def key(self) -> str:
        """The idempotency key; that of several entries is a hash of theirs.

        A page has that of the alert that it is named by, whichever alerts it lists: sent again after a crash, it may
        list more of them.
        """
        if self.kind == "page":
            return _page_key(self.entries[0], is_over=self.is_over)
        if self.kind == "single":
            return self.entries[0].key
        return f"{self.kind}/{xxhash.xxh3_128_hexdigest(' '.join(entry.key for entry in self.entries).encode())}"

    @property
    def is_over(self) -> bool:
        """Whether it says that all it is about is resolved."""
        if self.kind == "page":
            return self.entries[-1].ends_page
        return all(entry.news == "resolved" for entry in self.entries)

    @property
    def positions(self) -> tuple[tuple[int, int], ...]:
        """Partition and offset of each record that is done when this message is."""
        return tuple(position for entry in self.entries for position in entry.positions)


def _page_key(entry: Entry, *, is_over: bool) -> str:
    if is_over:
        return f"{entry.page}/page-resolved"
    return f"{entry.page}/notification-{entry.alert.notification}" if entry.news == "opened" else entry.key


def single(entry: Entry) -> Message:
    """Return the message of one entry."""
    return Message("single", (entry,))


def restated(alert: Alert, page: str = "") -> Entry:
    """Return the entry of an open alert's latest notification, made of its state alone."""
    return Entry("opened" if alert.notification == 1 else "again", Record(0, 0, alert, b"", b""), page=page)

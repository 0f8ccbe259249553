"""What is sent at once: one alert's news or several alerts', with a key by which a receiver knows a repetition."""

from __future__ import annotations

from typing import Literal

import xxhash
from msgspec import Struct

from driftline.notify.alert import Alert, Record

News = Literal["opened", "again", "updated", "resolved"]
"""What happened to an alert: it opened, it notified again, it changed without a notification, it ended."""
MessageKind = Literal["single", "group", "burst", "digest"]
"""One alert; alerts that opened together; what a rate limit held back; what is not urgent."""


class Entry(Struct, frozen=True):
    """News of one alert."""

    news: News
    record: Record
    also: tuple[tuple[int, int], ...] = ()
    """Partition and offset of further records of the alert that are done when this one is."""

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
        return entry_key(self.news, self.alert)


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

    @property
    def key(self) -> str:
        """The idempotency key; that of several entries is a hash of theirs."""
        if self.kind == "single":
            return self.entries[0].key
        return f"{self.kind}/{xxhash.xxh3_128_hexdigest(' '.join(entry.key for entry in self.entries).encode())}"

    @property
    def positions(self) -> tuple[tuple[int, int], ...]:
        """Partition and offset of each record that is done when this message is."""
        return tuple(position for entry in self.entries for position in entry.positions)


def single(entry: Entry) -> Message:
    """Return the message of one entry."""
    return Message("single", (entry,))


def restated(alert: Alert) -> Entry:
    """Return the entry of an open alert's latest notification, made of its state alone."""
    return Entry("opened" if alert.notification == 1 else "again", Record(0, 0, alert, b"", b""))

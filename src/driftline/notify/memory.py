"""What a sink knows of alerts: their latest states, and whether it has heard of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.notify.alert import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RESOLVED: Final = 10_000
"""Resolved alerts that are remembered, so that records which a crash of detection repeats are known as repetitions."""


class Known(Struct, frozen=True):
    """What is known of an alert from its latest record that was read."""

    revision: int
    notification: int
    told: bool
    """Whether the sink has heard of it, or will."""
    alert: Alert | None
    """Its state while it is open."""


class Memory:
    """The latest state of every open alert, and of the latest resolved ones.

    *State*: an open alert's whole state; a few numbers of at most ``MAX_RESOLVED`` others.
    """

    def __init__(self) -> None:
        self._open: dict[str, Known] = {}
        self._resolved: OrderedDict[str, Known] = OrderedDict()

    def get(self, alert_id: str) -> Known | None:
        """Return what is known of an alert."""
        return self._open.get(alert_id) or self._resolved.get(alert_id)

    def learn(self, alert: Alert, *, told: bool) -> None:
        """Keep an alert's state, which is later than the one known."""
        if alert.is_open:
            self._open[alert.alert_id] = Known(alert.revision, alert.notification, told, alert)
            return
        self._open.pop(alert.alert_id, None)
        self._resolved[alert.alert_id] = Known(alert.revision, alert.notification, told, None)
        if len(self._resolved) > MAX_RESOLVED:
            self._resolved.popitem(last=False)

    def forget(self, alert_id: str) -> None:
        """Drop an alert that was deleted from the topic."""
        self._open.pop(alert_id, None)
        self._resolved.pop(alert_id, None)

    def told_open(self) -> Iterator[Alert]:
        """Yield the open alerts that the sink has heard of, in the order in which they were first read."""
        return (known.alert for known in self._open.values() if known.told and known.alert is not None)

"""Two sets of alerts compared: which are in one of them alone, and which differ in time, severity or notifications.

The id of an alert says which window opened it for which cause, so equal ids are the same alert. The others are paired
by model, a common cause and overlapping time: an alert that opened at another window has moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind = Literal["new", "gone", "moved", "changed"]
"""``new``: in the second set alone. ``gone``: in the first alone. ``moved``: opened at another time. ``changed``:
severity, notifications or resolution differ, and the time of the opening does not."""
_NEVER: Final = 1 << 62


class AlertState(Struct, frozen=True, kw_only=True):
    """The latest state of an alert, as far as it is compared; other fields of its record are ignored."""

    alert_id: str
    model: str
    model_version: str = ""
    segment: str = ""
    cause: str
    causes: list[str] = []
    """All causes that its findings had; ``cause`` is that of what explains the rest."""
    opened_at: str
    resolved_at: str | None = None
    severity: str
    notification: int = 1
    """Number of notifications."""
    state: str

    @property
    def opened_ms(self) -> int:
        """Event time of the opening."""
        return epoch_ms(self.opened_at)

    @property
    def resolved_ms(self) -> int | None:
        """Event time of the resolution; None while it is open."""
        return None if self.resolved_at is None else epoch_ms(self.resolved_at)

    @property
    def subject(self) -> tuple[str, str, str]:
        """What is watched."""
        return self.model, self.model_version, self.segment

    def shares_cause(self, other: AlertState) -> bool:
        """Whether findings of both had a cause in common."""
        return not {self.cause, *self.causes}.isdisjoint({other.cause, *other.causes})

    def overlaps(self, other: AlertState) -> bool:
        """Whether both were open at the same time."""
        return self.opened_ms <= _end_ms(other) and other.opened_ms <= _end_ms(self)

    def is_within(self, span: Span) -> bool:
        """Whether it opened in a span of time."""
        return span.start_ms <= self.opened_ms < span.end_ms


class Span(NamedTuple):
    """A stretch of event time."""

    start_ms: int
    end_ms: int
    """Exclusive."""


class Difference(NamedTuple):
    """One alert that is not the same in both sets."""

    kind: Kind
    before: AlertState | None
    """Of the first set; None where the kind is ``new``."""
    after: AlertState | None
    """Of the second set; None where the kind is ``gone``."""

    @property
    def alert(self) -> AlertState:
        """The state that says what the alert is about."""
        return self.after if self.before is None else self.before  # type: ignore[return-value]  # one of them is there

    @property
    def opened_ms(self) -> int:
        """When the first of both opened."""
        return min(each.opened_ms for each in (self.before, self.after) if each is not None)

    @property
    def later_ms(self) -> int:
        """How much later the second opened, in ms; negative: earlier; 0 where only one is there."""
        return 0 if self.before is None or self.after is None else self.after.opened_ms - self.before.opened_ms

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Return the fields that differ, each with both values; empty where only one is there."""
        if self.before is None or self.after is None:
            return {}
        return _changes(self.before, self.after)


class Comparison(NamedTuple):
    """What came of a comparison of the alerts that opened in a span."""

    differences: list[Difference]
    """By time, the earliest first."""
    n_same: int
    n_before: int
    n_after: int
    notifications: tuple[int, int]
    """Of the alerts of both sets that opened in the span."""


def alert_state(fields: Mapping[str, Any] | bytes) -> AlertState | None:
    """Return the state that an alert's record holds; None where a field that is needed is missing or malformed.

    Examples
    --------
    >>> alert_state(b'{"state": "open"}') is None
    True
    """
    try:
        if isinstance(fields, bytes):
            state = msgspec.json.decode(fields, type=AlertState)
        else:
            state = msgspec.convert(fields, AlertState)
        _ = state.opened_ms, state.resolved_ms
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, TypeError):
        return None
    return state


def compare(before: Iterable[AlertState], after: Iterable[AlertState], span: Span) -> Comparison:
    """Return the differences between two sets of alerts, of those that opened in a span.

    A pair counts where at least one of both opened in the span.
    """
    first = {alert.alert_id: alert for alert in before}
    second = {alert.alert_id: alert for alert in after}
    pairs = [(first[name], second[name]) for name in sorted(first.keys() & second.keys())]
    alone = [first[name] for name in sorted(first.keys() - second.keys())]
    others = [second[name] for name in sorted(second.keys() - first.keys())]
    moved = list(_paired(alone, others))
    paired = {alert.alert_id for pair in moved for alert in pair}
    found = [
        *(Difference("changed", old, new) for old, new in pairs if _changes(old, new)),
        *(Difference("moved" if old.opened_ms != new.opened_ms else "changed", old, new) for old, new in moved),
        *(Difference("gone", alert, None) for alert in alone if alert.alert_id not in paired),
        *(Difference("new", None, alert) for alert in others if alert.alert_id not in paired),
    ]
    differences = [each for each in found if any(a is not None and a.is_within(span) for a in each[1:])]
    in_first = [alert for alert in first.values() if alert.is_within(span)]
    in_second = [alert for alert in second.values() if alert.is_within(span)]
    return Comparison(
        sorted(
            differences,
            key=lambda each: (each.opened_ms, each.alert.subject, each.alert.cause, each.kind, each.alert.alert_id),
        ),
        sum(1 for old, new in pairs if old.is_within(span) and not _changes(old, new)),
        len(in_first),
        len(in_second),
        (sum(a.notification for a in in_first), sum(a.notification for a in in_second)),
    )


def _paired(alone: list[AlertState], others: list[AlertState]) -> Iterator[tuple[AlertState, AlertState]]:
    """Yield alerts of one subject that were open at the same time, those that opened nearest to each other first.

    Of two that are as near it is the earlier: a problem that is noticed later is likelier than one noticed before.
    """
    by_subject: dict[tuple[str, ...], list[AlertState]] = {}
    for alert in others:
        by_subject.setdefault(alert.subject, []).append(alert)
    candidates = [
        (abs(new.opened_ms - old.opened_ms), old.opened_ms, old.alert_id, new.alert_id, old, new)
        for old in alone
        for new in by_subject.get(old.subject, ())
        if old.overlaps(new) and old.shares_cause(new)
    ]
    taken: set[str] = set()
    for _, _, old_id, new_id, old, new in sorted(candidates, key=lambda each: each[:4]):
        if not taken & {old_id, new_id}:
            taken |= {old_id, new_id}
            yield old, new


def _changes(before: AlertState, after: AlertState) -> dict[str, tuple[Any, Any]]:
    names = ("opened_at", "severity", "notification", "resolved_at", "state")
    values = {name: (getattr(before, name), getattr(after, name)) for name in names}
    return {name: (old, new) for name, (old, new) in values.items() if old != new}


def _end_ms(alert: AlertState) -> int:
    resolved_ms = alert.resolved_ms
    return _NEVER if resolved_ms is None else resolved_ms

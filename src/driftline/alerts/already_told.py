"""What notifications have said of columns: what one alert has told of a column is no news in another.

A column that freezes opens an alert, and its distribution changes with it. Where the data drift of another column has
an open alert, the signal of data drift is that alert's, and so is what is found of the frozen column: without this it
would notify a second time. A finding is *already told* where an alert has notified of the same column, for another
cause,

- what explains at least as much (:data:`~driftline.alerts.roots.ORDER`) and began at the same moment or before; or
- what began at the same moment, whatever it explains;

at least as severely, and that still lasts: it is over when its check is, and then only for what begins later. How often
one cause notifies of a column is the business of :mod:`driftline.alerts.escalation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, structs

from driftline.alerts.onsets import Interval, onset_of
from driftline.alerts.policy import SEVERITIES, cause_of, check_key
from driftline.alerts.roots import RANKS, root_of
from driftline.events.alert import Cause, Root  # msgspec reads them where a state is restored
from driftline.events.evidence import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from driftline.events.finding import FindingEvent


class ToldFinding(Struct, frozen=True, array_like=True):
    """What notifications have said of one column by one check."""

    column: str
    """Role and name."""
    cause: Cause
    root: Root
    severity: Severity
    """The greatest so far."""
    from_ms: int
    to_ms: int
    """Onset of the first."""
    until_ms: int | None = None
    """End of the window that showed it to be over; None while it lasts."""

    def tells(self, other: ToldFinding) -> bool:
        """Whether another finding of the same column is no news to those who know this one."""
        if self.cause == other.cause or SEVERITIES.index(self.severity) < SEVERITIES.index(other.severity):
            return False
        if self.until_ms is not None and other.from_ms > self.until_ms:
            return False
        if Interval(self.from_ms, self.to_ms).meets(Interval(other.from_ms, other.to_ms)):
            return True
        return RANKS[self.root] <= RANKS[other.root] and self.from_ms <= other.from_ms


class AlreadyTold:
    """What open alerts, and those that ended lately, have notified.

    Parameters
    ----------
    said : mapping of str to collection of ToldFinding
        By alert id.
    """

    def __init__(self, said: Mapping[str, Collection[ToldFinding]]) -> None:
        self._of_column: dict[str, list[tuple[ToldFinding, str]]] = {}
        for key, told in said.items():
            self._add(told, key)

    def add(self, findings: Iterable[FindingEvent]) -> None:
        """Add what this observation tells."""
        self._add((each for finding in findings if (each := _told(finding)) is not None), "")

    def of(self, finding: FindingEvent) -> str | None:
        """Return the id of the alert that has told a finding, empty where this observation tells it; None where it is
        news.
        """
        for column in _columns(finding):
            told = _about(finding, column)
            for each, alert_id in self._of_column.get(column, ()):
                if told is not None and each.tells(told):
                    return alert_id
        return None

    def news(self, findings: Sequence[FindingEvent]) -> list[FindingEvent]:
        """Return those of the findings that nobody has been told."""
        return [finding for finding in findings if self.of(finding) is None]

    def teller_of(self, findings: Sequence[FindingEvent]) -> str | None:
        """Return the id of the alert that has told all of some findings; None where any is news, or there is none."""
        tellers = [self.of(finding) for finding in findings]
        return None if None in tellers else min(filter(None, tellers), default=None)

    def _add(self, told: Iterable[ToldFinding], alert_id: str) -> None:
        for each in told:
            self._of_column.setdefault(each.column, []).append((each, alert_id))


def said_with(said: Mapping[str, ToldFinding], findings: Iterable[FindingEvent]) -> dict[str, ToldFinding]:
    """Return what a problem has said, by check, after a notification of some findings."""
    after = dict(said)
    for finding in findings:
        now, key = _told(finding), check_key(finding.check, finding.role, finding.column)
        before = after.get(key)
        if now is None:
            continue
        if before is not None and (before.until_ms is None or now.from_ms <= before.until_ms):
            severity = max(before.severity, now.severity, key=SEVERITIES.index)
            now = structs.replace(before, root=now.root, severity=severity, until_ms=None)
        after[key] = now
    return after


def said_until(
    said: dict[str, ToldFinding], lasting: Mapping[Cause, Collection[str]], end_ms: int, earliest_ms: int
) -> dict[str, ToldFinding]:
    """Return what a problem has said, after a window that ended at a moment.

    A check that does not keep the signal of its cause open is over; ``lasting`` are those that do. What no window can
    reach any more, all of which begin at ``earliest_ms`` or later, is left out.
    """
    after: dict[str, ToldFinding] = {}
    for key, each in said.items():
        is_open = key in lasting.get(each.cause, ())
        until_ms = each.until_ms if is_open or each.until_ms is not None else max(end_ms, each.to_ms)
        if until_ms is None or until_ms >= earliest_ms:
            after[key] = each if until_ms == each.until_ms else structs.replace(each, until_ms=until_ms)
    return said if after == said else after


def _columns(finding: FindingEvent) -> list[str]:
    """Return the columns of which something told tells a finding; of a relation any that changed most."""
    if finding.column is not None:
        return [f"{finding.role or ''}/{finding.column}"]
    return [f"feature/{name}" for name in finding.most_changed]


def _told(finding: FindingEvent) -> ToldFinding | None:
    """Return what a finding says of its column; None where it is about none."""
    return None if finding.column is None else _about(finding, _columns(finding)[0])


def _about(finding: FindingEvent, column: str) -> ToldFinding | None:
    cause, onset = cause_of(finding), onset_of(finding)
    return cause and ToldFinding(column, cause, root_of(finding), finding.severity, *onset)

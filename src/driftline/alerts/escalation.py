"""What an open alert must not hide: when it pages again.

One problem makes one page, but an alert can stay open for long, as where the season has moved on from the reference,
and something much worse must not pass as its 28th revision. Each of these pages takes and uses up k findings of one
check, as an opening does (:mod:`driftline.alerts.unused_findings`), so the false-alarm budget bounds them all together.

The effect of a finding is measured in multiples of the smallest that matters, so that columns and checks compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.events.evidence import Severity  # msgspec reads it where a state is restored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.alert import NotifyReason
    from driftline.events.finding import FindingEvent

ESCALATION_FACTOR: Final = 2.5
"""An effect so many times the greatest that was paged before is paged again, in whatever column."""


class Told(Struct, frozen=True, kw_only=True):
    """What the pages of an open alert have said.

    Parameters
    ----------
    severity : Severity
        The greatest so far.
    peak : float
        The greatest effect, in multiples of the smallest that matters.
    columns : tuple of str
        Columns that a page was about, sorted; at most all of the model's.
    at_ms : int
        When the latest page was sent, in event time.
    settled_ms : int
        Windows that start before it complete the picture of the latest page: what they show is not paged again. The
        window in which a change began holds only a part of it; the next one holds all.
    in_budget : bool
        Whether the budget covers the latest page.
    """

    severity: Severity
    peak: float
    columns: tuple[str, ...]
    at_ms: int
    settled_ms: int
    in_budget: bool


def multiple_of(finding: FindingEvent) -> float:
    """Return a finding's effect in multiples of the smallest that matters; 1 where it has none or the gate is 0."""
    effect = finding.effect
    return 1.0 if effect is None or effect.gate <= 0 else effect.corrected / effect.gate


def covered(finding: FindingEvent) -> bool:
    """Whether the false-alarm budget bounds a finding."""
    return finding.level is None or finding.level.in_budget


def columns_of(found: Sequence[FindingEvent]) -> set[str]:
    """Return what the findings are about, as :class:`Told` names it."""
    return {f"{finding.role or ''}/{finding.column or ''}" for finding in found}


def told_by(
    page: Sequence[FindingEvent], before: Told | None, time_ms: int, settled_ms: int, reason: NotifyReason = "opened"
) -> Told:
    """Return what is told after a page.

    Parameters
    ----------
    page : sequence of FindingEvent
        What the page is about, not empty.
    before : Told or None
        None at the opening.
    time_ms, settled_ms : int, unit ms
        Moment of the page, and of the start of the first window that may page again.
    reason : NotifyReason
        After ``still open`` this page alone is what later effects are measured by: an extreme that is long past must
        not hide what comes.
    """
    known = () if before is None else before.columns
    peak = max(multiple_of(finding) for finding in page)
    return Told(
        severity=_worst("warning" if before is None else before.severity, page),
        peak=peak if before is None or reason == "still open" else max(peak, before.peak),
        columns=tuple(sorted(columns_of(page).union(known))),
        at_ms=time_ms,
        settled_ms=settled_ms,
        in_budget=any(covered(finding) for finding in page),
    )


def told_more(told: Told, found: Sequence[FindingEvent]) -> Told:
    """Return what is told when a window that completes the picture of the latest page adds its findings."""
    return structs.replace(
        told,
        severity=_worst(told.severity, found),
        peak=max(told.peak, *(multiple_of(finding) for finding in found)),
        columns=tuple(sorted(columns_of(found).union(told.columns))),
    )


def reason_to_page(
    told: Told, complete: Sequence[FindingEvent], time_ms: int, remind_after_ms: int
) -> NotifyReason | None:
    """Return why an open alert pages again; None where it does not.

    Parameters
    ----------
    told : Told
    complete : sequence of FindingEvent
        Findings of checks that came out in k of their last n windows, none of them used up.
    time_ms : int
        Of the window, in event time.
    remind_after_ms : int, unit ms
        Time after the latest page at which what is still found is paged again.

    Notes
    -----
    A page raises the greatest effect that was paged by a factor, makes the alert critical (once), names a column for
    the first time with the greatest effect so far, or comes `remind_after_ms` after the one before: an effect that
    creeps from the gate to a hundred times the gate makes five pages at most.
    """
    if not complete:
        return None
    peak = max(multiple_of(finding) for finding in complete)
    if not told.in_budget and any(covered(finding) for finding in complete):
        return "confirmed"
    if peak >= ESCALATION_FACTOR * told.peak:
        return "far greater effect"
    if told.severity != "critical" and any(finding.severity == "critical" for finding in complete):
        return "more severe"
    fresh = (finding for finding in complete if not columns_of([finding]).issubset(told.columns))
    if any(finding.severity == "critical" and multiple_of(finding) > told.peak for finding in fresh):
        return "new column"
    return "still open" if time_ms - told.at_ms >= remind_after_ms else None


def _worst(severity: Severity, found: Sequence[FindingEvent]) -> Severity:
    return "critical" if any(finding.severity == "critical" for finding in found) else severity

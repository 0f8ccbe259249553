"""Intervals of event time in which changes began, and whether two of them can be the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.events.alert import Onset
from driftline.events.cloudevents import epoch_ms, rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.finding import FindingEvent


class Interval(NamedTuple):
    """From a moment to another in event time, both included."""

    from_ms: int
    to_ms: int

    def meets(self, other: Interval) -> bool:
        """Whether the intervals have a moment in common; windows that follow each other have their border.

        A change late in a window shows fully only in the next one, so what these two find may have begun together.

        Examples
        --------
        >>> Interval(0, 10).meets(Interval(10, 20)), Interval(0, 10).meets(Interval(11, 20))
        (True, False)
        """
        return self.from_ms <= other.to_ms and other.from_ms <= self.to_ms

    def refined(self, other: Interval) -> Interval:
        """Return the other interval where it lies within this one, else this: a coarser window names no onset better.

        Examples
        --------
        >>> Interval(0, 100).refined(Interval(40, 50)), Interval(40, 50).refined(Interval(0, 100))
        (Interval(from_ms=40, to_ms=50), Interval(from_ms=40, to_ms=50))
        """
        inside = self.from_ms <= other.from_ms and other.to_ms <= self.to_ms
        return other if inside else self

    @property
    def public(self) -> Onset:
        """As alerts show it."""
        return Onset(from_=rfc3339(self.from_ms), to=rfc3339(self.to_ms))

    @classmethod
    def of(cls, onset: Onset) -> Interval:
        """Return what an alert shows."""
        return cls(epoch_ms(onset.from_), epoch_ms(onset.to))


def onset_of(finding: FindingEvent) -> Interval:
    """Return the interval in which a finding's change began: from its start to the end of the window that found it."""
    since_ms = epoch_ms(finding.since)
    return Interval(since_ms, max(since_ms, epoch_ms(finding.window.end)))


def has_own_onset(finding: FindingEvent) -> bool:
    """Whether a finding says itself when its change began: not with its window."""
    return finding.since != finding.window.start


def first_onset(findings: Sequence[FindingEvent]) -> Interval:
    """Return the earliest onset of findings, of equal ones the smallest."""
    return min((onset_of(finding) for finding in findings), key=lambda onset: (onset.from_ms, onset.to_ms))

"""What people and deploy tools have said of a model, as far as its alerts ask for it: looked up by event time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.alerts.onsets import Interval
    from driftline.alerts.shown import CauseFindings
    from driftline.events.alert import Beside, Cause


class MuteSubject(NamedTuple):
    """What a mute is held against."""

    causes: frozenset[Cause]
    columns: frozenset[str] | None
    """None where a finding is about no column."""

    @classmethod
    def of(cls, found: Mapping[Cause, CauseFindings]) -> MuteSubject:
        """Return that of the findings of a problem; those for information do not count."""
        counting = [each for of_cause in found.values() for each in of_cause.shown if each.summary.severity != "info"]
        every = frozenset(name for of_cause in found.values() for name in of_cause.columns)
        return cls(frozenset(found), every if all(each.columns for each in counting) else None)


class Muting(NamedTuple):
    """A mute that holds for a problem at a moment."""

    by: str
    until_ms: int


class Directives(Protocol):
    """Commands that concern one version of a model."""

    def muting(self, subject: MuteSubject, at_ms: int) -> Muting | None:
        """Return the mute that holds at a moment and ends last; None where there is none."""

    def beside(self, onset: Interval, at_ms: int) -> list[Beside]:
        """Return what happened in an interval, or as long before it as it lasts, and was known at a moment."""

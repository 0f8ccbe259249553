"""What all findings have in common, filled once: their id, how severe they are, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from driftline.alerts.policy import severity_of
from driftline.events.finding import FindingEvent, finding_id
from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.events.evidence import EventRole
    from driftline.events.finding import Effect, Family, LevelEvidence, Statistic

FindingBaseline: TypeAlias = Literal["reference", "first windows", "earlier weeks", "rolling", "earlier cohorts"]


class Subject(NamedTuple):
    """What a finding is about.

    Attributes
    ----------
    check : str
        Permanent name.
    family : Family
    column, role : str or None
        None where it is about the model as a whole.
    importance : float
    """

    check: str
    family: Family
    column: str | None = None
    role: EventRole | None = None
    importance: float = 1.0


def finding_of(
    common: CommonFields,
    subject: Subject,
    real: tuple[Statistic, Effect | None],
    level: LevelEvidence | None,
    message: str,
    baseline: FindingBaseline = "reference",
) -> FindingEvent:
    """Return a finding without what only some checks show: distances, histograms, dispersion, names, units.

    Parameters
    ----------
    common : CommonFields
        Of the window, with the events that the check saw.
    subject : Subject
    real : (Statistic, Effect or None)
        How real the change is, and how much it matters.
    level : LevelEvidence or None
        What it came out at. Outside the budget, and without an effect, it is of severity ``info``.
    message : str
    baseline : FindingBaseline
        What the window was compared with.
    """
    statistic, effect = real
    span, key = common["window"], ModelKey(common["model"], common["model_version"])
    return FindingEvent(
        **common,
        finding_id=finding_id(key, common["segment"], span, subject.check, subject.role, subject.column),
        check=subject.check,
        family=subject.family,
        column=subject.column,
        role=subject.role,
        severity=severity_of(effect.corrected, effect.gate) if effect and level and level.in_budget else "info",
        importance=subject.importance,
        statistic=statistic,
        level=level,
        effect=effect,
        baseline=baseline,
        distances={},
        histograms=None,
        dispersion=None,
        unit_change=None,
        unseen={},
        since=span.start,
        message=message,
    )


def seen_by(common: CommonFields, n: int, n_reference: int) -> CommonFields:
    """Return the common fields of a window with the events that one check saw of it and of the reference."""
    return {**common, "n": n, "n_reference": n_reference}

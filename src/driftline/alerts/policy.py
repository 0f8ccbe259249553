"""The alert policy: which cause a finding has, how severe it is, and which finding comes first. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.alert import Cause, FindingSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.events.evidence import Severity
    from driftline.events.finding import FindingEvent

CRITICAL_FACTOR: Final = 2.5
"""A finding is critical from this multiple of the smallest effect that matters."""
PREDICTION_CAUSES: Final[tuple[Cause, ...]] = ("data drift", "prediction drift", "data quality")
"""Causes that windows of predictions can show."""
JOIN_CAUSES: Final[tuple[Cause, ...]] = ("performance", "duplicates")
"""Causes that windows of labelled predictions can show."""
LABEL_CAUSES: Final[tuple[Cause, ...]] = ("labels",)
"""Causes that cohorts of predictions awaiting labels can show."""
INTAKE_CAUSES: Final[tuple[Cause, ...]] = ("intake",)
"""Causes that the input topics as such can show."""
OF_VALUES: Final = frozenset({"quality.out_of_range", "quality.unseen", "quality.cardinality", "detector.unseen"})
"""Quality checks of new values, which a drifting column brings with it: one problem makes one alert, of drift."""
NO_VALUE: Final = frozenset(f"detector.{kind}" for kind in ("missing", "not_a_number", "infinite", "wrong_type"))
"""Checks that find, pane by pane, that more events are without a value."""
FROZEN: Final = "detector.frozen"
"""The check that finds, pane by pane, that a column has one value only."""
_OF_QUALITY: Final = NO_VALUE | {FROZEN}
FOREIGN_LABELS: Final = "performance.label_classes"
"""The check that finds labels of classes that no prediction has."""
OPERATION_CAUSES: Final[tuple[Cause, ...]] = ("operations",)
"""Causes that windows of how predictions were made can show."""
SILENCE_CAUSES: Final[tuple[Cause, ...]] = ("silence",)
"""Causes that the absence of predictions can show."""
SILENT: Final = "operations.silent"
"""The check that finds a model silent."""
_OWN_CAUSES: Final[dict[str, Cause]] = {"labels": "labels", "intake": "intake", "operations": "operations"}
"""Families whose findings are a cause of their own."""
SHOWN_FINDINGS: Final = 3
"""Findings that an alert's message lists."""
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""In ascending order."""


def severity_of(effect: float, gate: float) -> Severity:
    """Return the severity of a significant effect; with a gate of 0, which has no multiple, no effect is critical.

    Examples
    --------
    >>> severity_of(0.31, 0.1), severity_of(0.2, 0.1)
    ('critical', 'warning')
    """
    return "critical" if gate > 0 and effect >= CRITICAL_FACTOR * gate else "warning"


def cause_of(finding: FindingEvent) -> Cause | None:
    """Return the cause a finding belongs to; None where it opens no alert, as one of severity ``info``."""
    return None if finding.severity == "info" else _family_cause(finding)


def is_beside(finding: FindingEvent, cause: Cause) -> bool:
    """Whether a finding opens nothing, as its column matters little, but tells more of an open alert of a cause."""
    return finding.severity == "info" and finding.minor and _family_cause(finding) == cause


def _family_cause(finding: FindingEvent) -> Cause:
    if finding.check == "quality.duplicates":  # observed where labels are joined, whose alerts are separate
        return "duplicates"
    if finding.family in _OWN_CAUSES:
        return "silence" if finding.check == SILENT else _OWN_CAUSES[finding.family]
    if finding.check in _OF_QUALITY or (finding.family == "quality" and finding.check not in OF_VALUES):
        return "data quality"
    if finding.family == "performance" or finding.role == "error":
        return "performance"
    return "prediction drift" if finding.role in {"prediction", "score"} else "data drift"


def check_key(check: str, role: str | None, column: str | None) -> str:
    """Return what tells checks of one model apart, whatever the size of the window: the name and the column."""
    return f"{check}/{role or ''}/{column or ''}"


def ranked(findings: Iterable[FindingEvent]) -> list[FindingEvent]:
    """Return findings by importance × effect, the greatest first; equal ones by check and column."""
    return sorted(findings, key=lambda finding: (-_weight(finding), finding.check, finding.column or ""))


def summary(finding: FindingEvent) -> FindingSummary:
    """Return the summary of a finding that alerts carry."""
    effect = finding.effect
    return FindingSummary(
        finding_id=finding.finding_id,
        check=finding.check,
        column=finding.column,
        role=finding.role,
        severity=finding.severity,
        effect=effect.name if effect else "",
        value=effect.corrected if effect else 0.0,
        gate=effect.gate if effect else 0.0,
        p_value=finding.statistic.p_value,
        importance=finding.importance,
        message=finding.message,
    )


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the greatest severity, ``info`` where there is none."""
    return max(severities, key=SEVERITIES.index, default="info")


def message_of(findings: Sequence[FindingSummary], n: int) -> str:
    """Return the messages of the most important of ``n`` findings; ``findings`` is ranked and not empty."""
    text = "; ".join(finding.message for finding in findings[:SHOWN_FINDINGS])
    more = n - SHOWN_FINDINGS
    return f"{text}; and {more} more" if more > 0 else text


def _weight(finding: FindingEvent) -> float:
    return finding.importance * finding.effect.corrected if finding.effect else 0.0

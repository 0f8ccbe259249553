"""Findings of the configured sequential detectors, for information: their published parameters bound nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, structs

from driftline.checks.contract.check import Evidence, Outcome, Subject, statistic_of
from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.importance import subject_of
from driftline.checks.contract.ladder import judge
from driftline.checks.contract.units import in_units
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number
from driftline.detectors.base import Detection
from driftline.events.cloudevents import rfc3339
from driftline.events.finding import ColumnMoments
from driftline.events.model_key import ModelKey
from driftline.events.source import Kind, Offsets
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import bin_of

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import Sequence
    from driftline.events.evidence import Event, EventRole
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

ERROR_COLUMN = "error"
"""Stands for the errors that labels revealed, in the place of a column's name."""


class DetectedChange(Struct, frozen=True, kw_only=True):
    """A detection, and where it was made."""

    key: ModelKey
    segment: str
    start_ms: int
    end_ms: int
    """The pane whose block brought it."""
    detector: str
    """The detector's registered name."""
    column: int | None
    """Position of the column in the profile; None for the errors of joined labels."""
    detection: Detection
    since_ms: int | None
    """Start of the first pane after the change, by the detector's estimate; None where it has none."""
    n: int
    """Values in the block of the pane."""
    offsets: dict[Kind, Offsets]
    flags: tuple[str, ...] = ()


def examine_detection(profile: Profile, change: DetectedChange, budget: ErrorBudget) -> Verdict[Event]:
    """Return the finding of a detection, of severity ``info``.

    No registered check: a detector decides by itself, as values come, and has neither p-value nor effect.
    """
    window = span("pane", change.start_ms, change.end_ms, change.end_ms - change.start_ms)
    common = common_fields(change.key, change.segment, window, profile, budget, change.offsets, change.flags)
    name, role, before, after = _subject(profile, change)
    detection, constant = change.detection, _is_constant(profile, change.column)
    moments = ColumnMoments(
        mean=after, reference_mean=before, standard_deviation=None, reference_standard_deviation=None
    )
    about = f"{name}, share of values that differ from the reference's only one"
    outcome = Outcome(
        check=f"detector.{change.detector}",
        family="detector",
        subject=Subject(name, role) if role == "error" else subject_of(profile, name, role, budget.settings),
        statistic=statistic_of(change.detector, detection.statistic, threshold=detection.threshold),
        effect=None,
        n=change.n,
        n_reference=profile.n_events,
        message=f"{about if constant else name}: {change.detector} sees the mean go {detection.direction}, "
        f"{number(before)} -> {number(after)} ({_evidence(detection)})",
        evidence=lambda: Evidence(moments=None if constant else moments),
    )
    (finding,) = judge([outcome], (), common)
    if change.since_ms is not None:
        finding = structs.replace(finding, since=rfc3339(change.since_ms))
    sequence: Sequence = "performance" if role == "error" else "predictions"
    return Verdict(findings=(finding,), sequence=sequence, tested=False)


def _is_constant(profile: Profile, column: int | None) -> bool:
    return column is not None and constant_bin(profile.columns[column]) is not None


def _evidence(detection: Detection) -> str:
    statistic = f"statistic {number(detection.statistic)}"
    return statistic if detection.threshold is None else f"{statistic}, threshold {number(detection.threshold)}"


def _subject(profile: Profile, change: DetectedChange) -> tuple[str, EventRole, float, float]:
    """Return the column's name and role, and the means before and after in its own unit."""
    before, after = change.detection.mean_before, change.detection.mean_after
    if change.column is None:
        unit = profile.task.spread if profile.task.kind == "regression" else 1.0
        return ERROR_COLUMN, "error", before * unit, after * unit
    column = profile.columns[change.column]
    if isinstance(column, NumericColumn) and not _is_constant(profile, change.column):
        before, after = in_units(column, before), in_units(column, after)
    return column.name, column.role, before, after


def constant_bin(column: Column) -> int | None:
    """Return the bin of the only value that a column's reference has; None where it has several, or none.

    Without a spread there is no unit in which a mean could be said to have moved: standardised by 1, a constant of
    0.02 that becomes 0.03 would be a hundredth of a standard deviation. The grid knows the value exactly.
    """
    if not isinstance(column, NumericColumn) or column.spread > 0 or not column.edges.size:
        return None
    if column.minimum != column.maximum:
        return None
    return int(bin_of(column.edges, np.array([column.minimum]))[0])

"""Findings of the mixture e-detectors: a ``warning`` or worse where a change matters, else ``info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct, structs

from driftline.alerts.policy import CRITICAL_FACTOR, severity_of
from driftline.checks.columns.change_size import ChangeSize
from driftline.checks.columns.distribution_check import full_evidence
from driftline.checks.contract.check import Evidence, Outcome, effect_of, statistic_of
from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.importance import subject_of
from driftline.checks.contract.ladder import judge, level_of
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.checks.quality.outcome import share_pair
from driftline.checks.references.cases import ColumnCase
from driftline.detectors.mixture.directions import Aspect
from driftline.events.cloudevents import rfc3339
from driftline.events.model_key import ModelKey
from driftline.events.source import Offsets
from driftline.sketches.columns import QUALITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.events.evidence import Event
    from driftline.events.finding import Effect, FindingEvent
    from driftline.events.source import Kind

_NAMES: Final[dict[Aspect, str]] = {
    "mean": "shift",
    "spread": "spread",
    "upper tail": "tail",
    "lower tail": "tail",
    "category": "mix",
    "unlisted": "unseen",
}


def check_of(aspect: Aspect, now: NDArray[np.int64], usual: NDArray[np.int64]) -> str:
    """Return the permanent name of the check, by what changed.

    Parameters
    ----------
    aspect : Aspect
    now, usual : ndarray of int64, shape (4,)
        Events without a value, by :data:`~driftline.sketches.columns.QUALITY`, lately and in the reference. Of these
        kinds the one whose part has grown most names the change.
    """
    if aspect != "missing":
        return f"detector.{_NAMES[aspect]}"
    grown = now / max(int(now.sum()), 1) - usual / max(int(usual.sum()), 1)
    return f"detector.{QUALITY[int(np.argmax(np.where(now > 0, grown, -1.0)))]}"


class FoundChange(Struct, frozen=True, kw_only=True):
    """A change of one column."""

    column: int
    """Position in the profile's columns."""
    check: str
    """As :func:`check_of` names it."""
    aspect: Aspect
    label: str
    """Name of the group that a share is of."""
    size: ChangeSize
    n: int
    """Events since it began."""
    n_independent: float
    """Independent events that say as much."""
    statistic: float
    threshold: float
    since_ms: int
    matters: bool
    """Whether it is as large as matters, as estimated."""


class ChangedPane(Struct, frozen=True, kw_only=True):
    """The pane that brought changes to light."""

    key: ModelKey
    segment: str
    start_ms: int
    end_ms: int
    offsets: Offsets
    flags: tuple[str, ...] = ()


def examine_changes(
    view: ReferenceView,
    pane: ChangedPane,
    changes: Sequence[tuple[FoundChange, ClosedWindow | None]],
    budget: ErrorBudget,
) -> Verdict[Event]:
    """Return the findings of all changes that one pane brought to light, each given with the events since it began.

    These events say what the change is: they are compared with the reference as a window is. None where there are none.

    No registered check: an e-detector decides by itself, as values come, and has no p-value. Its threshold bounds the
    expected number of its false alarms, :meth:`~driftline.checks.contract.error_budget.ErrorBudget.detector_alarms`.
    """
    window = span("pane", pane.start_ms, pane.end_ms, pane.end_ms - pane.start_ms)
    offsets: dict[Kind, Offsets] = {"predictions": pane.offsets}
    common = common_fields(pane.key, pane.segment, window, view.profile, budget, offsets, pane.flags)
    findings = tuple(_finding(view, change, since, common, budget) for change, since in changes)
    return Verdict(findings=findings, sequence="predictions", tested=True)


def _finding(
    view: ReferenceView, change: FoundChange, since: ClosedWindow | None, common: CommonFields, budget: ErrorBudget
) -> FindingEvent:
    profile = view.profile
    column, size = profile.columns[change.column], change.size
    subject = subject_of(profile, column.name, column.role, budget.settings)
    matters = change.matters and subject.may_notify
    severity = severity_of(size.size * subject.weight, size.gate * size.critical / CRITICAL_FACTOR)
    outcome = Outcome(
        check=change.check,
        family="detector",
        subject=subject,
        statistic=statistic_of("log_mixture", change.statistic, threshold=change.threshold),
        effect=_effect(size),
        n=change.n,
        n_reference=profile.n_events,
        message=f"{column.name}: {_what(change)} (ln of the e-value {number(change.statistic)}, threshold "
        f"{number(change.threshold)}; {change.n:,} events since {rfc3339(change.since_ms)})",
        severity=severity if matters else "info",
        evidence=lambda: _evidence(view, change, since),
    )
    level = level_of(outcome, budget.detector_level(len(profile.columns)))
    if not change.matters:
        words = f"not as large as matters, notifies nobody: {level.derivation}"
        level = structs.replace(level, derivation=words, in_budget=False)
    (finding,) = judge([structs.replace(outcome, level=level)], (), common)
    return structs.replace(finding, since=rfc3339(change.since_ms))


def _effect(size: ChangeSize) -> Effect:
    return effect_of(size.name, size.signed, size.gate, size.after, size.before, corrected=size.size)


def _evidence(view: ReferenceView, change: FoundChange, since: ClosedWindow | None) -> Evidence:
    if change.aspect == "constant":
        place = view.profile.layout.places[change.column]
        n_reference = int(view.profile.reference.counts[place.bins].sum())
        usual = round((change.size.before or 0.0) * n_reference)
        return share_pair((change.label, "(other)"), (change.n, change.n), (usual, n_reference))
    if since is None or change.aspect == "missing":
        return Evidence()
    return full_evidence(ColumnCase(view, since, 1.0, change.column))


def _what(change: FoundChange) -> str:
    size, label = change.size, f" {change.label}" if change.label else ""
    match change.aspect:
        case "mean":
            words = f"values moved {'up' if size.signed > 0 else 'down'} by {number(size.size)} standard deviations"
        case "spread":
            words = f"spread x {number(1 + size.signed)}"
        case "constant":
            words = f"froze: all values are{label}; {percent(size.before or 0.0)} of the reference is near it"
        case "missing":
            word = change.check.removeprefix("detector.").replace("_", " ")
            words = f"{'without a value' if word == 'missing' else word} {_shares(size)}"
        case "unlisted":
            words = f"categories that the reference does not have {_shares(size)}"
        case "category":
            words = f"share of{label} {_shares(size)}"
        case "upper tail" | "lower tail":
            words = f"share of values{label} {_shares(size)}"
    return words


def _shares(size: ChangeSize) -> str:
    return f"{percent(size.before or 0.0)} -> {percent(size.after or 0.0)}"

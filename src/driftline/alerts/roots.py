"""What explains what: the order in which findings of one problem can be the root of the others.

A feature that is gone makes the distribution of what is left of it different, moves the predictions, and costs
accuracy; nothing of that makes the feature vanish. So the finding that stands first in :data:`ORDER` names the problem.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.alerts.onsets import has_own_onset
from driftline.events.finding import StuckValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.events.alert import ProblemKind, Root
    from driftline.events.finding import FindingEvent

ORDER: Final[tuple[tuple[Root, ...], ...]] = (
    ("silence", "failure"),
    ("schema change",),
    ("missing values", "frozen values", "wrong type"),
    ("unit change",),
    ("new category",),
    ("changed mix",),
    ("feature shift",),
    ("prediction shift",),
    ("repeated ids", "volume", "slow predictions", "resource use"),
    ("changed relation",),
    ("late labels",),
    ("performance",),
)
"""Roots, what explains most first; those of one step are equal."""
RANKS: Final[Mapping[Root, int]] = {root: rank for rank, roots in enumerate(ORDER) for root in roots}
_BY_CHECK: Final[Mapping[str, Root]] = {
    "labels.silent": "silence",
    "labels.orphans": "failure",
    "intake.refused": "failure",
    "intake.unmatched": "failure",
    "performance.label_classes": "failure",
    "quality.appeared": "schema change",
    "quality.vanished": "schema change",
    "quality.missing": "missing values",
    "quality.frozen": "frozen values",
    "quality.not_a_number": "wrong type",
    "quality.infinite": "wrong type",
    "quality.wrong_type": "wrong type",
    "quality.unseen": "new category",
    "quality.cardinality": "new category",
    "detector.missing": "missing values",
    "detector.frozen": "frozen values",
    "detector.not_a_number": "wrong type",
    "detector.infinite": "wrong type",
    "detector.wrong_type": "wrong type",
    "detector.unseen": "new category",
    "quality.duplicates": "repeated ids",
    "quality.volume": "volume",
    "operations.silent": "silence",
    "operations.failed": "failure",
    "operations.max_failed": "failure",
    "operations.slow": "slow predictions",
    "operations.max_p95_ms": "slow predictions",
    "operations.max_p99_ms": "slow predictions",
    "operations.resource": "resource use",
    "operations.max_p95": "resource use",
    "operations.max_p99": "resource use",
}
_OF_VALUES: Final = frozenset({None, "new category", "frozen values"})
"""What a prediction or score shows where it is another than it was."""
_KINDS: Final[Mapping[Root, ProblemKind]] = {
    "silence": "silence",
    "failure": "operations",
    "schema change": "data quality",
    "missing values": "data quality",
    "frozen values": "data quality",
    "wrong type": "data quality",
    "unit change": "data quality",
    "new category": "data drift",
    "changed mix": "data drift",
    "feature shift": "data drift",
    "prediction shift": "prior shift",
    "repeated ids": "operations",
    "volume": "operations",
    "slow predictions": "operations",
    "resource use": "operations",
    "changed relation": "data drift",
    "late labels": "operations",
    "performance": "concept drift",
}


def root_of(finding: FindingEvent) -> Root:
    """Return what a finding says has happened.

    A factor or an offset alone is no change of unit: incomes that grow by a third are no other unit. It takes one of
    the known conversions.
    """
    known = _BY_CHECK.get(".".join(finding.check.split(".")[:2]))
    if finding.family == "labels":
        if known is None and finding.without_value:
            return "missing values"
        return known or ("silence" if has_own_onset(finding) else "late labels")
    if finding.family == "performance" or finding.role == "error":
        return known or "performance"
    if finding.role in {"prediction", "score"} and known in _OF_VALUES:
        return "prediction shift"
    return known or _root_of_values(finding)


def _root_of_values(finding: FindingEvent) -> Root:
    if finding.family == "multivariate":
        return "changed relation"
    if finding.unit_change is not None and finding.unit_change.conversion is not None:
        return "unit change"
    if isinstance(finding.stuck, StuckValue) and finding.role not in {"prediction", "score"}:
        return "frozen values"
    of_categories = finding.check == "detector.mix" or (finding.family == "distribution" and finding.moments is None)
    return "changed mix" if of_categories else "feature shift"


def kind_of(root: Root, *, explained: bool) -> ProblemKind:
    """Return the kind of a problem; ``explained`` says whether it follows from one that another alert describes.

    Examples
    --------
    >>> kind_of("performance", explained=False), kind_of("performance", explained=True), kind_of("unit change",
    ... explained=False)
    ('concept drift', 'performance', 'data quality')
    """
    return "performance" if root == "performance" and explained else _KINDS[root]

"""What a problem keeps of a finding: enough to name, rank and tell it, without its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.alerts.escalation import ESCALATION_FACTOR, multiple_of
from driftline.alerts.policy import summary
from driftline.alerts.roots import RANKS, root_of
from driftline.alerts.wording import words_of
from driftline.events.alert import (  # msgspec reads them where a state is restored
    MAX_SUMMARIES,
    Cause,
    FindingSummary,
    Root,
)
from driftline.events.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.alerts.signals import SignalChange
    from driftline.events.finding import FindingEvent


EARLY: Final = "detector."
"""Begins the names of the checks of e-detectors."""
OUT_OF_RANGE: Final = "quality.out_of_range"
DISTRIBUTION: Final = "distribution.pearson"


class ShownFinding(Struct, frozen=True, kw_only=True):
    """A finding as an alert shows it.

    *State*: below 1 KB; 2 KB with origins.
    """

    cause: Cause
    root: Root
    multiple: float
    """Effect in multiples of the smallest that matters."""
    summary: FindingSummary
    title: str
    what: str
    detail: str
    """Its words; see :class:`driftline.alerts.wording.Words`."""
    columns: tuple[str, ...]
    """Columns that it is about."""
    begun: tuple[int, int] | None = None
    """Onset in ms, where it names a problem that had begun before."""
    origins: tuple[Origin, ...] | None = None
    """Where its change comes from; None where there was nothing to compare."""
    because: str = ""
    """What explains most of a change of performance, as a clause; may be empty."""

    @property
    def rank(self) -> int:
        """How much it explains: the least explains most."""
        return RANKS[self.root]

    @property
    def clause(self) -> str:
        """Its words as a part of a sentence."""
        return f"{self.what} ({self.detail})" if self.detail else self.what

    @property
    def is_early(self) -> bool:
        """Whether an e-detector found it, from the first events of the change."""
        return self.summary.check.startswith(EARLY)

    def describes(self, early: ShownFinding) -> bool:
        """Whether it says of the same columns, from a whole window, what an e-detector has found."""
        return not self.is_early and self.columns == early.columns and self.rank <= early.rank

    @property
    def about(self) -> tuple[str, str | None]:
        """What stays the same when the check finds it again."""
        return (self.summary.check, self.summary.column)

    @property
    def order(self) -> tuple[bool, int, float, str, str]:
        """Sort key: what explains more first, then by importance × effect; information last."""
        of = self.summary
        return (of.severity == "info", self.rank, -of.importance * self.multiple, of.check, of.column or "")


class CauseFindings(Struct, frozen=True):
    """The findings of one cause, from the latest window that had any."""

    shown: tuple[ShownFinding, ...]
    """The first of them, at most 10."""
    columns: tuple[str, ...]
    """Columns of all that count."""
    n: int
    """How many there are."""
    by_root: dict[Root, tuple[str, ...]] = {}
    """Columns of all that count, by root; only of roots that several have."""


def shown(finding: FindingEvent, cause: Cause) -> ShownFinding:
    """Return what is kept of a finding."""
    words = words_of(finding)
    column = finding.without_value.column if finding.without_value else finding.column
    return ShownFinding(
        cause=cause,
        root=root_of(finding),
        multiple=multiple_of(finding),
        summary=summary(finding),
        title=words.title,
        what=words.what,
        detail=words.detail,
        columns=tuple(finding.most_changed) or (() if column is None else (column,)),
        origins=tuple(finding.origins) if isinstance(finding.origins, list) else None,
        because=finding.explained.words if finding.explained else "",
    )


def first_of(findings: Sequence[ShownFinding]) -> ShownFinding:
    """Return the finding that explains the others; ``findings`` is not empty.

    Another mix of known values explains what moved as much as it did; a slight one is itself moved by the rest. That
    values are out of range is only a part of what the distribution of the column says.
    """
    greatest = max(each.multiple for each in findings)

    def order(each: ShownFinding) -> tuple[bool, int, float, str, str]:
        is_info, rank, weight, check, column = each.order
        slight = each.root == "changed mix" and each.multiple * ESCALATION_FACTOR < greatest
        return (is_info, RANKS["feature shift"] if slight else rank, weight, check, column)

    first = min(findings, key=order)
    if first.summary.check != OUT_OF_RANGE:
        return first
    same = (each for each in findings if each.columns == first.columns and each.summary.check == DISTRIBUTION)
    return min((each for each in same if each.summary.severity != "info"), key=order, default=first)


def findings_of(change: SignalChange) -> CauseFindings:
    """Return what is kept of the findings of a change."""
    counting = sorted((shown(finding, change.cause) for finding in change.findings), key=lambda each: each.order)
    beside = [shown(finding, change.cause) for finding in change.beside]
    columns = tuple(dict.fromkeys(name for each in counting for name in each.columns))
    by_root: dict[Root, tuple[str, ...]] = {}
    for each in counting:
        by_root[each.root] = tuple(dict.fromkeys((*by_root.get(each.root, ()), *each.columns)))
    several = {root: names for root, names in by_root.items() if len(names) > 1}
    return CauseFindings((*counting, *beside)[:MAX_SUMMARIES], columns, len(counting) + len(beside), several)

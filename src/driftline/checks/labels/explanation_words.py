"""One clause of a finding's message: what explains most of the change, if anything certainly explains much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.performance_tests import PREFIX
from driftline.performance.intervals import Z
from driftline.performance.losses import is_fraction, is_loss

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.events.explanation import Explained, ExplainedPart, MixChange, SegmentChange
    from driftline.events.finding import FindingEvent

MUCH: Final = 0.3
"""Fraction of a change that is worth a clause."""
MOST: Final = 0.5
"""Fraction of a change of which scores alone are worth a clause."""
ABOVE_SHARE: Final = 1.5
"""A segment is named for its own change if its part is so many times its fraction of the cases: where all segments
change alike, none explains anything."""
OF_CASES: Final = {
    "precision": "the positive predictions",
    "recall": "the positive labels",
    "specificity": "the negative labels",
}
"""What a segment has a fraction of, where it is not all labelled predictions."""


def with_explanation(finding: FindingEvent, explained: Mapping[str, Explained]) -> FindingEvent:
    """Return a finding with what explains its change, and a clause about it in its message; as it is without that."""
    found = explained.get(finding.check.removeprefix(PREFIX))
    if found is None:
        return finding
    message = f"{finding.message}; {found.words}" if found.words else finding.message
    return structs.replace(finding, explained=found, message=message)


def with_words(found: Explained) -> Explained:
    """Return what explains a change, with its words."""
    return structs.replace(found, words=clause(found))


def clause(found: Explained) -> str:
    """Return what explains most of a change for the worse, in words; nothing where that is not certain."""
    return _by_segment(found) or _by_score(found)


def _by_segment(found: Explained) -> str:
    compared = found.compared
    if compared is None or not _worse(found.metric, compared.change):
        return ""
    told = [words for change in found.mix for words in (_mix(found.metric, change), _within(found.metric, change))]
    fraction, words = max(told, key=lambda each: each[0], default=(0.0, ""))
    if not words:
        return ""
    n = compared.n_windows
    earlier = "the last window" if n == 1 else f"the last {n} windows"
    return f"against {earlier} without a finding, {_fraction(fraction)} of it is because {words}"


def _mix(metric: str, change: MixChange) -> tuple[float, str]:
    """Return the fraction that other fractions of the segments explain, and words for it."""
    named = [each for each in change.segments if each.segment is not None]
    fraction = _certain(change.mix)
    if fraction < MUCH or not named:
        return 0.0, ""
    most = max(named, key=lambda each: (each.mix.fraction or 0.0, abs(each.share - each.share_before)))
    if (most.mix.fraction or 0.0) <= 0:
        return 0.0, ""
    went = f"from {_percent(most.share_before)} to {_percent(most.share)}"
    cases = OF_CASES.get(metric, "the labelled traffic")
    if len(change.segments) == 2:  # noqa: PLR2004  # what one gains the other loses
        return fraction, f"segment {most.segment} went {went} of {cases}"
    return fraction, f"the mix of {change.field} changed, above all {most.segment} {went} of {cases}"


def _within(metric: str, change: MixChange) -> tuple[float, str]:
    """Return the fraction that the change within one segment explains, and words for it."""
    worst: SegmentChange | None = None
    for each in change.segments:
        fraction, usual = _certain(each.within), ABOVE_SHARE * (each.share + each.share_before) / 2
        if each.segment is None or fraction < max(MUCH, usual):
            continue
        if worst is None or fraction > _certain(worst.within):
            worst = each
    if worst is None or worst.value is None or worst.value_before is None:
        return 0.0, ""
    show = percent if is_fraction(metric) else number
    words = f"{metric.replace('_', ' ')} of segment {worst.segment} went from"
    return _certain(worst.within), f"{words} {show(worst.value_before)} to {show(worst.value)}"


def _by_score(found: Explained) -> str:
    if found.change is None or found.data is None or found.concept is None or not _worse(found.metric, found.change):
        return ""
    data, concept = _certain(found.data), _certain(found.concept)
    if max(data, concept) < MOST:
        return ""
    if data > concept:
        return f"{_fraction(data)} of it is because other scores came, which in the baseline too had such outcomes"
    return f"{_fraction(concept)} of it is because the same scores have other outcomes than in the baseline"


def _certain(part: ExplainedPart) -> float:
    """Return the fraction of a part that is certainly not 0, and of the change's sign; else 0."""
    certain = part.fraction is not None and abs(part.value) > Z * part.standard_error
    return max(0.0, part.fraction or 0.0) if certain else 0.0


def _worse(metric: str, change: float) -> bool:
    return change > 0 if is_loss(metric) else change < 0


def _fraction(fraction: float) -> str:
    return "all" if fraction > 0.995 else _percent(fraction)  # noqa: PLR2004  # 100 % as people read it


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"

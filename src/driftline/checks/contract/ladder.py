"""From outcomes to findings: the only place that knows levels, gates and severities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.alerts.policy import OF_VALUES, check_key, severity_of
from driftline.checks.contract.wording import p_value_at
from driftline.events.finding import FindingEvent, finding_id
from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from driftline.checks.contract.check import Outcome
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.evidence import Severity
    from driftline.events.finding import LevelEvidence


def judge(outcomes: Iterable[Outcome], levels: Sequence[LevelEvidence], common: CommonFields) -> list[FindingEvent]:
    """Return a finding for each test of one check and case that is significant and whose effect is as large as matters.

    ``levels`` are the budget's, then that for information where it is wanted: the first at which a test is significant
    counts. ``common`` are the fields of the window; findings count their own events.
    """
    every = [outcome for outcome in outcomes if not outcome.lingers]
    together = [outcome for outcome in every if outcome.alternatives > 1]
    tests = [[outcome] for outcome in every if outcome.alternatives == 1] + ([together] if together else [])
    judged = (_first(test, levels) for test in tests)
    return [_finding(*each, common) for each in judged if each is not None]


def lingering(outcomes: Iterable[Outcome], level: LevelEvidence, budget: ErrorBudget) -> Iterator[str]:
    """Yield the checks of one case whose change is real but smaller than matters, by less than it takes to be over.

    They open nothing. An alert that is open for one of them stays open: ``level`` is the budget's, and
    ``alerts.close_below`` says at which fraction of a gate a change is over.
    """
    fraction = budget.settings.alerts.close_below
    for outcome in outcomes:
        if outcome.lingers or _is_weak(outcome, level_of(outcome, level), fraction):
            yield check_key(outcome.check, outcome.subject.role, outcome.subject.column)


def _is_weak(outcome: Outcome, level: LevelEvidence, fraction: float) -> bool:
    p_value, effect = outcome.p_value, outcome.effect
    if p_value is None or effect is None or not level.in_budget:
        return False
    return p_value <= level.level and fraction * effect.gate <= effect.corrected < effect.gate


def _first(test: list[Outcome], levels: Sequence[LevelEvidence]) -> tuple[Outcome, LevelEvidence | None] | None:
    """Return what a test found, at the first level at which it found anything; None where it found nothing."""
    if test[0].statistic.p_value is None:
        return test[0], test[0].level
    for level in levels:
        real = [outcome for outcome in test if _is_real(outcome, level)]
        if real:
            first = min(real, key=lambda outcome: (outcome.precedence, outcome.statistic.p_value))
            return first, level_of(first, level)
    return None


def _is_real(outcome: Outcome, level: LevelEvidence) -> bool:
    p_value, effect = outcome.p_value, outcome.effect
    if p_value is None or effect is None:
        return False
    return p_value <= level_of(outcome, level).level and effect.corrected >= effect.gate


def level_of(outcome: Outcome, level: LevelEvidence) -> LevelEvidence:
    """Return the level of one outcome: its part of a test's.

    It is outside the budget while the dispersion is being learnt, where it is of drift in a column of little
    importance, and where the change is for the better.

    A level beside the budget, for information, stays as it is.
    """
    if not level.in_budget:
        return level
    if outcome.part < 1:
        words = f"{outcome.part:g} x ({level.derivation})"
        level = structs.replace(level, level=level.level * outcome.part, derivation=words)
    if _is_minor(outcome):
        words = f"column of little importance, notifies nobody: {level.derivation}"
        level = structs.replace(level, derivation=words, in_budget=False)
    if outcome.for_the_better:
        words = f"a change for the better, notifies nobody: {level.derivation}"
        level = structs.replace(level, derivation=words, in_budget=False)
    if outcome.calibrating:
        words = f"calibrating, pages nobody: {level.derivation}"
        level = structs.replace(level, derivation=words, in_budget=False)
    return level


def _is_minor(outcome: Outcome) -> bool:
    """Whether an outcome is drift of a column of little importance; a fixed threshold is somebody's wish."""
    is_drift = outcome.family in {"distribution", "detector"} or outcome.check in OF_VALUES
    return is_drift and not outcome.subject.may_notify and not outcome.check.startswith("threshold.")


def _finding(outcome: Outcome, level: LevelEvidence | None, common: CommonFields) -> FindingEvent:
    span, key = common["window"], ModelKey(common["model"], common["model_version"])
    column, role, importance = outcome.subject[:3]
    evidence, p_value = outcome.evidence(), outcome.p_value
    tested = "" if p_value is None or level is None else p_value_at(p_value, level.level)
    seen: CommonFields = {**common, "n": outcome.n, "n_reference": outcome.n_reference}
    return FindingEvent(
        **seen,
        finding_id=finding_id(key, common["segment"], span, outcome.check, role, column),
        check=outcome.check,
        family=outcome.family,
        column=column,
        role=role,
        severity=_severity(outcome, level),
        importance=importance,
        statistic=structs.replace(outcome.statistic, p_value=p_value),
        level=level,
        effect=outcome.effect,
        baseline=outcome.baseline,
        distances=evidence.distances,
        histograms=evidence.histograms,
        dispersion=evidence.dispersion,
        unit_change=evidence.unit_change,
        stuck=evidence.stuck,
        moments=evidence.moments,
        minor=_is_minor(outcome),
        most_changed=list(evidence.most_changed),
        group=evidence.group,
        unseen=evidence.unseen,
        since=span.start,
        message="; ".join(words for words in (outcome.message, tested, evidence.details) if words),
    )


def _severity(outcome: Outcome, level: LevelEvidence | None) -> Severity:
    """Return the severity: by the effect, weighted by the importance of its column, within the budget; ``info``
    outside. An untested outcome says its own.
    """
    if outcome.p_value is None:
        return outcome.severity
    if outcome.effect is None or level is None or not level.in_budget:
        return "info"
    effect = outcome.effect.corrected if outcome.sure is None else outcome.sure
    return severity_of(effect * outcome.subject.weight, outcome.effect.gate)

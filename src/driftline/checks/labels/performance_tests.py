"""Is the model worse than the baseline: one test for each metric that is watched, each with its part of the level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.contract.wording import number, p_value_at, percent
from driftline.checks.quality.duplicates import PART_OF_LEVEL, part_of
from driftline.events.evidence import DispersionEvidence
from driftline.events.finding import Effect, Statistic
from driftline.performance.losses import SHARES, mean_loss, watched_metrics, wrong_decisions
from driftline.significance.mean_shift import Values, mean_shift_test
from driftline.significance.share import share_test

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.model import TestedMetric
    from driftline.events.finding import FindingEvent
    from driftline.profiles.profile import Profile

MIN_RISE: Final = 0.05
"""Smallest rise of a loss that matters where none is configured, as a part of the baseline's."""


class Spread(NamedTuple):
    """How much more than independent errors those of a window vary; degrees of freedom where it was estimated."""

    dispersion: float
    degrees_of_freedom: float | None
    n_windows: int


class Outcome(NamedTuple):
    """What the test of a metric said.

    Attributes
    ----------
    metric : TestedMetric
    statistic : Statistic
    effect : Effect
    n, n_reference : int
        Labels that the metric is about.
    spread : Spread
    """

    metric: TestedMetric
    statistic: Statistic
    effect: Effect
    n: int
    n_reference: int
    spread: Spread

    @property
    def p_value(self) -> float:
        """Of the test."""
        return self.statistic.p_value or 0.0


def performance_outcomes(
    profile: Profile, cut: PerformanceRevision, baseline: PerformanceBaseline, context: ErrorBudget
) -> list[Outcome]:
    """Return the outcome for each watched metric that the task has and both sides have labels for.

    Parameters
    ----------
    profile : Profile
    cut : PerformanceRevision
    baseline : PerformanceBaseline
    context : ErrorBudget

    Notes
    -----
    Shares of right decisions: the exact one-sided test of the wrong ones. Losses: Welch's one-sided test of their mean.
    Both take errors to vary as much as they did between the reference's windows, where its rows have times.
    """
    outcomes = []
    for metric in watched_metrics(profile.task, context.settings.performance.metrics):
        outcome = (_share if metric in SHARES else _loss)(metric, profile, cut, baseline, context)
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def performance_findings(
    outcomes: list[Outcome], profile: Profile, baseline: PerformanceBaseline, context: ErrorBudget, common: CommonFields
) -> list[FindingEvent]:
    """Return a finding for each outcome that is real at its level, and as large as matters.

    Parameters
    ----------
    outcomes : list of Outcome
    profile : Profile
    baseline : PerformanceBaseline
    context : ErrorBudget
        The level is divided over the metrics that are watched, whether they had an outcome or not.
    common : CommonFields
        Of the window.
    """
    n_tests = len(watched_metrics(profile.task, context.settings.performance.metrics))
    findings = []
    for outcome in outcomes:
        levels = (part_of(context.performance_level(), (1 - PART_OF_LEVEL) / n_tests), context.info_level())
        level = next((each for each in levels if each is not None and outcome.p_value <= each.level), None)
        if level is None or outcome.effect.corrected < outcome.effect.gate:
            continue
        subject = Subject(f"performance.{outcome.metric}", "performance")
        seen = seen_by(common, outcome.n, outcome.n_reference)
        message = f"{_change(outcome, baseline)}; {p_value_at(outcome.p_value, level.level)}; {_basis(outcome)}"
        finding = finding_of(seen, subject, (outcome.statistic, outcome.effect), level, message, baseline.origin)
        findings.append(structs.replace(finding, dispersion=_evidence(outcome.spread)))
    return findings


def _share(
    metric: TestedMetric,
    profile: Profile,
    cut: PerformanceRevision,
    baseline: PerformanceBaseline,
    context: ErrorBudget,
) -> Outcome | None:
    layout = profile.task.performance_layout
    here, there = (wrong_decisions(layout, vector, metric) for vector in (cut.vector, baseline.vector))
    spread = _spread(profile, metric, here.n, context)
    result = share_test(
        *here,
        *there,
        alternative="greater",
        dispersion=spread.dispersion,
        degrees_of_freedom=spread.degrees_of_freedom,
    )
    if result is None:
        return None
    current, reference = (here.n - here.k) / here.n, (there.n - there.k) / there.n
    statistic = Statistic(
        name="exact_share", value=result.share, degrees_of_freedom=None, p_value=result.p_value, threshold=None
    )
    gate = context.settings.performance.min_change.get(metric, context.settings.checks.min_accuracy_drop)
    drop = reference - current
    effect = Effect(name=f"{metric}_drop", raw=drop, corrected=drop, gate=gate, current=current, reference=reference)
    return Outcome(metric, statistic, effect, here.n, there.n, spread)


def _loss(
    metric: TestedMetric,
    profile: Profile,
    cut: PerformanceRevision,
    baseline: PerformanceBaseline,
    context: ErrorBudget,
) -> Outcome | None:
    layout = profile.task.performance_layout
    here, there = (mean_loss(layout, vector, metric) for vector in (cut.vector, baseline.vector))
    if here is None or there is None or there.mean <= 0:
        return None
    spread = _spread(profile, metric, here.n, context)
    result = mean_shift_test(
        Values(*here), Values(*there), dispersion=spread.dispersion, degrees_of_freedom=spread.degrees_of_freedom
    )
    if result is None:
        return None
    statistic = Statistic(
        name="welch_t",
        value=result.statistic,
        degrees_of_freedom=int(result.degrees_of_freedom),
        p_value=result.p_value,
        threshold=None,
    )
    effect = Effect(
        name=f"{metric}_rise",
        raw=here.mean - there.mean,
        corrected=here.mean / there.mean - 1,
        gate=context.settings.performance.min_change.get(metric, MIN_RISE),
        current=here.mean,
        reference=there.mean,
    )
    return Outcome(metric, statistic, effect, int(here.n), int(there.n), spread)


def _spread(profile: Profile, metric: str, n: float, context: ErrorBudget) -> Spread:
    """Return what is known of how errors vary; independent ones where the reference has no times, or as configured."""
    history = profile.history
    if history is None or history.errors is None or context.settings.checks.dispersion.mode == "independent":
        return Spread(1.0, None, 0)
    known = history.errors.metrics.get(metric)
    if known is None or history.errors.window_ms != int(context.settings.windows.performance):
        return Spread(1.0, None, 0)
    return Spread(known.at(n), known.n_windows - 1.0, known.n_windows)


def _change(outcome: Outcome, baseline: PerformanceBaseline) -> str:
    effect, metric = outcome.effect, outcome.metric
    origin = "the reference" if baseline.origin == "reference" else "the first windows"
    show, word = (percent, "drop") if metric in SHARES else (number, "rise")
    before, after = (show(value) for value in (effect.reference or 0.0, effect.current or 0.0))
    words = metric.replace("_", " ")
    return f"{words} {before} -> {after} against {origin} (a {word} matters from {percent(effect.gate)})"


def _basis(outcome: Outcome) -> str:
    labels = f"{number(outcome.n)} labelled predictions"
    spread = outcome.spread
    if not spread.n_windows:
        return f"{labels}, whose errors are taken as independent"
    return (
        f"{labels}, whose errors vary {number(spread.dispersion)} times as much as independent ones, "
        f"by {number(spread.n_windows)} windows of the reference"
    )


def _evidence(spread: Spread) -> DispersionEvidence:
    known = spread.n_windows > 0
    return DispersionEvidence(
        status="widened" if known else "assumed",
        source="reference" if known else "assumed",
        independent=spread.dispersion <= 1,
        lambda_bar=spread.dispersion,
        lambda_max=spread.dispersion,
        degrees_of_freedom=spread.degrees_of_freedom,
        n_panes=0,
        n_windows=spread.n_windows,
        same_hours=False,
    )

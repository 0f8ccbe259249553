"""Is the model worse than the baseline: one test for each metric that is watched, each with its part of the level."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, statistic_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.confusion_tests import confusion_test
from driftline.checks.labels.gates import gate_of
from driftline.checks.labels.interval_tests import interval_test
from driftline.checks.quality.duplicates import PART_OF_LEVEL
from driftline.events.evidence import DispersionEvidence
from driftline.performance.losses import (
    is_fraction,
    is_loss,
    is_mean_loss,
    is_of_confusion,
    is_share,
    mean_loss,
    watched_metrics,
    wrong_decisions,
)
from driftline.significance.mean_shift import LEAST, Values, mean_shift_test
from driftline.significance.share import share_test
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.contract.closed_window import PerformanceCase
    from driftline.config.model import ModelSettings, TestedMetric
    from driftline.events.finding import Effect, Statistic
    from driftline.profiles.profile import Profile

PREFIX: Final = "performance."
"""Before the metric's name, in the name of the check."""
BETTER_PREFIX: Final = "improvement."
"""The same of the check for a change for the better."""
SURE: Final = 2.33
"""Standard errors below a window's effect at which it is critical: 99 % of a normal distribution."""


class Spread(NamedTuple):
    """How much more than independent errors those of a window vary; degrees of freedom where it was estimated."""

    dispersion: float
    degrees_of_freedom: float | None
    n_windows: int


class Comparison(NamedTuple):
    """A metric of a window compared with the baseline, in one direction."""

    statistic: Statistic
    effect: Effect
    sizes: tuple[int, int]
    """Labels of the window and of the baseline that it is about."""
    spread: Spread
    sure: float | None
    """Lower limit of the effect."""


@check("performance", "performance")
def performance(case: PerformanceCase) -> Iterator[Outcome]:
    """Test each watched metric that the task has and both sides have labels for; together they are one test.

    Each has its part of the level, by the metrics that are watched, whether they have an outcome or not. Shares of
    right decisions: the exact one-sided test of the wrong ones. Losses: Welch's one-sided test of their mean. Other
    metrics of the confusion matrix: the permutation test of how much each label moves them. All take errors to vary as
    much as they did between the reference's windows, where its rows have times. Each metric is tested
    again for a change for the better, which is information and costs nothing of the budget.
    """
    watched = watched_metrics(case.profile.task, case.settings.performance.metrics)
    for metric, better in product(watched, (False, True)):
        compared = _compared(metric, case, better=better)
        if compared is not None:
            outcome = _outcome(metric, case, compared, better=better)
            yield structs.replace(outcome, part=(1 - PART_OF_LEVEL) / len(watched))


def _compared(metric: TestedMetric, case: PerformanceCase, *, better: bool) -> Comparison | None:
    task = case.profile.task
    if is_share(metric, task):
        return _share(metric, case, better=better)
    if is_of_confusion(metric, task):
        return _by_scores(metric, case, better=better)
    return (_loss if is_mean_loss(metric) else _by_interval)(metric, case, better=better)


def _by_scores(metric: TestedMetric, case: PerformanceCase, *, better: bool) -> Comparison | None:
    """Compare a metric of the confusion matrix, by how much each label moves it."""
    sizes = _labels(case)
    if min(sizes) < LEAST:
        return None
    spread = spread_of(case, metric, sizes[0])
    found = confusion_test(case, metric, spread.dispersion, spread.degrees_of_freedom, better=better)
    if found is None:
        return None
    change = (found.current - found.reference) * (1 if better else -1)
    statistic = statistic_of("sampled_score_quantile", found.test.quantile, found.test.p_value)
    name = f"{metric}_{'rise' if better else 'drop'}"
    effect = effect_of(name, change, gate_of(metric, case.settings), found.current, found.reference)
    return Comparison(statistic, effect, sizes, spread, change - SURE * found.test.standard_error)


def _labels(case: PerformanceCase) -> tuple[int, int]:
    now, before = (max(0, int(side[LABELLED])) for side in (case.revision.vector, case.baseline.vector))
    return now, before


def _by_interval(metric: TestedMetric, case: PerformanceCase, *, better: bool) -> Comparison | None:
    """Compare a metric that is neither a share nor a mean."""
    sizes = _labels(case)
    if min(sizes) < LEAST:
        return None
    spread = spread_of(case, metric, sizes[0])
    found = interval_test(case, metric, spread.dispersion, spread.degrees_of_freedom, better=better)
    if found is None:
        return None
    sign, is_rise = (-1 if better else 1) * (1 if is_loss(metric) else -1), is_loss(metric) != better
    change = sign * (found.current - found.reference)
    unit = 1.0 if is_fraction(metric) else abs(found.reference)
    if unit <= 0:
        return None
    gate = gate_of(metric, case.settings)
    statistic = statistic_of("interval_quantile", found.quantile, found.p_value)
    name = f"{metric}_{'rise' if is_rise else 'drop'}"
    effect = effect_of(name, change, gate, found.current, found.reference, corrected=change / unit)
    return Comparison(statistic, effect, sizes, spread, (change - SURE * found.standard_error) / unit)


def _share(metric: TestedMetric, case: PerformanceCase, *, better: bool) -> Comparison | None:
    layout, settings = case.profile.task.performance_layout, case.settings
    here, there = (wrong_decisions(layout, vector, metric) for vector in (case.revision.vector, case.baseline.vector))
    spread = spread_of(case, metric, here.n)
    result = share_test(
        *here,
        *there,
        alternative="less" if better else "greater",
        dispersion=spread.dispersion,
        degrees_of_freedom=spread.degrees_of_freedom,
    )
    if result is None:
        return None
    current, reference = (here.n - here.k) / here.n, (there.n - there.k) / there.n
    gate = gate_of(metric, settings)
    statistic = statistic_of("exact_share", result.share, result.p_value)
    name, change = (f"{metric}_rise", current - reference) if better else (f"{metric}_drop", reference - current)
    effect = effect_of(name, change, gate, current, reference)
    error = math.sqrt(spread.dispersion * current * (1 - current) / here.n)
    return Comparison(statistic, effect, (here.n, there.n), spread, effect.corrected - SURE * error)


def _loss(metric: TestedMetric, case: PerformanceCase, *, better: bool) -> Comparison | None:
    """Compare the mean of a loss.

    Notes
    -----
    Losses are skewed to the right: a mean that is small by chance comes with a small variance. A change for the better
    is therefore tested with the baseline's variance on both sides, which keeps the level.
    """
    layout, settings = case.profile.task.performance_layout, case.settings
    here, there = (mean_loss(layout, vector, metric) for vector in (case.revision.vector, case.baseline.vector))
    if here is None or there is None or there.mean <= 0:
        return None
    spread = spread_of(case, metric, here.n)
    now, before = Values(*here), Values(*there)
    sides = (before, Values(now.mean, before.variance, now.n)) if better else (now, before)
    result = mean_shift_test(*sides, dispersion=spread.dispersion, degrees_of_freedom=spread.degrees_of_freedom)
    if result is None:
        return None
    gate, relative = gate_of(metric, settings), here.mean / there.mean - 1
    freedom = int(result.degrees_of_freedom)
    statistic = statistic_of("welch_t", result.statistic, result.p_value, degrees_of_freedom=freedom)
    name, sign = (f"{metric}_drop", -1) if better else (f"{metric}_rise", 1)
    change = sign * (here.mean - there.mean)
    effect = effect_of(name, change, gate, here.mean, there.mean, corrected=sign * relative)
    sure = effect.corrected * (1 - SURE / result.statistic) if result.statistic > 0 else None
    return Comparison(statistic, effect, (int(here.n), int(there.n)), spread, sure)


def _outcome(metric: TestedMetric, case: PerformanceCase, compared: Comparison, *, better: bool) -> Outcome:
    origin = "the reference" if case.baseline.origin == "reference" else "the first windows"
    effect, (n, n_reference), spread = compared.effect, compared.sizes, compared.spread
    show = percent if is_fraction(metric) else number
    word = "rise" if is_loss(metric) != better else "drop"
    before, after = (show(value) for value in (effect.reference or 0.0, effect.current or 0.0))
    change = f"{metric.replace('_', ' ')} {before} -> {after} against {origin}"
    return Outcome(
        check=f"{BETTER_PREFIX if better else PREFIX}{metric}",
        family="performance",
        statistic=compared.statistic,
        effect=effect,
        n=n,
        n_reference=n_reference,
        message=f"{change}{', which is better' if better else ''} (a {word} matters from {percent(effect.gate)})",
        evidence=lambda: Evidence(details=_basis(n, spread), dispersion=_evidence(spread)),
        baseline=case.baseline.origin,
        sure=compared.sure,
        for_the_better=better,
    )


def spread_of(case: PerformanceCase, metric: str, n: float) -> Spread:
    """Return what is known of how errors vary in a tested window; see :func:`errors_spread`."""
    return errors_spread(case.profile, case.settings, metric, n)


def errors_spread(profile: Profile, settings: ModelSettings, metric: str, n: float) -> Spread:
    """Return what is known of how errors vary; independent ones where the reference has no times, or as configured."""
    history = profile.history
    if history is None or history.errors is None or settings.checks.dispersion.mode == "independent":
        return Spread(1.0, None, 0)
    known = history.errors.metrics
    of_metric = known.get(metric)
    if not is_share(metric, profile.task) and not is_mean_loss(metric):  # as much as errors that vary most
        of_metric = max(known.values(), key=lambda each: each.at(n), default=None)
    if of_metric is None or history.errors.window_ms != int(settings.windows.performance):
        return Spread(1.0, None, 0)
    return Spread(of_metric.at(n), of_metric.n_windows - 1.0, of_metric.n_windows)


def _basis(n: int, spread: Spread) -> str:
    labels = f"{number(n)} labelled predictions"
    if not spread.n_windows:
        return f"{labels}, whose errors are taken as independent"
    return (
        f"{labels}, whose errors vary {number(spread.dispersion)} times as much as independent ones, "
        f"by {number(spread.n_windows)} windows of the reference"
    )


def _evidence(spread: Spread) -> DispersionEvidence:
    return DispersionEvidence(
        status="widened" if spread.n_windows else "assumed",
        source="reference" if spread.n_windows else "assumed",
        independent=spread.dispersion <= 1,
        lambda_bar=spread.dispersion,
        lambda_max=spread.dispersion,
        degrees_of_freedom=spread.degrees_of_freedom,
        n_panes=0,
        n_windows=spread.n_windows,
        same_hours=False,
    )

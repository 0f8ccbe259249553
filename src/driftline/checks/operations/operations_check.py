"""A window of how a model made its predictions: an event with its figures, and findings where it fails or is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.contract.check import checks_of
from driftline.checks.contract.common_fields import span, topic_fields
from driftline.checks.contract.ladder import judge, lingering
from driftline.checks.contract.verdict import Verdict
from driftline.checks.operations.failed import failures, too_many_failed
from driftline.checks.operations.resources import too_much
from driftline.checks.operations.slow import slowness, too_slow
from driftline.events.evidence import Event
from driftline.events.operation_fields import LATENCY
from driftline.events.operations import EarlierTest, MeasureSummary, OperationsEvent
from driftline.sketches.operations import SHOWN_REASONS, quantiles

if TYPE_CHECKING:
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.labels.baseline_comparison import BaselineComparison
    from driftline.checks.operations.case import OperationsCase, OperationsWindow
    from driftline.events.operations import OperationsVerdict
    from driftline.sketches.operations import Measure


def examine_operations(
    window: OperationsWindow, case: OperationsCase | None, budget: ErrorBudget
) -> Verdict[OperationsEvent]:
    """Report a window; ``case`` is what is evaluated with it, None where that are too few predictions yet."""
    common = topic_fields(
        window.key, (window.start_ms, window.end_ms), {"predictions": window.offsets}, window.flags, budget
    )
    common["n"] = window.n_events
    if case is None:
        return Verdict(events=(_event(window, common, "waiting"),), findings=(), sequence="operations", tested=False)
    of_failures, of_latency = failures(case), slowness(case)
    common["n_reference"] = of_failures.n_reference
    size_ms = window.end_ms - window.start_ms
    extended = case.start_ms < window.start_ms
    together: CommonFields = {
        **common,
        "window": span("tumbling", case.start_ms, window.end_ms, size_ms, extended=extended),
        "n": case.n_events,
    }
    levels = budget.with_info(budget.operations_level())
    tests = [[*check.examine(case)] for check in checks_of("operations")]
    limits = [*too_many_failed(case), *too_slow(case), *too_much(case)]
    findings = [finding for outcomes in tests for finding in judge(outcomes, levels, together)]
    findings += judge(limits, (), together)
    status: OperationsVerdict = "degraded" if findings else "calibrating" if of_failures.baseline is None else "usual"
    event = _event(
        window, common, status, _test(of_failures), None if of_latency is None else _test(of_latency.comparison)
    )
    return Verdict(
        events=(event,),
        findings=tuple(findings),
        sequence="operations",
        tested=of_failures.baseline is not None or budget.settings.operations.limited,
        lingering=frozenset(key for outcomes in (*tests, limits) for key in lingering(outcomes, levels[0], budget)),
        observed=Event(**together),
    )


def _event(
    window: OperationsWindow,
    common: CommonFields,
    status: OperationsVerdict,
    failed_test: EarlierTest | None = None,
    latency_test: EarlierTest | None = None,
) -> OperationsEvent:
    operations, activity, size_ms = window.operations, window.activity, window.end_ms - window.start_ms
    ranked = sorted(operations.reasons.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_REASONS]
    measures = {name: summary for name, each in operations.measures.items() if (summary := measure_summary(each))}
    return OperationsEvent(
        **common,
        status=status,
        per_second=window.n_events / (size_ms / 1000),
        n_failed=operations.n_failed,
        failed_share=operations.n_failed / window.n_events if window.n_events else 0.0,
        reasons=dict(ranked),
        n_other_reasons=operations.n_failed - sum(n for _, n in ranked),
        latency_ms=measures.pop(LATENCY, None),
        measures=measures,
        longest_gap_ms=activity.longest_gap_ms,
        uptime_share=None if activity.down_ms is None else 1 - activity.down_ms / size_ms,
        failed_test=failed_test,
        latency_test=latency_test,
    )


def measure_summary(measure: Measure) -> MeasureSummary | None:
    """Return the distribution of a quantity; None where no value can be used."""
    counts = measure.vector()
    n = int(counts.sum())
    if n == 0:
        return None
    p50, p95, p99 = (min(value, measure.greatest) for value in quantiles(counts, 0.5, 0.95, 0.99))
    return MeasureSummary(
        n=n,
        mean=measure.total / n,
        p50=p50,
        p95=p95,
        p99=p99,
        maximum=measure.greatest,
        n_unusable=measure.n_unusable,
    )


def _test(comparison: BaselineComparison) -> EarlierTest | None:
    baseline, result = comparison
    if baseline is None or result is None:
        return None
    return EarlierTest(
        share=result.share,
        share_reference=result.share_reference,
        n_reference=baseline.n,
        n_windows=baseline.n_groups,
        dispersion=result.dispersion,
        p_value=result.p_value,
    )

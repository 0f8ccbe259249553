"""What a performance event says beside its raw metrics: those that early labels let expect, and the worst case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.label_arrival import CorrectedMetrics
from driftline.performance.arrival_bounds import worst_case_bounds
from driftline.performance.arrival_weights import MIN_RATE, arrival_rates, needed_rates, weighted_metrics

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ArrivalEvidence

ASSUMPTIONS: Final = (
    "labels of a score bin and class come as soon as they did for the cohorts past the horizon",
    "within a score bin and class, when a label comes has nothing to do with the prediction",
    "predictions whose label never comes are left out, as in the window's last revision",
)
NO_LABELS: Final = "no labels yet"
TOO_FEW: Final = "too few cohorts past the horizon"
TOO_SOON: Final = f"too soon: of some score bin and class less than {MIN_RATE:.0%} of the labels come by this age"


def corrected_metrics(
    evidence: ArrivalEvidence | None, n_predictions: int, *, binary: bool, final: bool
) -> CorrectedMetrics | None:
    """Return a window's metrics corrected for early labels, and worst-case bounds.

    None where classes cannot be told apart: for regression, and for tasks of more than 16 classes. ``n_predictions``
    counts those of the window, with a label or without. Of a ``final`` revision nothing is corrected, as no later label
    counts, and the bounds are about predictions that never get a label.
    """
    if evidence is None or not evidence.layout.exact:
        return None
    layout, vector = evidence.layout, evidence.vector
    counts, by_class = layout.counting_of(vector), layout.predictions_of(vector).sum(axis=0)
    classes = by_class if int(by_class.sum()) == n_predictions else None
    bounds = worst_case_bounds(counts.sum(axis=0), n_predictions, classes, binary=binary)
    rates = None if final else arrival_rates(evidence.by_now, evidence.in_the_end)
    least = None if rates is None else needed_rates(rates, evidence.in_the_end)
    weighted, reason = None, None
    if rates is None or least is None:
        reason = None if final else TOO_FEW
    elif least < MIN_RATE:
        reason = TOO_SOON
    else:
        weighted = weighted_metrics(counts, rates, binary=binary)
        reason = NO_LABELS if weighted is None else None
    return CorrectedMetrics(
        status="mature" if final else "withheld" if weighted is None else "corrected",
        reason=reason,
        metrics={} if weighted is None else weighted.metrics,
        standard_errors={} if weighted is None else weighted.standard_errors,
        n_effective=None if weighted is None else weighted.n_effective,
        least_rate=None if least is None else min(1.0, least),
        n_cohorts=0 if rates is None else rates.n_cohorts,
        dispersion=None if rates is None else rates.dispersion,
        bounds=bounds,
        assumptions=[] if weighted is None else list(ASSUMPTIONS),
    )

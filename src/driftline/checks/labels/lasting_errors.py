"""Whether errors that the e-detector found to be more last: a window that still shows it keeps its alert open.

It tests nothing and opens nothing. A fall that is found from the labels of many windows hardly shows in one, so a
window is clean only where its accuracy is less than a standard error below the baseline's, or the difference is less
than ``alerts.close_below`` of what matters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.checks.contract.check import Outcome, check, effect_of, statistic_of
from driftline.checks.labels.error_bets import LOSS, METRIC, error_variation
from driftline.checks.labels.gates import gate_of
from driftline.checks.labels.performance_tests import PREFIX, spread_of
from driftline.performance.losses import is_loss, mean_loss, wrong_decisions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.contract.closed_window import PerformanceCase
    from driftline.config.model import TestedMetric

ERRORS: Final = 1.0
"""Standard errors below which a fall is none."""


class Change(NamedTuple):
    """How much worse a window is than the baseline."""

    metric: TestedMetric
    size: float
    """Difference of fractions; of others in multiples of the baseline's."""
    error: float
    """Standard error of that."""
    current: float
    reference: float
    sizes: tuple[int, int]


@check("lasting errors", "performance", lambda _settings: 0)
def lasting_errors(case: PerformanceCase) -> Iterator[Outcome]:
    """Return a fall that is too small to be found in this window, and too large to be over."""
    settings = case.settings
    if error_variation(case.profile, settings) is None:
        return  # no e-detector found it
    change = _of_numbers(case) if case.profile.task.kind == "regression" else _of_classes(case)
    if change is None:
        return
    gate = gate_of(change.metric, settings)
    if change.size > ERRORS * change.error and change.size >= settings.alerts.close_below * gate:
        word, than = ("rise", "higher") if is_loss(change.metric) else ("drop", "lower")
        n, n_reference = change.sizes
        yield Outcome(
            check=f"{PREFIX}{change.metric}",
            family="performance",
            statistic=statistic_of(word, change.size, threshold=gate),
            effect=effect_of(f"{change.metric}_{word}", change.size, gate, change.current, change.reference),
            n=n,
            n_reference=n_reference,
            message=f"{change.metric} {change.size:.2g} {than} lasts",
            lingers=True,
        )


def _of_classes(case: PerformanceCase) -> Change | None:
    layout = case.profile.task.performance_layout
    here, there = (wrong_decisions(layout, vector, METRIC) for vector in (case.revision.vector, case.baseline.vector))
    if not here.n or not there.n:
        return None
    current, reference = 1 - here.k / here.n, 1 - there.k / there.n
    spread = spread_of(case, METRIC, here.n).dispersion
    error = math.sqrt(spread * reference * (1 - reference) * (1 / here.n + 1 / there.n))
    return Change(METRIC, reference - current, error, current, reference, (here.n, there.n))


def _of_numbers(case: PerformanceCase) -> Change | None:
    layout = case.profile.task.performance_layout
    here, there = (mean_loss(layout, vector, LOSS) for vector in (case.revision.vector, case.baseline.vector))
    if here is None or there is None or there.mean <= 0:
        return None
    spread = spread_of(case, LOSS, here.n).dispersion
    error = math.sqrt(spread * there.variance * (1 / here.n + 1 / there.n)) / there.mean
    sizes = (int(here.n), int(there.n))
    return Change(LOSS, here.mean / there.mean - 1, error, here.mean, there.mean, sizes)

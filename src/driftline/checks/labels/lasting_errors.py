"""Whether a fall of accuracy that the e-detector found lasts: a window that still shows it keeps its alert open.

It tests nothing and opens nothing. A fall that is found from the labels of many windows hardly shows in one, so a
window is clean only where its accuracy is less than a standard error below the baseline's, or the difference is less
than ``alerts.close_below`` of what matters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from driftline.checks.contract.check import Outcome, check, effect_of, statistic_of
from driftline.checks.labels.error_bets import METRIC, error_variation
from driftline.checks.labels.gates import gate_of
from driftline.checks.labels.performance_tests import PREFIX, spread_of
from driftline.performance.losses import wrong_decisions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.checks.contract.closed_window import PerformanceCase

ERRORS: Final = 1.0
"""Standard errors below which a fall is none."""


@check("lasting errors", "performance", lambda _settings: 0)
def lasting_errors(case: PerformanceCase) -> Iterator[Outcome]:
    """Return a fall that is too small to be found in this window, and too large to be over."""
    settings, task = case.settings, case.profile.task
    if error_variation(case.profile, settings) is None:
        return  # no e-detector found it
    layout = task.performance_layout
    here, there = (wrong_decisions(layout, vector, METRIC) for vector in (case.revision.vector, case.baseline.vector))
    if not here.n or not there.n:
        return
    current, reference = 1 - here.k / here.n, 1 - there.k / there.n
    drop, gate = reference - current, gate_of(METRIC, settings)
    spread = spread_of(case, METRIC, here.n).dispersion
    error = math.sqrt(spread * reference * (1 - reference) * (1 / here.n + 1 / there.n))
    if drop > ERRORS * error and drop >= settings.alerts.close_below * gate:
        yield Outcome(
            check=f"{PREFIX}{METRIC}",
            family="performance",
            statistic=statistic_of("drop", drop, threshold=gate),
            effect=effect_of(f"{METRIC}_drop", drop, gate, current, reference),
            n=here.n,
            n_reference=there.n,
            message=f"{METRIC} {drop:.2g} lower lasts",
            lingers=True,
        )

"""The upper tail of a quantity beside that of earlier windows: how many predictions exceed 95 % of those before.

A share is tested, as it is with failures: no test of means, whose variance a few very large values decide. How much
the share varies from window to window when nothing has changed is taken from the earlier windows themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.checks.labels.baseline_comparison import NEW_BASELINE, BaselineComparison
from driftline.sketches.log_grid import N_BINS, middle_of, quantile_bin
from driftline.sketches.operations import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.sketches.operations import Measure

_TAIL: Final = 0.95


class Tail(NamedTuple):
    """A quantity beside that of earlier windows."""

    comparison: BaselineComparison
    """Of the predictions beyond the earlier windows' 95th percentile."""
    p95: float
    p95_reference: float

    @property
    def rise(self) -> float:
        """The rise of the 95th percentile, relative to that of before; 1 where there was nothing before."""
        return self.p95 / self.p95_reference - 1 if self.p95_reference else float(self.p95 > 0)


def tail_beside(current: Measure, earlier: Sequence[tuple[Measure, bool]], min_events: int) -> Tail | None:
    """Return a quantity beside that of earlier windows; None where either has too few values.

    ``earlier`` says of each window, the oldest first, whether its tail was found to be heavier than before. Those are
    left out, unless the latest ``NEW_BASELINE`` all were: then that is how the model is.
    """
    latest = earlier[-NEW_BASELINE:]
    lasting = len(latest) == NEW_BASELINE and all(raised for _, raised in latest)
    vectors = [measure.vector() for measure, raised in (latest if lasting else earlier) if lasting or not raised]
    now = current.vector()
    n = int(now.sum())
    before = np.zeros(N_BINS, dtype=np.int64)
    for each in vectors:
        before += each
    if n < min_events or not before.any():
        return None
    cell = quantile_bin(before, _TAIL)
    spans = [(int(each[cell + 1 :].sum()), int(each.sum()), False) for each in vectors]
    comparison = BaselineComparison.of(int(now[cell + 1 :].sum()), n, spans, "greater")
    return Tail(comparison, quantiles(now, _TAIL)[0], middle_of(cell))

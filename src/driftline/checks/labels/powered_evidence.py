"""What powered metrics of classes and of numbers have in common: when there are none, and how labels were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from driftline.events.powered import PoweredMetrics
from driftline.performance.prediction_powered import LEAST_LABELS

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ArrivalEvidence
    from driftline.performance.prediction_powered import Cells

ARRIVED: Final = 0.95
"""Of the labels that come in the end: from there on those that came are taken for a sample of all."""
FEW: Final = f"fewer than {LEAST_LABELS} labels"


def withheld(reason: str) -> PoweredMetrics:
    """Return that there are no metrics, and why."""
    return PoweredMetrics(
        status="withheld", reason=reason, metrics={}, weight=None, n_strata=0, by_chance=None, early=False
    )


def missed_by_labels(cells: Cells, kinds: str) -> str | None:
    """Return why labels say nothing of some predictions; None where they do. ``kinds`` are what cells are."""
    missed = cells.missed()
    without = f"none for predictions that are {missed:.1%} of the window"
    return f"labels come for some {kinds} only: {without}" if missed > 0 else None


def by_chance(cells: Cells) -> float | None:
    """Return the p-value of Pearson's test that all cells have labels at one rate; None for a single cell."""
    without = cells.n - cells.n_labels
    rate = cells.n_labels.sum() / cells.n.sum()
    expected = np.stack([cells.n * rate, cells.n * (1 - rate)])
    tested = expected.min(axis=0) >= 5  # noqa: PLR2004  # Cochran's rule for Pearson's statistic
    if int(tested.sum()) < 2:  # noqa: PLR2004  # one cell is a random sample of itself
        return None
    found = np.stack([cells.n_labels, without])
    statistic = float(((found - expected)[:, tested] ** 2 / expected[:, tested]).sum())
    return float(special.chdtrc(int(tested.sum()) - 1, statistic))


def arrived(evidence: ArrivalEvidence) -> bool:
    """Return whether nearly all labels that ever come have come by the window's age, as earlier cohorts show it."""
    in_the_end = int(evidence.in_the_end.sum())
    return in_the_end > 0 and int(evidence.by_now.sum()) >= ARRIVED * in_the_end

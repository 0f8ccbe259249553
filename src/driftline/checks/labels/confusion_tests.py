"""One-sided tests of metrics of the confusion matrix that are no shares: averages over classes, kappa and others.

A metric has become worse where the labels of the window are, among all of window and baseline, such as lower it: each
label scores by how much it moves the metric of all of them, and the total is held against that of random samples
(:mod:`driftline.significance.sampled_score`). To first order that is the change of the metric. Far out, where the
levels of a false-alarm budget lie, intervals of such metrics are too short where a class is rare; this test is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.performance import measure
from driftline.performance.class_intervals import influence
from driftline.performance.classification import confusion_counts
from driftline.performance.measurement import class_sizes
from driftline.significance.sampled_score import SampledScore, sampled_score_test

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceCase
    from driftline.sketches.scores import PerformanceLayout


class ConfusionTest(NamedTuple):
    """A metric on both sides, and what the test found."""

    current: float
    reference: float
    test: SampledScore


def confusion_test(
    case: PerformanceCase, metric: str, dispersion: float, freedom: float | None, *, better: bool
) -> ConfusionTest | None:
    """Return whether a metric of a window is worse than the baseline's, or better; None where a side does not have it.

    Parameters
    ----------
    case : PerformanceCase
    metric : str
    dispersion : float, at least 1
        How many times errors vary as much as independent ones.
    freedom : float or None
        Degrees of freedom, where the dispersion was estimated.
    better : bool
        The direction.

    Notes
    -----
    *Cost*: O(K²) for K classes, and all metrics of both sides.
    """
    task, settings = case.profile.task, case.settings.performance
    layout = task.performance_layout
    sides = case.revision.vector, case.baseline.vector
    current, reference = (measure(task, side, settings).metrics.get(metric) for side in sides)
    if current is None or reference is None:
        return None
    now, before = (_labels(layout, side) for side in sides)
    moved = influence(now + before, metric, settings.beta, binary=layout.binary)
    found = sampled_score_test(
        now.ravel(),
        before.ravel(),
        (-moved if better else moved).ravel(),
        dispersion=dispersion,
        degrees_of_freedom=freedom,
    )
    return None if found is None else ConfusionTest(current, reference, found)


def _labels(layout: PerformanceLayout, vector: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the effective numbers of labels by predicted and actual class."""
    confusion, size = confusion_counts(layout, vector), class_sizes(layout, vector).all
    return confusion.astype(np.float64) * (size / max(1, int(confusion.sum())))

"""Metrics that a performance vector cannot give exactly, which are null, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.profiles.task import Task
    from driftline.sketches.scores import PerformanceLayout

MIN_LABELS: Final = 30
"""Fewer labels do not show that producers spell classes otherwise."""
NEARLY_ALL: Final = 0.95
"""Labels of unknown classes, as a fraction of all, from which nothing is measured; predictions must know theirs."""
SHOWN: Final = 5
"""Names of classes in a message."""
_BY_ACTUAL: Final = frozenset({"balanced_accuracy", "precision_weighted", "f1_weighted", "f_beta_weighted"})
_BY_EITHER: Final = frozenset({"matthews_correlation"})
_MACRO: Final = frozenset({"precision", "recall", "f1", "f_beta"})
_BY_BOTH: Final = frozenset({"cohen_kappa"})


class ForeignLabels(NamedTuple):
    """Labels that are of no class of the task, though the predictions are."""

    n: int
    n_labels: int


def foreign_labels(layout: PerformanceLayout, vector: NDArray[np.int64]) -> ForeignLabels | None:
    """Return how many labels are of unknown classes, where nearly all are and predictions are not.

    Then predictions and labels spell their classes differently, and no prediction could be right.
    """
    n_labels = int(vector[LABELLED])
    if not layout.n_classes or n_labels < MIN_LABELS:
        return None
    confusion = np.maximum(layout.confusion_of(vector), 0)
    total = int(confusion.sum())
    actual, predicted = int(confusion[:, layout.n_classes :].sum()), int(confusion[layout.n_classes :].sum())
    if not total or actual < NEARLY_ALL * total or predicted > (1 - NEARLY_ALL) * total:
        return None
    return ForeignLabels(min(n_labels, round(n_labels * actual / total)), n_labels)


def inexact_metrics(confusion: NDArray[np.int64], n_known: int, *, binary: bool) -> frozenset[str]:
    """Return the metrics that need each class by itself, where the matrix has unknown classes together.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K)
        Labels by predicted (row) and actual class, none below zero; unknown classes from ``n_known`` on.
    n_known : int
    binary : bool
        Precision and the like are then those of the positive class, which is known.

    Notes
    -----
    Accuracy, micro averages and the recall weighted by frequency count right predictions alone, and are exact.

    Examples
    --------
    >>> sorted(inexact_metrics(np.array([[5, 1, 1], [2, 4, 0], [0, 0, 0]]), 2, binary=True))
    ['balanced_accuracy', 'f1_weighted', 'f_beta_weighted', 'matthews_correlation', 'precision_weighted']
    """
    predicted, actual = bool(confusion[n_known:].any()), bool(confusion[:, n_known:].any())
    names = _BY_ACTUAL if actual else frozenset()
    if predicted or actual:
        names |= _BY_EITHER if binary else _BY_EITHER | _MACRO
    return names | _BY_BOTH if predicted and actual else names


def listed(names: Sequence[str]) -> str:
    """Return a few of the names, quoted.

    Examples
    --------
    >>> listed(["a", "b"]), listed([str(i) for i in range(9)])
    ("'a', 'b'", "'0', '1', '2', '3', '4' and 4 more")
    """
    shown = ", ".join(map(repr, names[:SHOWN]))
    more = len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def why_withheld(task: Task, vector: NDArray[np.int64]) -> str | None:
    """Return why metrics are null although there are labels; None where none is for such a reason."""
    layout = task.performance_layout
    if task.kind == "regression":
        n = layout.n_clipped(vector)
        return f"{n} labels or their predictions are too large for exact sums: no metric is exact" if n else None
    foreign = foreign_labels(layout, vector)
    if foreign is not None:
        return (
            f"{foreign.n} of {foreign.n_labels} labels are of no class of the task ({listed(task.classes)}), while "
            "predictions are: `classes` in the model's configuration says which value stands for which class"
        )
    confusion = np.maximum(layout.confusion_of(vector), 0)
    names = inexact_metrics(confusion, layout.n_classes, binary=layout.binary)
    if not names:
        return None
    return (
        "predictions or labels are of classes that the profile does not list: metrics that need each class by itself "
        "are null; accuracy counts them exactly"
    )

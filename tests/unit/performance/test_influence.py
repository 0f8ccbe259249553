"""How much one label moves a metric, against scikit-learn's of slightly other, and of drawn, confusion matrices."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from sklearn import metrics as sk

from driftline.performance.class_intervals import influence
from driftline.performance.confusion import agreement_metrics, averaged_metrics, positive_class_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

BETA: Final = 2.0
BINARY: Final = np.array([[700.0, 40.0], [60.0, 200.0]])
SEVERAL: Final = np.array(
    [[500.0, 30.0, 5.0, 2.0], [20.0, 300.0, 10.0, 1.0], [15.0, 9.0, 80.0, 3.0], [5.0, 2.0, 3.0, 15.0]]
)
UNSEEN: Final = np.array(
    [[500.0, 30.0, 5.0, 0.0], [20.0, 300.0, 10.0, 0.0], [15.0, 9.0, 80.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
)
"""A class without any label, which no prediction names either."""


def measured(confusion: np.ndarray, name: str, *, binary: bool) -> float:
    """Return a metric by scikit-learn, with each cell of the matrix as a row of that weight."""
    rows, columns = np.nonzero(confusion)
    given = {"sample_weight": confusion[rows, columns]}
    average = "binary" if binary else "weighted" if name.endswith("_weighted") else "macro"
    of_name: dict[str, Callable[[], float]] = {
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(columns, rows, **given),
        "cohen_kappa": lambda: sk.cohen_kappa_score(columns, rows, **given),
        "matthews_correlation": lambda: sk.matthews_corrcoef(columns, rows, **given),
        "precision": lambda: sk.precision_score(columns, rows, average=average, **given),
        "recall": lambda: sk.recall_score(columns, rows, average=average, **given),
        "f1": lambda: sk.f1_score(columns, rows, average=average, **given),
        "f1_weighted": lambda: sk.f1_score(columns, rows, average=average, **given),
        "f_beta": lambda: sk.fbeta_score(columns, rows, beta=BETA, average=average, **given),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(of_name[name]())


CASES: Final = [
    *((SEVERAL, name, False) for name in ("balanced_accuracy", "cohen_kappa", "matthews_correlation", "f_beta")),
    *((SEVERAL, name, False) for name in ("precision", "recall", "f1", "f1_weighted")),
    *((UNSEEN, name, False) for name in ("balanced_accuracy", "precision", "recall", "f1", "f1_weighted")),
    *((BINARY, name, True) for name in ("balanced_accuracy", "cohen_kappa", "matthews_correlation", "f_beta")),
]


@pytest.mark.parametrize(("confusion", "name", "binary"), CASES)
def test_a_label_more_moves_the_metric_by_so_much(confusion: np.ndarray, name: str, *, binary: bool) -> None:
    moved = influence(confusion, name, BETA, binary=binary)
    before, n, little = measured(confusion, name, binary=binary), confusion.sum(), 1e-4
    mean = float((confusion * moved).sum()) / n
    for cell in zip(*np.nonzero(confusion), strict=True):
        more, less = confusion.copy(), confusion.copy()
        more[cell] += little
        less[cell] -= little
        slope = (measured(more, name, binary=binary) - measured(less, name, binary=binary)) / (2 * little)
        assert (moved[cell] - mean) / n == pytest.approx(slope, rel=1e-5, abs=1e-9), cell
    assert 0 < before < 1


@pytest.mark.parametrize(("confusion", "name", "binary"), CASES)
def test_its_variance_is_that_of_the_metric_over_drawn_labels(
    confusion: np.ndarray, name: str, *, binary: bool
) -> None:
    """The delta method against 1,000 multinomial draws, whose standard deviation is known to a fortieth."""
    rng = np.random.default_rng(1)
    n = int(confusion.sum())
    drawn = rng.multinomial(n, confusion.ravel() / n, size=1_000).reshape(-1, *confusion.shape)
    metrics = positive_class_metrics if binary else averaged_metrics
    values = [(agreement_metrics(each) | metrics(each, BETA))[name] for each in drawn]
    assert values[0] == pytest.approx(measured(drawn[0].astype(float), name, binary=binary))
    moved = influence(confusion, name, BETA, binary=binary)
    mean = float((confusion * moved).sum()) / n
    error = math.sqrt(float((confusion * (moved - mean) ** 2).sum()) / n / n)
    assert error == pytest.approx(np.std(np.array(values, dtype=float)), rel=0.1)

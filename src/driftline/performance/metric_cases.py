"""The sums that the metrics of a performance vector are means of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.performance.cases import Cases
from driftline.performance.classification import confusion_counts
from driftline.performance.mean_intervals import effective_size
from driftline.performance.probability import scored_weight
from driftline.sketches.estimates import score_middles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.task import Task
    from driftline.sketches.scores import PerformanceLayout

BESIDE: Final = ("positive_share", "mean_score")
"""Means beside the metrics: what part of the labelled predictions of a binary task are of the positive class, and the
mean of their scores."""

LARGEST: Final = 1e280
"""Sums of squares from here on leave no room for variances of differences in a double."""


def cases_of(task: Task, vector: NDArray[np.int64]) -> dict[str, Cases]:
    """Return the sums by metric: those that can be tested and, of a binary task, ``positive_share`` and ``mean_score``.

    Metrics without any case are left out, as are those of a regression whose sums are not exact or beyond a double.

    Parameters
    ----------
    task : Task
    vector : ndarray of int64, shape (task.performance_layout.n_cells,)
        Counts below zero, which occur only after an idle mark, count as zero.
    """
    layout = task.performance_layout
    sums = _errors(layout, vector) if task.kind == "regression" else _decisions(layout, vector)
    if task.kind == "binary" and "accuracy" in sums:
        sums |= _scores(layout, vector, sums["accuracy"])
    return {name: cases for name, cases in sums.items() if cases.weight > 0 and cases.square < LARGEST}


def _errors(layout: PerformanceLayout, vector: NDArray[np.int64]) -> dict[str, Cases]:
    weight, size = layout.weight_of(vector), effective_size(layout, vector)
    if not size or layout.n_clipped(vector):
        return {}
    absolute, square, fourth = (float(layout.sum_of(vector, name)) for name in ("absolute", "square", "fourth"))
    one, squares = layout.spread, weight * weight / size
    square *= one * one
    return {
        "mae": Cases(weight, absolute * one, square, squares),
        "mse": Cases(weight, square, fourth * one * one * one * one, squares),
    }


def _decisions(layout: PerformanceLayout, vector: NDArray[np.int64]) -> dict[str, Cases]:
    confusion = confusion_counts(layout, vector).astype(np.float64) / layout.unit
    by_predicted, by_actual = confusion.sum(axis=1), confusion.sum(axis=0)
    squares = np.stack([by_predicted, by_actual])
    if layout.weighted:
        squares = np.pad(layout.squared_weights(vector), ((0, 0), (0, len(confusion) - layout.n_codes)))
    whole, every = by_actual.sum(), squares[1].sum()
    sums = {"accuracy": (whole, np.trace(confusion), every)}
    if layout.binary:
        sums["precision"] = (by_predicted[1], confusion[1, 1], squares[0, 1])
        sums["recall"] = (by_actual[1], confusion[1, 1], squares[1, 1])
        sums["specificity"] = (by_actual[0], confusion[0, 0], squares[1, 0])
        sums["positive_share"] = (whole, by_predicted[1], every)
    return {
        name: Cases(float(weight), float(right), float(right), float(squared))
        for name, (weight, right, squared) in sums.items()
    }


def _scores(layout: PerformanceLayout, vector: NDArray[np.int64], labels: Cases) -> dict[str, Cases]:
    """Return the sums over labels with a score, which are taken to weigh like all."""
    weight = float(scored_weight(layout, vector))
    squared = weight * labels.squared_weight / labels.weight if labels.weight > 0 else 0.0
    by_bin = np.maximum(layout.score_histograms_of(vector), 0).sum(axis=0) / layout.unit
    total = float(sum(score for _, _, score in layout.reliability_of(vector)))
    sums = {"mean_score": Cases(weight, total, float(by_bin @ score_middles() ** 2), squared)}
    for name in ("log_loss", "brier"):
        loss, square = (float(layout.sum_of(vector, each)) for each in (name, f"{name}_square"))
        sums[name] = Cases(weight, loss, square, squared)
    return sums

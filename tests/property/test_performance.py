"""Identities that hold for whatever was predicted and whatever turned out to be true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftline.config.model import PerformanceSettings
from driftline.performance import classification_metrics, hits, measure
from driftline.performance.losses import mean_loss, wrong_decisions
from driftline.performance.ranking import area_under_curve, ranking_metrics
from driftline.profiles.task import Task
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PerformanceLayout

Events = list[tuple[int, int, float, int]]
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1), st.just(1)), min_size=1, max_size=80)
COUNTS = st.lists(st.integers(0, 50), min_size=6, max_size=6)


def vector_of(layout: PerformanceLayout, events: Events) -> np.ndarray:
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    predicted, actual, scores, signs = (np.array(column) for column in zip(*events, strict=True))
    add_joined(layout, LabelledPairs(predicted.astype(float), actual.astype(float), scores, signs), vector)
    return vector


@given(EVENTS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(events: Events) -> None:
    layout = PerformanceLayout(2, binary=True)
    found = classification_metrics(layout, vector_of(layout, events))
    precision, recall, f1 = found["precision"], found["recall"], found["f1"]
    if precision and recall:
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-12)
    elif f1 is not None:
        assert f1 == 0


@given(EVENTS)
def test_metrics_are_shares_and_accuracy_is_what_was_right(events: Events) -> None:
    layout = PerformanceLayout(2, binary=True)
    vector = vector_of(layout, events)
    found = classification_metrics(layout, vector)
    signed, unbounded = {"cohen_kappa", "matthews_correlation", "gini"}, {"log_loss", "lift", "lift_error_bound"}
    for name, value in found.items():
        low, high = (-1.0 if name in signed else 0.0), (np.inf if name in unbounded else 1.0)
        assert value is None or low <= value <= high, name
    assert found["accuracy"] == sum(p == a for p, a, _, _ in events) / len(events)
    counted = hits(layout, vector)
    assert (counted.n, counted.n_right) == (len(events), sum(p == a for p, a, _, _ in events))


@given(EVENTS, EVENTS)
def test_vectors_merge_by_addition(one: Events, two: list[tuple[int, int, float, int]]) -> None:
    layout = PerformanceLayout(2, binary=True)
    merged = vector_of(layout, one) + vector_of(layout, two)
    assert classification_metrics(layout, merged) == classification_metrics(layout, vector_of(layout, one + two))


@given(COUNTS, COUNTS)
def test_swapping_the_classes_mirrors_the_area(negative: list[int], positive: list[int]) -> None:
    area, bound = area_under_curve(np.array([negative, positive]))
    mirrored, same_bound = area_under_curve(np.array([positive, negative]))
    if area is None or mirrored is None:
        assert not sum(negative) or not sum(positive)
        return
    assert area + mirrored == pytest.approx(1.0, abs=1e-12)
    assert bound == same_bound


@given(st.lists(st.tuples(st.booleans(), st.floats(0.4, 0.6)), min_size=2, max_size=30))
def test_the_interval_of_average_precision_holds_the_value_of_any_order(events: list[tuple[bool, float]]) -> None:
    actual, scores = (np.array(column) for column in zip(*events, strict=True))
    if actual.all() or not actual.any():
        return
    histograms = np.zeros((2, 4), dtype=np.int64)
    np.add.at(histograms, (actual.astype(int), 1 + (scores > 0.5)), 1)
    found = ranking_metrics(histograms)
    low, high = found["average_precision_low"], found["average_precision_high"]
    assert low is not None
    assert high is not None
    exact = sum(actual[scores == t].sum() * actual[scores >= t].sum() / (scores >= t).sum() for t in np.unique(scores))
    assert low <= exact / actual.sum() <= high


TASKS = [
    Task("binary", ("0", "1")),
    Task("binary", ("0", "1"), weighted=True),
    Task("multiclass", ("a", "b", "c")),
    Task("multiclass", ("a", "b", "c"), weighted=True),
    Task("regression", (), 2.0),
    Task("regression", (), 2.0, weighted=True),
]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.one_of(st.floats(0, 1), st.just(float("nan"))),
        st.sampled_from([1, -1]),
        st.sampled_from([0, 1, 1_024, 1 << 30]),
    ),
    max_size=12,
)


@example(Task("binary", ("0", "1"), weighted=True), [(0, 1, float("nan"), -1, 1), (1, 1, float("nan"), 1, 1)], 1.0)
@given(st.sampled_from(TASKS), ROWS, st.sampled_from([1.0, 1e-9, 1e9, float("inf")]))
def test_nothing_that_was_taken_out_without_having_been_put_in_breaks_anything(
    task: Task, rows: list[tuple[int, int, float, int, int]], factor: float
) -> None:
    """After an idle mark a label can be taken back whose window never had it."""
    layout = task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    if rows:
        predicted, actual, scores, signs, weights = (np.array(column) for column in zip(*rows, strict=True))
        if task.kind == "regression":
            predicted = np.where(predicted == 2, factor, predicted)
        add_joined(layout, LabelledPairs(predicted.astype(float), actual.astype(float), scores, signs, weights), vector)
    measured = measure(task, vector, PerformanceSettings(values={"1": {"1": 5.0}}))
    for name, value in measured.metrics.items():
        assert value is None or np.isfinite(value), name
    for name, (low, high) in measured.intervals.items():
        value = measured.metrics[name]
        assert value is not None, name
        assert low <= value + 1e-9 * abs(value), name
        assert value - 1e-9 * abs(value) <= high, name
    for metric in ("accuracy",) if task.classes else ("mae", "mse"):
        found = mean_loss(layout, vector, metric) if not task.classes else wrong_decisions(layout, vector, metric)
        assert found is None or found.n >= 0

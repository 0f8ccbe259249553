"""Identities that hold for whatever was predicted and whatever turned out to be true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.performance import classification_metrics, hits
from driftline.performance.classification import area_under_curve
from driftline.sketches.joined import Joined, add_joined
from driftline.sketches.scores import PerformanceLayout

Events = list[tuple[int, int, float, int]]
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1), st.just(1)), min_size=1, max_size=80)
COUNTS = st.lists(st.integers(0, 50), min_size=6, max_size=6)


def vector_of(layout: PerformanceLayout, events: Events) -> np.ndarray:
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    predicted, actual, scores, signs = (np.array(column) for column in zip(*events, strict=True))
    add_joined(layout, Joined(predicted.astype(float), actual.astype(float), scores, signs), vector)
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
    assert all(value is None or 0 <= value <= 1 for value in found.values())
    assert found["accuracy"] == sum(p == a for p, a, _, _ in events) / len(events)
    assert hits(layout, vector).n_wrong == sum(p != a for p, a, _, _ in events)


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

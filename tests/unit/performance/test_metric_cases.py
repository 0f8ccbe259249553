from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.performance import metrics_of
from driftline.performance.cases import together
from driftline.performance.measurement import measure
from driftline.performance.metric_cases import cases_of
from driftline.performance.score_cells import Decisions, decisions_by_score, group_bounds, grouped
from driftline.profiles.task import Task
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import SCORE_BINS, WEIGHT_UNIT, score_bin

if TYPE_CHECKING:
    from collections.abc import Callable

N = 3_000


def pairs_of(task: Task, n: int = N, seed: int = 0, *, threshold: float = 0.5) -> LabelledPairs:
    rng = np.random.default_rng(seed)
    units = rng.integers(1, 4 * WEIGHT_UNIT, n) if task.weighted else None
    signs = np.ones(n, dtype=np.int64)
    if task.kind == "regression":
        actual = rng.normal(0, 1, n)
        return LabelledPairs(actual + rng.normal(0, 0.3, n), actual, np.full(n, np.nan), signs, units)
    scores = rng.random(n)
    actual = (rng.random(n) < scores).astype(np.float64)
    return LabelledPairs((scores >= threshold).astype(np.float64), actual, scores, signs, units)


def vector_of(task: Task, pairs: LabelledPairs) -> np.ndarray:
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    add_joined(task.performance_layout, pairs, vector)
    return vector


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "task", [Task("binary", ("0", "1")), Task("multiclass", ("0", "1", "2")), Task("regression", (), 7.0)]
)
def test_the_mean_of_the_cases_is_the_metric(task: Task, *, weighted: bool) -> None:
    task = Task(task.kind, task.classes, task.spread, weighted)
    vector = vector_of(task, pairs_of(task))
    metrics, cases = metrics_of(task, vector), cases_of(task, vector)
    names = {
        "binary": ("accuracy", "precision", "recall", "specificity", "log_loss", "brier"),
        "multiclass": ("accuracy",),
        "regression": ("mae", "mse"),
    }[task.kind]
    beside = {"positive_share", "mean_score"} if task.kind == "binary" else set()
    assert cases.keys() == {*names, *beside}
    for name in names:
        assert cases[name].rate == pytest.approx(metrics[name], rel=1e-9)
    first = cases[names[0]]
    assert first.weight**2 / first.squared_weight == pytest.approx(measure(task, vector).n_effective)


def test_positive_share_and_mean_score_are_those_of_the_labelled_predictions() -> None:
    task = Task("binary", ("0", "1"))
    pairs = pairs_of(task)
    cases = cases_of(task, vector_of(task, pairs))
    assert cases["positive_share"].rate == pairs.predicted.mean()
    score = cases["mean_score"]
    assert score.rate == pytest.approx(pairs.scores.mean(), abs=1e-9)
    assert score.square / score.weight == pytest.approx((pairs.scores**2).mean(), abs=1e-3)


@pytest.mark.parametrize(
    "task", [Task("binary", ("0", "1")), Task("binary", ("0", "1"), 1.0, weighted=True), Task("regression", (), 7.0)]
)
def test_the_rest_is_all_without_the_parts(task: Task) -> None:
    pairs = pairs_of(task)
    chosen = np.arange(N) % 3 == 0
    whole, part, rest = (
        cases_of(task, vector_of(task, pairs.rows(np.flatnonzero(rows)))) for rows in (chosen >= 0, chosen, ~chosen)
    )
    for name, cases in whole.items():
        left = cases.less([part[name]])
        assert np.allclose(
            (left.weight, left.total, left.square, left.squared_weight),
            (rest[name].weight, rest[name].total, rest[name].square, rest[name].squared_weight),
            rtol=1e-9,
        ), name
        assert together([left, part[name]]).rate == pytest.approx(cases.rate)
        assert cases.less([cases]).rate is None


def test_without_labels_there_are_no_cases() -> None:
    for task in (Task("binary", ("0", "1")), Task("regression", ())):
        assert cases_of(task, np.zeros(task.performance_layout.n_cells, dtype=np.int64)) == {}


def test_errors_beyond_exact_sums_have_no_cases() -> None:
    task = Task("regression", ())
    pairs = pairs_of(task, 10)
    pairs.predicted[0] = 2.0**90
    assert cases_of(task, vector_of(task, pairs)) == {}


@pytest.mark.parametrize("threshold", [0.5, 0.4321, 0.0, 1.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_decisions_are_found_again_from_a_threshold(threshold: float, *, weighted: bool) -> None:
    task = Task("binary", ("0", "1"), 1.0, weighted)
    pairs = pairs_of(task, threshold=threshold)
    found = decisions_by_score(task.performance_layout, vector_of(task, pairs))
    assert isinstance(found, Decisions)
    units = np.ones(N, dtype=np.int64) if pairs.weights is None else pairs.weights
    expected = np.zeros((2, 2, SCORE_BINS), dtype=np.int64)
    np.add.at(expected, (pairs.predicted.astype(int), pairs.actual.astype(int), score_bin(pairs.scores)), units)
    assert (found.counts == expected).all()


def _without_a_score(pairs: LabelledPairs) -> LabelledPairs:
    return pairs._replace(scores=np.where(np.arange(N) == 7, np.nan, pairs.scores))


def _no_scores(pairs: LabelledPairs) -> LabelledPairs:
    return pairs._replace(scores=np.full(N, np.nan))


def _other_decisions(pairs: LabelledPairs) -> LabelledPairs:
    return pairs._replace(predicted=(np.arange(N) % 2).astype(np.float64))


def _unknown_class(pairs: LabelledPairs) -> LabelledPairs:
    return pairs._replace(predicted=np.where(np.arange(N) == 7, 2.0, pairs.predicted))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_without_a_score, "labels without a score"),
        (_no_scores, "no scores"),
        (_other_decisions, "decisions do not follow from scores"),
        (_unknown_class, "classes outside the profile"),
    ],
)
def test_where_decisions_do_not_follow_from_scores_it_is_said_why(
    change: Callable[[LabelledPairs], LabelledPairs], why: str
) -> None:
    task = Task("binary", ("0", "1"))
    assert decisions_by_score(task.performance_layout, vector_of(task, change(pairs_of(task)))) == why


def test_groups_hold_nearly_equal_numbers_and_end_where_decisions_change() -> None:
    task = Task("binary", ("0", "1"))
    sides = []
    for seed, threshold in ((0, 0.5), (1, 0.61)):
        found = decisions_by_score(
            task.performance_layout, vector_of(task, pairs_of(task, seed=seed, threshold=threshold))
        )
        assert isinstance(found, Decisions)
        sides.append(found)
    bounds = group_bounds(*sides)
    assert bounds[0] == 0
    assert (np.diff(bounds) > 0).all()
    assert {each.bin + 1 for each in sides} <= {*bounds.tolist()}
    cells = grouped(sides[0], bounds, 1, 1.0)
    assert cells.counts.sum() == N
    assert cells.counts.sum(axis=0).max() < 2 * N / 20
    assert ((cells.counts > 0).sum(axis=0) == 1).all(), "one decision a group"

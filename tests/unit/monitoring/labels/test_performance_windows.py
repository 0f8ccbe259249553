from __future__ import annotations

import numpy as np

from driftline.config.durations import Duration
from driftline.config.model import LabelSettings, ModelSettings, WindowSettings
from driftline.monitoring.labels.open_joins import RevisionPart
from driftline.monitoring.labels.performance_windows import (
    MIN_BASELINE,
    DueRevision,
    PerformanceWindows,
    ProductionBaselines,
    coverage_of,
    vector_of,
)
from driftline.monitoring.labels.revision_times import RevisionTimes
from driftline.monitoring.model_setup import task_id
from driftline.profiles.task import Task
from driftline.sketches.packed import NO_CELLS
from driftline.sketches.scores import LABELLED, PREDICTED
from driftline.sketches.sparse import pack
from tests.support.state import changes, restore

TASK = Task("multiclass", ("a", "b"))
OTHER = Task("multiclass", ("a", "b", "c"))
LAYOUT = TASK.performance_layout


def settings(revisions: tuple[int, ...] = (100, 300), horizon: int = 1_000) -> ModelSettings:
    return ModelSettings(
        windows=WindowSettings(performance=Duration(100)),
        labels=LabelSettings(horizon=Duration(horizon), revisions=tuple(Duration(age) for age in revisions)),
    )


def joined(
    end_ms: int, window_ms: int, n_predictions: int, n_labelled: int, task: Task = TASK, flags: tuple[str, ...] = ()
) -> tuple[int, int, str, RevisionPart]:
    vector = np.zeros(LAYOUT.n_cells, dtype=np.int64)
    vector[PREDICTED], vector[LABELLED] = n_predictions, n_labelled
    part = RevisionPart([pack(vector)], {"labels": {0: (end_ms, end_ms)}}, [*flags], [NO_CELLS])
    return window_ms, end_ms, task_id(task), part


def cuts_until(windows: PerformanceWindows, limit_ms: int) -> list[DueRevision]:
    made = []
    while (due_ms := windows.due_ms()) is not None and due_ms <= limit_ms:
        made.append(windows.take())
    return made


def head(due: DueRevision) -> tuple[int, int]:
    vector = vector_of(due.window, TASK)
    return int(vector[PREDICTED]), int(vector[LABELLED])


def test_ages_are_those_below_the_horizon_and_the_horizon() -> None:
    assert RevisionTimes.of(settings((100, 300, 1_000))).ages_ms == (100, 300, 1_000)
    assert RevisionTimes.of(settings((100, 5_000))).ages_ms == (100, 1_000)
    assert RevisionTimes.of(settings(())).ages_ms == (1_000,)


def test_a_window_is_cut_at_its_ages_and_then_forgotten() -> None:
    windows = PerformanceWindows(settings())
    windows.add(*joined(50, 0, 10, 0))
    windows.add(*joined(180, 0, 0, 7))
    (first,) = cuts_until(windows, 200)
    assert (first.start_ms, first.end_ms, first.at_ms, first.revision, first.final) == (0, 100, 200, 0, False)
    assert head(first) == (10, 7)
    windows.add(*joined(350, 0, 0, 2))
    (second,) = cuts_until(windows, 400)
    assert (second.revision, head(second)) == (1, (10, 9))
    (last,) = cuts_until(windows, 10_000)
    assert (last.at_ms, last.revision, last.final) == (1_100, 2, True)
    assert last.window.offsets == {"labels": {0: (50, 350)}}
    assert len(windows) == 0
    assert windows.due_ms() is None


def test_a_window_first_seen_late_begins_with_the_revision_that_is_next() -> None:
    windows = PerformanceWindows(settings())
    windows.add(*joined(400, 0, 10, 10))
    assert [cut.revision for cut in cuts_until(windows, 5_000)] == [1, 2]
    windows.add(*joined(410, 0, 10, 10))
    assert [cut.revision for cut in cuts_until(windows, 5_000)] == [2]


def test_what_comes_after_the_last_revision_brings_no_window_back() -> None:
    windows = PerformanceWindows(settings())
    windows.add(*joined(50, 0, 10, 0))
    cuts_until(windows, 1_100)
    windows.add(*joined(1_110, 0, 0, 1))
    assert len(windows) == 0
    assert windows.n_expired == 1


def test_cuts_of_one_moment_go_from_the_oldest_window() -> None:
    windows = PerformanceWindows(settings((100, 200)))
    windows.add(*joined(150, 100, 10, 0))
    windows.add(*joined(150, 0, 10, 0))
    assert [(cut.at_ms, cut.start_ms) for cut in cuts_until(windows, 300)] == [(200, 0), (300, 0), (300, 100)]


def test_cells_of_another_task_are_kept_apart() -> None:
    windows = PerformanceWindows(settings())
    windows.add(*joined(50, 0, 10, 5))
    windows.add(*joined(60, 0, 99, 99, task=OTHER))
    (cut,) = cuts_until(windows, 200)
    assert head(cut) == (10, 5)


def test_corrections_take_out_what_they_replace() -> None:
    windows = PerformanceWindows(settings())
    windows.add(*joined(50, 0, 10, 5))
    windows.add(*joined(60, 0, 0, -2, flags=("idle",)))
    (cut,) = cuts_until(windows, 200)
    assert head(cut) == (10, 3)
    assert cut.window.flags == ["idle"]


def test_windows_go_on_from_their_state() -> None:
    windows = PerformanceWindows(settings())
    windows.add(*joined(50, 0, 10, 5))
    windows.add(*joined(250, 200, 4, 1))
    cuts_until(windows, 200)
    store = changes(windows)
    assert sorted(store) == ["performance/0", "performance/200"]
    other = PerformanceWindows(settings())
    restore(other, store)
    one, two = cuts_until(windows, 10_000), cuts_until(other, 10_000)
    assert [(c.at_ms, c.start_ms, c.revision, head(c)) for c in one] == [
        (c.at_ms, c.start_ms, c.revision, head(c)) for c in two
    ]
    assert changes(windows) == {"performance/0": None, "performance/200": None}


def test_coverage_without_predictions_is_none() -> None:
    vector = np.zeros(LAYOUT.n_cells, dtype=np.int64)
    assert coverage_of(vector) == 0
    vector[PREDICTED], vector[LABELLED] = 8, 6
    assert coverage_of(vector) == 0.75


def window_vector(n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    vector = np.zeros(LAYOUT.n_cells, dtype=np.int64)
    vector[PREDICTED] = vector[LABELLED] = n
    return vector


def test_first_windows_are_a_baseline_once_they_have_enough_labels() -> None:
    baselines, again, stricter = ProductionBaselines(30), ProductionBaselines(30), ProductionBaselines(2_000)
    for _ in range(2):
        assert baselines.vector("p", TASK) is None
        baselines.add("p", window_vector(MIN_BASELINE // 2))
    store = changes(baselines)
    restore(again, store)
    restore(stricter, store)
    for each in (baselines, again):
        baseline = each.vector("p", TASK)
        assert baseline is not None
        assert baseline[LABELLED] == MIN_BASELINE
    assert stricter.vector("p", TASK) is None


def test_first_windows_of_old_profiles_are_forgotten() -> None:
    baselines = ProductionBaselines(30)
    for number in range(20):
        baselines.add(f"p{number}", window_vector(600))
    assert len(baselines) == ProductionBaselines.KEPT
    assert baselines.vector("p0", TASK) is None
    assert baselines.vector("p19", TASK) is not None

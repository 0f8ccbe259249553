from __future__ import annotations

import msgspec
import numpy as np
import pytest

from driftline.checks.contract.closed_window import EarlierRevision, PerformanceBaseline, PerformanceRevision
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import CheckSettings, ModelSettings
from driftline.profiles.profile import Profile
from driftline.profiles.task import Task
from driftline.significance.share import share_test
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import DUPLICATES, PREDICTED
from tests.support.windows import HOUR, KEY, budget_of, profile_of, table_of

PROFILE = profile_of(table_of(5_000))
DAY = 24 * HOUR


def vector_of(profile: Profile, n: int, n_wrong: int, n_predictions: int | None = None) -> np.ndarray:
    layout = profile.task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    predicted = (np.arange(n) % 2).astype(np.float64)
    actual = np.where(np.arange(n) < n_wrong, 1 - predicted, predicted)
    add_joined(layout, LabelledPairs(predicted, actual, np.full(n, 0.5), np.ones(n, dtype=np.int64)), vector)
    vector[PREDICTED] = n if n_predictions is None else n_predictions
    return vector


def cut_of(vector: np.ndarray, *, tested: bool = True, revision: int = 0) -> PerformanceRevision:
    return PerformanceRevision(
        key=KEY,
        segment="all",
        start_ms=0,
        end_ms=HOUR,
        vector=vector,
        offsets={"predictions": {0: (1, 2)}, "labels": {1: (3, 4)}},
        revision=revision,
        age_ms=DAY,
        final=False,
        tested=tested,
    )


def baseline_of(n: int, n_wrong: int) -> PerformanceBaseline:
    return PerformanceBaseline(vector=vector_of(PROFILE, n, n_wrong), origin="reference")


def test_a_fall_of_accuracy_is_found_by_the_exact_one_sided_test() -> None:
    verdict = examine_performance(PROFILE, cut_of(vector_of(PROFILE, 1_000, 180)), baseline_of(4_000, 400), budget_of())
    (finding,) = verdict.findings
    expected = share_test(180, 1_000, 400, 4_000, alternative="greater")
    assert expected is not None
    assert finding.statistic.p_value == expected.p_value
    assert finding.effect is not None
    assert (finding.effect.current, finding.effect.reference) == (0.82, 0.9)
    assert finding.effect.corrected == pytest.approx(0.08)
    assert finding.severity == "critical"
    assert (finding.n, finding.n_reference, finding.baseline) == (1_000, 4_000, "reference")
    assert finding.message.startswith(
        "accuracy 90.0 % -> 82.0 % against the reference (a drop matters from 2.00 %); p = "
    )
    assert verdict.event.tested


@pytest.mark.parametrize(
    ("n", "n_wrong", "why"),
    [
        (1_000, 100, "the same"),
        (1_000, 90, "hardly better"),
        (40, 8, "may be chance"),
        (900_000, 97_000, "does not matter"),
    ],
)
def test_no_finding(n: int, n_wrong: int, why: str) -> None:
    verdict = examine_performance(
        PROFILE, cut_of(vector_of(PROFILE, n, n_wrong)), baseline_of(400_000, 40_000), budget_of(labels=True)
    )
    assert verdict.findings == (), why
    assert verdict.event.tested


def test_the_smallest_drop_that_matters_is_configured() -> None:
    settings = ModelSettings(checks=CheckSettings(min_accuracy_drop=0.1))
    cut = cut_of(vector_of(PROFILE, 1_000, 180))
    assert examine_performance(PROFILE, cut, baseline_of(4_000, 400), budget_of(settings)).findings == ()


def test_a_revision_that_is_not_tested_and_one_without_baseline_give_no_verdict() -> None:
    bad = vector_of(PROFILE, 1_000, 900)
    untested = examine_performance(PROFILE, cut_of(bad, tested=False), baseline_of(4_000, 400), budget_of())
    without = examine_performance(PROFILE, cut_of(bad), None, budget_of())
    assert untested.findings == without.findings == ()
    assert (untested.event.tested, without.event.tested) == (False, False)
    assert (untested.event.n_reference, without.event.n_reference) == (4_000, 0)
    assert (without.event.baseline, without.event.baseline_origin) == (None, None)


def test_the_event_says_what_labels_tell_by_now() -> None:
    vector = vector_of(PROFILE, 800, 80, n_predictions=1_000)
    vector[DUPLICATES] = 7
    event = examine_performance(PROFILE, cut_of(vector, revision=2), None, budget_of()).event
    assert (event.n, event.n_predictions, event.coverage, event.duplicates) == (800, 1_000, 0.8, 7)
    assert (event.revision, event.age_ms, event.final) == (2, DAY, False)
    assert event.metrics["accuracy"] == 0.9
    assert event.confusion is not None
    assert event.confusion.classes == ["0", "1", None]
    assert np.array(event.confusion.counts).sum() == 800
    assert event.offsets == {"labels": {"1": (3, 4)}, "predictions": {"0": (1, 2)}}


def test_metrics_come_with_intervals_and_with_what_changed_since_the_baseline() -> None:
    event = examine_performance(
        PROFILE, cut_of(vector_of(PROFILE, 1_000, 180)), baseline_of(4_000, 400), budget_of()
    ).event
    low, high = event.intervals["accuracy"]
    assert 0.79 < low < 0.82 < high < 0.85
    assert event.differences is not None
    difference, low, high = event.differences["accuracy"]
    assert difference == pytest.approx(-0.08)
    assert -0.11 < low < -0.08 < high < -0.05
    assert (event.n_effective, event.clipped, event.previous) == (1_000.0, 0, None)
    assert event.reliability is not None
    assert [(each.low, each.high, each.n) for each in event.reliability.bins] == [(0.4, 0.5, 1_000)]


def test_the_window_before_stands_beside_it() -> None:
    before = examine_performance(PROFILE, cut_of(vector_of(PROFILE, 1_000, 100)), None, budget_of()).event
    previous = EarlierRevision(-HOUR, 0, before.n, before.metrics, before.intervals)
    cut = msgspec.structs.replace(cut_of(vector_of(PROFILE, 1_000, 180)), previous=previous)
    shown = examine_performance(PROFILE, cut, None, budget_of()).event.previous
    assert shown is not None
    assert (shown.start, shown.end, shown.n) == ("1969-12-31T23:00:00.000Z", "1970-01-01T00:00:00.000Z", 1_000)
    assert shown.metrics["accuracy"] == 0.9
    assert shown.differences["accuracy"][0] == pytest.approx(-0.08)


def test_classes_against_the_rest() -> None:
    task = Task("multiclass", ("a", "b", "c"))
    profile = Profile(KEY, 0, "training", task, (), {}, PROFILE.reference, None)
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = 4
    predicted, actual = np.array([0.0, 0.0, 1.0, 3.0]), np.array([0.0, 1.0, 1.0, 1.0])
    add_joined(
        task.performance_layout, LabelledPairs(predicted, actual, np.full(4, np.nan), np.ones(4, np.int64)), vector
    )
    classes = examine_performance(profile, cut_of(vector), None, budget_of()).event.one_against_rest
    assert classes is not None
    assert [(each.name, each.precision, each.recall, each.n_predicted, each.n_actual) for each in classes] == [
        ("a", 0.5, 1.0, 2, 1),
        ("b", 1.0, pytest.approx(1 / 3), 1, 3),
        (None, None, None, 1, 0),
    ]


def test_weighted_labels_count_what_they_weigh() -> None:
    task = Task("binary", ("0", "1"), weighted=True)
    profile = Profile(KEY, 0, "training", task, (), {}, PROFILE.reference, None)
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = 3
    one, units = np.ones(3), np.array([512, 1_024, 2_048])
    add_joined(
        task.performance_layout, LabelledPairs(one, np.array([1.0, 1.0, 0.0]), one / 2, one.astype(int), units), vector
    )
    event = examine_performance(profile, cut_of(vector), None, budget_of()).event
    assert (event.n, event.n_effective) == (3, 3.5**2 / 5.25)
    assert event.metrics["accuracy"] == 1.5 / 3.5
    assert event.confusion is not None
    assert event.confusion.counts[1] == [2.0, 1.5, 0.0]


def test_revisions_of_a_window_have_ids_of_their_own() -> None:
    vector = vector_of(PROFILE, 100, 1)
    ids = {examine_performance(PROFILE, cut_of(vector, revision=r), None, budget_of()).event.ce_id for r in (0, 1, 2)}
    assert len(ids) == 3


def test_a_window_without_any_label_has_no_metrics() -> None:
    event = examine_performance(
        PROFILE, cut_of(vector_of(PROFILE, 0, 0, n_predictions=50)), baseline_of(4_000, 400), budget_of()
    ).event
    assert event.coverage == 0.0
    assert set(event.metrics.values()) == {None}


def test_regression_is_measured_and_too_few_labels_give_no_verdict() -> None:
    task = Task("regression", (), 10.0)
    profile = Profile(KEY, 0, "training", task, (), {}, PROFILE.reference, None)
    layout = task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = 4
    rows = LabelledPairs(np.array([1.0, 2.0]), np.array([0.5, 3.0]), np.full(2, np.nan), np.ones(2, dtype=np.int64))
    add_joined(layout, rows, vector)
    verdict = examine_performance(
        profile, cut_of(vector), PerformanceBaseline(vector=vector, origin="first windows"), budget_of()
    )
    metrics = verdict.event.metrics
    assert (metrics["mae"], metrics["mse"], metrics["bias"]) == (7.5, 62.5, -2.5)
    assert (verdict.event.tested, verdict.findings, verdict.event.confusion) == (True, (), None)
    assert verdict.event.baseline_origin == "first windows"


def test_a_task_of_very_many_classes_shows_no_confusion_matrix() -> None:
    task = Task("multiclass", tuple(f"c{i:03}" for i in range(65)))
    profile = Profile(KEY, 0, "training", task, (), {}, PROFILE.reference, None)
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = 1
    assert examine_performance(profile, cut_of(vector), None, budget_of()).event.confusion is None


def test_configured_durations_leave_plain_numbers_in_events() -> None:
    settings = ModelSettings()
    cut = msgspec.structs.replace(cut_of(vector_of(PROFILE, 10, 1)), age_ms=settings.labels.revisions[0])
    event = examine_performance(PROFILE, cut, None, budget_of(settings)).event
    assert type(event.age_ms) is int
    assert type(event.window.size_ms) is int

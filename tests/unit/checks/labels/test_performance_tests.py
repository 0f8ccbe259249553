from __future__ import annotations

import msgspec
import numpy as np
import pytest

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import AlertSettings, CheckSettings, DispersionSettings, ModelSettings, PerformanceSettings
from driftline.config.settings import Settings
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
from driftline.profiles.history import History
from driftline.profiles.packed_sums import PackedWords
from driftline.profiles.profile import Profile
from driftline.profiles.task import Task
from driftline.significance.mean_shift import Values, mean_shift_test
from driftline.significance.share import share_test
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED
from tests.support.windows import HOUR, KEY, budget_of
from tests.unit.checks.labels.test_performance_check import PROFILE, baseline_of, cut_of, vector_of

REGRESSION = Task("regression", (), 10.0)


def of_task(task: Task, errors: ErrorSpread | None = None) -> Profile:
    history = None
    if errors is not None:
        nothing = PackedWords.of(np.zeros(168, dtype=np.int64))
        history = History(10_000, (HOUR,), 0, 0, 0, 0, nothing, nothing, (), errors)
    return Profile(KEY, 0, "training", task, (), {}, PROFILE.reference, None, history)


def regression_vector(n: int, size: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    actual = rng.normal(0, 1, n)
    rows = LabelledPairs(actual + rng.normal(0, size, n), actual, np.full(n, np.nan), np.ones(n, dtype=np.int64))
    vector = np.zeros(REGRESSION.performance_layout.n_cells, dtype=np.int64)
    vector[PREDICTED] = n
    add_joined(REGRESSION.performance_layout, rows, vector)
    return vector


def test_a_regression_whose_errors_grow_is_found() -> None:
    baseline = PerformanceBaseline(vector=regression_vector(4_000, 0.5), origin="reference")
    same = examine_performance(of_task(REGRESSION), cut_of(regression_vector(800, 0.5, 1)), baseline, budget_of())
    worse = examine_performance(of_task(REGRESSION), cut_of(regression_vector(800, 0.8, 1)), baseline, budget_of())
    assert same.event.tested
    assert same.findings == ()
    (finding,) = worse.findings
    assert (finding.check, finding.statistic.name, finding.severity) == ("performance.mae", "welch_t", "critical")
    assert finding.effect is not None
    assert finding.effect.name == "mae_rise"
    assert finding.effect.current == worse.event.metrics["mae"]
    assert finding.effect.corrected == pytest.approx(0.6, abs=0.1)
    assert finding.message.startswith("mae 4.03 -> 6.62 against the reference (a rise matters from 5.00 %)")
    assert finding.message.endswith("800 labelled predictions, whose errors are taken as independent")
    by_name = {each.check: each.p_value for each in worse.statistics}
    assert by_name["mae"] == finding.statistic.p_value
    assert by_name["mse"] is None


@pytest.mark.parametrize(("size", "checks"), [(0.42, ["improvement.mae"]), (0.49, []), (0.51, [])])
def test_errors_that_fall_by_a_sixth_are_told_of_and_notify_nobody(size: float, checks: list[str]) -> None:
    baseline = PerformanceBaseline(vector=regression_vector(4_000, 0.5), origin="reference")
    found = examine_performance(of_task(REGRESSION), cut_of(regression_vector(2_000, size, 1)), baseline, budget_of())
    assert [finding.check for finding in found.findings] == checks
    for finding in found.findings:
        assert (finding.family, finding.severity) == ("performance", "info")
        assert finding.level is not None
        assert not finding.level.in_budget
        assert finding.effect is not None
        assert finding.effect.name == "mae_drop"
        assert finding.effect.corrected == pytest.approx(1 / 6, abs=0.04)
        assert "which is better (a drop matters from 5.00 %)" in finding.message
    assert found.event.explained is msgspec.UNSET


def test_a_share_of_right_decisions_that_rises_is_told_of_and_notifies_nobody() -> None:
    vector = vector_of(PROFILE, 1_000, 50)
    better = examine_performance(PROFILE, cut_of(vector), baseline_of(4_000, 800), budget_of())
    (finding,) = better.findings
    assert (finding.check, finding.severity) == ("improvement.accuracy", "info")
    assert finding.statistic.p_value is not None
    assert finding.message.startswith(
        "accuracy 80.0 % -> 95.0 % against the reference, which is better (a rise matters"
    )


def confused(*cells: int) -> np.ndarray:
    """Return the vector of so many true negatives, false positives, false negatives and true positives."""
    layout = PROFILE.task.performance_layout
    predicted, actual = (np.repeat(np.array(each, dtype=float), cells) for each in ((0, 1, 0, 1), (0, 0, 1, 1)))
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    rows = LabelledPairs(predicted, actual, np.full(actual.size, 0.5), np.ones(actual.size, dtype=np.int64))
    add_joined(layout, rows, vector)
    vector[PREDICTED] = actual.size
    return vector


def test_one_metric_may_become_worse_while_another_improves() -> None:
    watched = ModelSettings(performance=PerformanceSettings(metrics=("recall", "specificity")))
    baseline = PerformanceBaseline(vector=confused(1_600, 400, 400, 1_600), origin="reference")
    verdict = examine_performance(PROFILE, cut_of(confused(480, 20, 200, 300)), baseline, budget_of(watched))
    worse, better = sorted(verdict.findings, key=lambda finding: finding.severity != "critical")
    assert (worse.check, worse.severity) == ("performance.recall", "critical")
    assert worse.explained is not msgspec.UNSET
    assert (better.check, better.severity) == ("improvement.specificity", "info")
    assert better.explained is msgspec.UNSET


def test_skewed_losses_keep_the_level_for_the_better() -> None:
    rng = np.random.default_rng(3)
    reference = rng.exponential(size=5_000)
    level, n = 0.01, 200
    before = Values(float(reference.mean()), float(reference.var()), reference.size)
    means = rng.exponential(size=(20_000, n)).mean(axis=1)
    results = [mean_shift_test(before, Values(float(mean), before.variance, n)) for mean in means]
    rejected = sum(result is not None and result.p_value <= level for result in results)
    assert rejected <= 1.2 * level * len(means)


def test_the_level_is_divided_over_the_metrics_that_are_watched() -> None:
    watched = ModelSettings(performance=PerformanceSettings(metrics=("accuracy", "precision", "recall", "mae")))
    cut = cut_of(vector_of(PROFILE, 2_000, 600))
    one, three = (
        examine_performance(PROFILE, cut, baseline_of(4_000, 400), budget_of(settings, labels=True)).findings
        for settings in (ModelSettings(), watched)
    )
    assert [each.check for each in one] == ["performance.accuracy"]
    assert [each.check for each in three] == ["performance.accuracy", "performance.precision", "performance.recall"]
    assert one[0].level is not None
    for each in three:
        assert each.level is not None
        assert each.level.level == pytest.approx(one[0].level.level / 3)
    assert three[1].n == 1_000


def test_probabilities_are_watched_by_their_losses() -> None:
    task = Task("binary", ("0", "1"))
    rng = np.random.default_rng(1)

    def vector(n: int, shift: float) -> np.ndarray:
        scores = rng.beta(2, 3, n)
        actual = (rng.random(n) < np.clip(scores + shift, 0, 1)).astype(float)
        cells = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
        cells[PREDICTED] = n
        rows = LabelledPairs((scores > 0.5).astype(float), actual, scores, np.ones(n, dtype=np.int64))
        add_joined(task.performance_layout, rows, cells)
        return cells

    settings = ModelSettings(performance=PerformanceSettings(metrics=("log_loss", "brier")))
    baseline = PerformanceBaseline(vector=vector(5_000, 0.0), origin="reference")
    findings = examine_performance(of_task(task), cut_of(vector(2_000, 0.4)), baseline, budget_of(settings)).findings
    assert [each.check for each in findings] == ["performance.log_loss", "performance.brier"]
    assert examine_performance(of_task(task), cut_of(vector(2_000, 0)), baseline, budget_of(settings)).findings == ()


def test_errors_that_come_in_spells_are_no_finding() -> None:
    cut, baseline = cut_of(vector_of(PROFILE, 1_000, 145)), baseline_of(4_000, 400)
    settings = ModelSettings(alerts=AlertSettings(info_level=0.01))
    spread = ErrorSpread(HOUR, {"accuracy": SpreadOfMetric(6.0, 200, 1_000.0)})
    task = PROFILE.task
    context = ErrorBudget.of(Settings(defaults=settings), KEY.model)
    (alone,) = examine_performance(of_task(task), cut, baseline, context).findings
    assert alone.dispersion is not None
    assert (alone.dispersion.status, alone.dispersion.lambda_bar) == ("assumed", 1.0)
    assert examine_performance(of_task(task, spread), cut, baseline, context).findings == ()
    worse = cut_of(vector_of(PROFILE, 1_000, 300))
    (known,) = examine_performance(of_task(task, spread), worse, baseline, context).findings
    assert known.dispersion is not None
    assert (known.dispersion.source, known.dispersion.lambda_bar, known.dispersion.n_windows) == ("reference", 6.0, 200)
    assert "vary 6 times as much as independent ones, by 200 windows of the reference" in known.message
    expected = share_test(300, 1_000, 400, 4_000, alternative="greater", dispersion=6.0, degrees_of_freedom=199.0)
    assert expected is not None
    assert known.statistic.p_value == expected.p_value


def test_independent_errors_are_taken_for_that_where_so_configured() -> None:
    spread = ErrorSpread(HOUR, {"accuracy": SpreadOfMetric(6.0, 200, 1_000.0)})
    checks = CheckSettings(dispersion=DispersionSettings(mode="independent"))
    cut, baseline = cut_of(vector_of(PROFILE, 1_000, 180)), baseline_of(4_000, 400)
    profile = of_task(PROFILE.task, spread)
    (found,) = examine_performance(profile, cut, baseline, budget_of(ModelSettings(checks=checks))).findings
    assert found.dispersion is not None
    assert found.dispersion.lambda_bar == 1.0
    of_other_windows = of_task(PROFILE.task, msgspec.structs.replace(spread, window_ms=2 * HOUR))
    context = ErrorBudget.of(Settings(), KEY.model)
    (found,) = examine_performance(of_other_windows, cut, baseline, context).findings
    assert "; 1,000 labelled predictions, whose errors are taken as independent; " in found.message


def test_the_smallest_change_that_matters_is_configured_by_metric() -> None:
    settings = ModelSettings(performance=PerformanceSettings(min_change={"mae": 0.7}))
    baseline = PerformanceBaseline(vector=regression_vector(4_000, 0.5), origin="reference")
    cut = cut_of(regression_vector(800, 0.8, 1))
    assert examine_performance(of_task(REGRESSION), cut, baseline, budget_of(settings)).findings == ()


@pytest.mark.parametrize(("n", "severity"), [(600, "warning"), (20_000, "critical")])
def test_performance_is_critical_only_where_that_much_of_the_fall_is_certain(n: int, severity: str) -> None:
    cut = cut_of(vector_of(PROFILE, n, n * 17 // 100))
    verdict = examine_performance(PROFILE, cut, baseline_of(40_000, 4_000), budget_of(labels=True))
    (finding,) = verdict.findings
    assert finding.effect is not None
    assert finding.effect.corrected == pytest.approx(0.07, abs=0.001), "3.5 times what matters"
    assert finding.severity == severity
